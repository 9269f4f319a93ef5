"""Pictures over time: performance with its bands, how far a feature moved, machines."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from modelward.core.metrics import Estimate
from modelward.core.pages import Figure, axes, plain, svg
from modelward.monitoring.decisions.result import DriftResult, FeatureDrift
from modelward.monitoring.fleet.records import Event, ModelStatus, Window
from modelward.monitoring.infrastructure.records import ResourceSample
from modelward.monitoring.outputs.dashboard.addresses import shown
from modelward.monitoring.outputs.plots import DRIFTED, STEADY, plot_distribution

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_turn = threading.Lock()  # matplotlib keeps its settings for the whole process
SIZE = (8.0, 2.6)
LEAST_DAYS = 1 / 24
LOOKS: dict[str, dict[str, Any]] = {
    "realised": {"color": "#3b7dd8", "marker": "o", "linestyle": "-"},
    "estimated": {"color": "#c4622d", "marker": "s", "linestyle": "--"},
}
"""Told apart without colour, too."""


def performance_picture(history: Sequence[ModelStatus], events: Sequence[Event]) -> Figure | None:
    """Draw realised and estimated performance with their bands, the baseline, and deployments."""
    known = [(s.window.end, s.performance) for s in history if s.window and s.performance]
    if not known:
        return None
    metric = known[-1][1].metric
    same = [(at, found) for at, found in known if found.metric == metric]

    def draw() -> Axes:
        ax = axes(figsize=SIZE)
        for part, look in LOOKS.items():
            of_part = [(at, getattr(found, part)) for at, found in same]
            _band(ax, [(at, value) for at, value in of_part if value is not None], part, look)
        baseline = same[-1][1].baseline
        if baseline is not None:
            ax.axhline(baseline.value, color="#000000", linewidth=1, label="baseline")
        _marks(ax, events, [at for at, _ in same])
        ax.set_ylabel(plain(metric))
        return _dated(ax)

    newest = same[-1][1].value
    said = "not known" if newest is None else f"{newest.value:.4g}"
    return Figure(
        _drawn(draw),
        alt=f"{metric} over {len(same)} windows; the newest is {said}.",
        caption="Measured with labels (circles), estimated without (squares), with the intervals "
        "they come with. Dashed uprights: deployments and retrainings.",
    )


def drift_picture(history: Sequence[ModelStatus], events: Sequence[Event]) -> Figure | None:
    """Draw the largest change of any feature over the windows, and where there was an alarm."""
    known = [(s.window.end, s) for s in history if s.window]
    if not known:
        return None

    def draw() -> Axes:
        ax = axes(figsize=SIZE)
        at: Any = [when for when, _ in known]
        values = [s.largest_change for _, s in known]
        ax.plot(at, values, color=STEADY, marker="o", label="largest change of any feature")
        alarms = [(when, s.largest_change) for when, s in known if s.drifted]
        _diamonds(ax, alarms, "with features that drifted")
        _marks(ax, events, at)
        ax.set_ylim(bottom=0)
        ax.set_ylabel("change of a share")
        return _dated(ax)

    alarmed = sum(bool(s.drifted) for _, s in known)
    return Figure(
        _drawn(draw),
        alt=f"Largest change of any feature over {len(known)} windows, {alarmed} with drift.",
        caption="How far the feature that moved the furthest did; diamonds where features drifted.",
    )


def feature_picture(history: Sequence[tuple[Window, FeatureDrift]]) -> Figure | None:
    """Draw how far one feature moved in each window, with its interval."""
    known = [(w.end, f, f.test.effect) for w, f in history if f.test.effect is not None]
    if not known:
        return None

    def draw() -> Axes:
        ax = axes(figsize=SIZE)
        look = {"color": STEADY, "marker": "o", "linestyle": "-"}
        _band(ax, [(at, effect) for at, _, effect in known], "change", look)
        _diamonds(ax, [(at, e.value) for at, f, e in known if f.drifted], "drifted")
        smallest = known[-1][1].smallest_shift
        if smallest is not None:
            line: dict[str, Any] = {"color": "#000000", "linestyle": ":", "linewidth": 1}
            ax.axhline(smallest, label="smallest that matters", **line)
        ax.set_ylim(bottom=0)
        ax.set_ylabel("change of a share")
        return _dated(ax)

    drifted = sum(f.drifted for _, f, _ in known)
    return Figure(
        _drawn(draw),
        alt=f"Change of {shown(known[0][1].feature)} over {len(known)} windows, {drifted} with drift.",
        caption="How far it moved from the reference, with its interval; diamonds where that is drift.",
    )


def distribution_picture(result: DriftResult, feature: str) -> Figure | None:
    """Draw the distribution of a feature in the reference and in the window."""
    sides = (result.reference.columns.get(feature), result.current.columns.get(feature))
    if any(side is None for side in sides) or not any(side.n for side in sides if side):
        return None
    words = result[feature].words
    return Figure(
        _drawn(lambda: plot_distribution(result, feature, axes(figsize=SIZE))),
        alt=f"Distribution of {shown(feature)} in the reference and in {result.window}.",
        caption=f"The reference against {result.window}: {shown(words)}.",
    )


def machine_picture(host: str, samples: Sequence[ResourceSample]) -> Figure | None:
    """Draw what a machine used, as shares of what it has."""
    ordered = sorted(samples, key=lambda sample: sample.at)
    lines = {
        name: [(s.at, v) for s in ordered if (v := used(s, name)) is not None] for name in USED
    }
    lines = {name: line for name, line in lines.items() if line}
    if len(ordered) < 2 or not lines:
        return None

    def draw() -> Axes:
        ax = axes(figsize=SIZE)
        for (name, line), style in zip(lines.items(), ("-", "--", ":"), strict=False):
            ax.plot(*zip(*line, strict=True), label=name, linestyle=style, linewidth=2)
        ax.set_ylim(0, 1)
        ax.set_ylabel("share in use")
        return _dated(ax)

    said = ", ".join(f"{name} {line[-1][1]:.0%}" for name, line in lines.items())
    return Figure(
        _drawn(draw), alt=f"Use of {shown(host)} over time; now {said}.", caption=shown(host)
    )


USED = {
    "processors": ("cpu_ratio", ""),
    "memory": ("memory_used_bytes", "memory_total_bytes"),
    "disk": ("disk_used_bytes", "disk_total_bytes"),
}


def used(sample: ResourceSample, name: str) -> float | None:
    """Give the share of what a machine has that is in use."""
    part, whole = USED[name]
    value, of = sample.values.get(part), sample.values.get(whole, 1.0) if whole else 1.0
    return None if value is None or not of else value / of


def _drawn(draw: Callable[[], Axes]) -> Markup:
    with _turn:
        return svg(draw())


def _band(
    ax: Axes, values: Sequence[tuple[datetime, Estimate]], label: str, look: dict[str, Any]
) -> None:
    if not values:
        return
    at: Any = [when for when, _ in values]
    ax.plot(at, [found.value for _, found in values], label=label, **look)
    low = [math.nan if found.low is None else found.low for _, found in values]
    high = [math.nan if found.high is None else found.high for _, found in values]
    if len(values) > 1:
        ax.fill_between(at, low, high, color=look["color"], alpha=0.18, linewidth=0)
    else:
        ax.vlines(at, low, high, color=look["color"], alpha=0.6)


def _diamonds(ax: Axes, values: Sequence[tuple[datetime, float]], label: str) -> None:
    if values:
        at: Any = [when for when, _ in values]
        look: dict[str, Any] = {
            "linestyle": "none",
            "marker": "D",
            "markersize": 9,
            "markerfacecolor": "none",
        }
        ax.plot(at, [value for _, value in values], color=DRIFTED, label=label, **look)


def _marks(ax: Axes, events: Sequence[Event], at: Sequence[datetime]) -> None:
    """Draw what happened within the picture."""
    for event in events:
        if event.kind in {"deployment", "retraining"} and min(at) <= event.at <= max(at):
            ax.axvline(event.at, color="#7d7a1f", linestyle="--", linewidth=1.2)  # type: ignore[arg-type]


def _dated(ax: Axes) -> Axes:
    from matplotlib import dates

    low, high = ax.get_xlim()  # in days
    if high - low < LEAST_DAYS:
        middle = (low + high) / 2
        ax.set_xlim(middle - LEAST_DAYS / 2, middle + LEAST_DAYS / 2)
    made: Any = dates  # its classes say nothing of their types
    locator = made.AutoDateLocator()
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(made.ConciseDateFormatter(locator))
    if ax.get_legend_handles_labels()[0]:
        # Above the picture, where it hides no value.
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=5, fontsize="small")
    return ax
