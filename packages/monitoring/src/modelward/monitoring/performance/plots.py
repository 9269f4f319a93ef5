"""Pictures of performance over windows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from modelward.core.pages import axes, plain
from modelward.monitoring.fleet.records import Window

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from modelward.monitoring.performance.history import PerformanceHistory
    from modelward.monitoring.performance.result import WindowPerformance

_LOOKS: dict[str, dict[str, Any]] = {
    "realised": {"color": "#3b7dd8", "marker": "o", "linestyle": "-"},
    "estimated": {"color": "#c4622d", "marker": "s", "linestyle": "--"},
}
"""Told apart without colour, too."""


def plot_history(history: PerformanceHistory, ax: Axes | None = None) -> Axes:
    """Draw both values with their bands, the baseline, the threshold, and what is worse."""
    ax = axes(ax)
    for part, look in _LOOKS.items():
        shown = [
            (place, found)
            for place, window in enumerate(history.windows)
            if (found := getattr(window, part)) is not None
        ]
        if not shown:
            continue
        at = [place for place, _ in shown]
        ax.plot(at, [found.value for _, found in shown], label=part, **look)
        bands = [
            (math.nan, math.nan) if found.low is None else (found.low, found.high)
            for _, found in shown
        ]
        lows, highs = zip(*bands, strict=True)
        ax.fill_between(at, lows, highs, color=look["color"], alpha=0.15, linewidth=0)
    newest = next((w for w in reversed(history.windows) if w.baseline is not None), None)
    if newest is not None and newest.baseline is not None and newest.threshold is not None:
        ax.axhline(newest.baseline.value, color="#000000", linewidth=1, label="baseline")
        if newest.smallest_loss > 0:
            ax.axhline(newest.threshold, color="#000000", linestyle=":", label="smallest loss")
    worse = [
        (place, found.value.value)
        for place, found in enumerate(history.windows)
        if found.verdict == "worse" and found.value is not None
    ]
    if worse:
        ax.plot(
            *zip(*worse, strict=True),
            linestyle="none",
            marker="D",
            markersize=10,
            markerfacecolor="none",
            color="#b23a6b",
            label="worse",
        )
    if len(history) <= 12:
        names = [plain(_name(w)) for w in history.windows]
        ax.set_xticks(range(len(history)), names, rotation=30, ha="right")
    else:
        ax.set_xlabel("window")
    ax.set_ylabel(plain(history.metric))
    if ax.get_legend_handles_labels()[0]:
        # Above the picture, where it hides no value.
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=5, fontsize="small")
    return ax


def _name(found: WindowPerformance) -> str:
    """Give the start of a window, to the minute where it is not a whole day."""
    if not isinstance(found.window, Window):
        return found.window or found.segment
    start = found.window.start
    return start.strftime("%Y-%m-%d" if start.hour == start.minute == 0 else "%Y-%m-%d %H:%M")
