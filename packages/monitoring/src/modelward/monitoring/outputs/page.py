"""The page of one window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelward.core.pages import Block, Figure, Page, Section, svg
from modelward.monitoring.decisions.result import LEARNT
from modelward.monitoring.outputs.plots import plot_changes, plot_distribution

if TYPE_CHECKING:
    from modelward.monitoring.decisions.result import DriftResult

_FEATURES = 6


def window_page(result: DriftResult) -> Page:
    """Draw the decision, how far each feature moved, and the worst of them before and after."""
    notice, tiles, table = result.blocks()
    moved = ", ".join(result.shifted) or "no feature"
    blocks: list[Block] = [
        notice,
        tiles,
        Figure(
            svg(plot_changes(result)),
            alt=f"Change of each feature with its interval; drifted: {moved}.",
            caption="How far each feature moved. A steady feature is one whose drift was not shown: it "
            "may have moved as far as its interval reaches.",
        ),
        Section("Features", [table]),
    ]
    worst = [f for f in result.ranked if f.drifted][:_FEATURES]
    if worst:
        pictures: list[Block] = [
            Figure(
                svg(plot_distribution(result, f.feature)),
                alt=f"Distribution of {f.feature} in the reference and in {result.window}.",
                caption=f"{f.feature}: {f.words}",
            )
            for f in worst
        ]
        blocks.append(Section("What changed, before and after", pictures))
    return Page(
        title=f"Data drift of {result.model}",
        lead=f"{result.current_rows} rows ({result.window}) against a reference of "
        f"{result.reference_rows}: which features have changed by more than chance, and by how much.",
        blocks=blocks,
        footer=f"Made by modelward-monitoring. Rule: {_rule(result)}.",
    )


def _rule(result: DriftResult) -> str:
    if result.control == LEARNT:
        return "limits learnt from chunks of the reference"
    return f"{result.control}, q {result.q:g}, smallest change {result.smallest_shift:g}"
