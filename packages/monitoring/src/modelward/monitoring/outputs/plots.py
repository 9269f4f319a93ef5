"""Pictures of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modelward.core.errors import DataError
from modelward.core.pages import axes, plain
from modelward.monitoring.sketch.categorical import CategoricalSketch

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from modelward.monitoring.decisions.result import DriftResult

_MOST = 25
DRIFTED, STEADY = "#b23a6b", "#3b7dd8"


def plot_changes(result: DriftResult, ax: Axes | None = None) -> Axes:
    """Draw the change of each feature with its interval, at most 25, the furthest on top."""
    shown = [f for f in result.ranked if f.test.effect is not None][:_MOST][::-1]
    ax = axes(ax, figsize=(7.2, 1.2 + 0.26 * len(shown)))
    for place, found in enumerate(shown):
        effect = found.test.effect
        color = DRIFTED if found.drifted else STEADY
        if effect is not None and effect.low is not None and effect.high is not None:
            ax.plot([effect.low, effect.high], [place, place], color=color, linewidth=2, alpha=0.6)
        marker = "D" if found.drifted else "o"  # told apart without colour, too
        ax.plot([effect.value if effect else 0.0], [place], marker, color=color)
    ax.axvline(result.smallest_shift, linestyle="--", color="#000000", linewidth=1)
    ax.set_yticks(range(len(shown)), [tick(f.feature) for f in shown])
    ax.set_xlabel("largest change of a share (diamond: drifted; dashed: smallest that matters)")
    ax.set_xlim(left=0)
    ax.set_ylim(-0.5, max(len(shown), 1) - 0.5)
    return ax


def plot_distribution(result: DriftResult, feature: str, ax: Axes | None = None) -> Axes:
    """Draw the distribution of one feature in the reference and in the window.

    Raises `DataError` when the reference does not have it, or neither side has a value.
    """
    if not _drawable(result, feature):
        raise DataError(f"expected a feature of the reference with values, got {feature!r}")
    ax = axes(ax, figsize=(7.2, 2.4))
    before, after = result.reference.columns[feature], result.current.columns[feature]
    if isinstance(before, CategoricalSketch) and isinstance(after, CategoricalSketch):
        names = [*before.categories, "other"]
        order = np.argsort(-before.counts)[:15]
        at = np.arange(order.size)
        for offset, sketch, label in ((-0.2, before, "reference"), (0.2, after, result.window)):
            ax.bar(at + offset, sketch.counts[order] / max(sketch.n, 1), width=0.4, label=label)
        ax.set_xticks(at, [tick(names[i], 20) for i in order], rotation=30, ha="right")
    elif not isinstance(before, CategoricalSketch) and not isinstance(after, CategoricalSketch):
        low, high = min(before.minimum, after.minimum), max(before.maximum, after.maximum)
        lines = np.linspace(low, high if high > low else low + 1, 41)
        for numbers, label in ((before, "reference"), (after, result.window)):
            ax.stairs(numbers.binned(lines), lines, label=label, linewidth=2)
    ax.set_ylabel("share of rows")
    ax.set_xlabel(tick(feature, 80))
    # Above the picture, where it hides no value.
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize="small")
    return ax


def tick(name: object, longest: int = 32) -> str:
    """Give a name as the text of an axis: on one line, and so short that it leaves room to draw.

    >>> tick("two   words"), tick("x" * 50, 10)
    ('two words', 'xxxxxxxxx…')
    """
    text = " ".join(str(name).split())
    return plain(text if len(text) <= longest else f"{text[: longest - 1]}…")


def _drawable(result: DriftResult, feature: str) -> bool:
    sides = (result.reference.columns.get(feature), result.current.columns.get(feature))
    return any(side is not None and side.n > 0 for side in sides)
