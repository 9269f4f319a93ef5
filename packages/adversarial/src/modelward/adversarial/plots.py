"""The plots of an assessment: the security curve, and the heat map of what transfers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from modelward.adversarial.results import Assessment, Cell
from modelward.core.errors import DataError
from modelward.core.pages import axes, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKS = "osD^vPX*"


def curve(result: Assessment, ax: Axes | None = None) -> Axes:
    """Draw AP against eps, a line for each attack and pair of detectors, from the clean AP at 0.

    Where some are attacked in white box, these alone are drawn: the heat map shows what transfers.
    """
    ax = axes(ax)
    several = len({*result.sources, *result.targets}) > 1
    lines = series(result)
    white = {key: cells for key, cells in lines.items() if cells[0].white_box}
    for (label, source, target), cells in (white or lines).items():
        levels = [result.clean[target].ap, *(c.ap for c in cells)]
        values = [level.value for level in levels]
        below = [max(0.0, level.value - (level.low or 0.0)) for level in levels]
        above = [max(0.0, (level.high or 0.0) - level.value) for level in levels]
        pair = f", {target}" if source == target else f", {source} → {target}"
        number = len(ax.containers)
        ax.errorbar(
            [0.0, *(c.eps * 255 for c in cells)],
            values,
            yerr=[below, above],
            marker=MARKS[number % len(MARKS)],
            linestyle=("-", "--", ":", "-.")[number // 7 % 4],
            markersize=5,
            capsize=3,
            label=plain(label + (pair if several else "")),
        )
    ax.set_xlabel("eps (grey levels of 255)")
    ax.set_ylabel("AP .50:.95")
    ax.set_ylim(0, None)
    ax.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def series(result: Assessment) -> dict[tuple[str, str, str], list[Cell]]:
    """Give the cells that differ in eps alone, by attack without eps, source and target."""
    found: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in sorted(result.cells, key=lambda c: c.eps):
        if "eps" in cell.settings or cell.eps > 0:
            label = " ".join(part for part in cell.attack.split(" ") if not _is_size(part))
            found.setdefault((label, cell.source, cell.target), []).append(cell)
    return found


def _is_size(part: str) -> bool:
    return part.endswith("/255") or part.startswith(("eps=", "step="))


def heat_map(result: Assessment, attack: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw what is left of each target's AP50 under one attack, in percent: dark is little.

    Raises `DataError` for an attack that was not run.
    """
    attack = attack or main_attack(result)
    if attack not in result.attacks:
        raise DataError(f"expected an attack of {list(result.attacks)}, got {attack!r}")
    sources, targets = result.sources, result.targets
    ax = axes(ax, figsize=(2.4 + 1.3 * len(targets), 1.4 + 0.6 * len(sources)))
    cells = [[result.cell(s, t, attack) for t in targets] for s in sources]
    values = np.array([[np.nan if c.left is None else c.left.value for c in row] for row in cells])
    ax.imshow(values, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(*values.shape):
        left = cells[row][column].left
        shade = "#ffffff" if values[row, column] < 0.5 else "#101010"
        words = "n/a" if left is None else f"{left.value:.0%}"
        if left is not None and left.low is not None and left.high is not None:
            words += f"\n{left.low:.0%} to {left.high:.0%}"
        ax.text(column, row, words, ha="center", va="center", color=shade, fontsize=8)
    ax.set_xticks(range(len(targets)), [plain(t) for t in targets], rotation=20, ha="right")
    ax.set_yticks(range(len(sources)), [plain(s) for s in sources])
    ax.set_xlabel("shown to")
    ax.set_ylabel("made on")
    ax.grid(visible=False)
    return ax


def main_attack(result: Assessment) -> str:
    """Give the label of the first attack with gradients, or of the first."""
    return next((c.attack for c in result.cells if c.uses_gradient), result.attacks[0])
