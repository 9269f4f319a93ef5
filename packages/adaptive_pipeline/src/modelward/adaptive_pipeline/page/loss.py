"""The picture of the loss: each version over the requests, with a band, and what was done when."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from modelward.core.pages import axes, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from modelward.adaptive_pipeline.result import PipelineResult

_MARKS = (
    ("since", "change", ":"),
    ("retrained", "retrained", "--"),
    ("promoted", "promoted", "-"),
    ("rolled_back", "rolled back", "-."),
)


def plot_loss(result: PipelineResult, ax: Axes | None = None) -> Axes:
    """Draw the mean loss of each version by windows of served requests, with its 95 % interval.

    Vertical lines mark where a change began, a challenger was ready, took over, or was taken back.
    """
    axis = axes(ax)
    for version in dict.fromkeys(w.version for w in result.windows):
        windows = [w for w in result.windows if w.version == version]
        middle = [(w.first + w.last) / 2 for w in windows]
        means = [w.loss.mean for w in windows]
        errors = [1.96 * w.loss.std / math.sqrt(w.loss.n) if w.loss.n > 1 else 0 for w in windows]
        (line,) = axis.plot(middle, means, marker=".", label=plain(f"version {version}"))
        axis.fill_between(
            middle,
            [max(0.0, m - e) for m, e in zip(means, errors, strict=True)],
            [m + e for m, e in zip(means, errors, strict=True)],
            color=line.get_color(),
            alpha=0.15,
            linewidth=0,
        )
    for adaptation in result.adaptations:
        for name, text, style in _MARKS:
            place = getattr(adaptation, name)
            if place is None:
                continue
            axis.axvline(place, color="#000000", linestyle=style, linewidth=1, alpha=0.6)
            axis.annotate(
                f" {text}",
                (place, 1.0),
                xycoords=("data", "axes fraction"),
                rotation=90,
                va="top",
                ha="right",
                fontsize=8,
            )
    axis.set_xlabel("requests served")
    axis.set_ylabel("mean loss")
    axis.margins(y=0.3)  # room for the words at the top
    axis.set_ylim(bottom=0)
    if result.windows:
        axis.legend(loc="upper left")
    return axis
