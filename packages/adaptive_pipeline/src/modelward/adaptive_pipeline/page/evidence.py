"""The picture of a trial: the challenger's gain with its confidence sequence, label by label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelward.core.pages import axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from modelward.adaptive_pipeline.replay.evidence_path import EvidencePath


def plot_evidence(path: EvidencePath, ax: Axes | None = None) -> Axes:
    """Draw the gain of a trial over its labels, with the bounds that hold at every look."""
    axis = axes(ax)
    bounded = [
        (n, low, high) for n, _, low, high in path.points if low is not None and high is not None
    ]
    axis.axhline(path.margin, color="#000000", linewidth=1, linestyle="--", alpha=0.6)
    (line,) = axis.plot([p[0] for p in path.points], [p[1] for p in path.points], label="gain")
    axis.fill_between(
        [n for n, *_ in bounded],
        [low for _, low, _ in bounded],
        [high for *_, high in bounded],
        color=line.get_color(),
        alpha=0.15,
        linewidth=0,
        label="confidence sequence",
    )
    # The first bounds are wide enough to hide everything after them.
    widest = sorted((high - low for _, low, high in bounded), reverse=True)
    if widest:
        room = widest[min(len(widest) // 10, len(widest) - 1)] / 2
        middle = path.points[-1][1]
        axis.set_ylim(min(middle, path.margin) - room * 1.2, max(middle, path.margin) + room * 1.2)
    axis.set_xlabel("labels compared")
    axis.set_ylabel("loss saved by the challenger")
    axis.legend(loc="upper right")
    return axis
