"""The coverage report as blocks of a page."""

from __future__ import annotations

from modelward.core.pages import Block, Notice, Page, Prose, Section, Table, Tile
from modelward.core.pages.blocks import Status
from modelward.modelcards.comparison.coverage import NOT_ADVICE, SOURCE, Coverage

_COLOURS: dict[str, Status] = {"covered": "good", "partly": "warning", "missing": "bad"}


def coverage_page(report: Coverage) -> Page:
    """Draw the report as a page."""
    status: Status = "good" if report else "warning"
    blocks: list[Block] = [
        Notice(report.verdict, status),
        Notice(NOT_ADVICE),
        Section("Point by point", [coverage_table(report)]),
        Prose(f"The points are those of {SOURCE}, in our words."),
    ]
    return Page(
        title=f"{report.name}: Annex IV",
        lead="What the model card covers of the technical documentation of high-risk AI systems.",
        blocks=blocks,
        footer="Made by modelward-modelcards.",
    )


def coverage_table(report: Coverage) -> Table:
    """Draw one row per point, with its standing in words and by colour."""
    rows = [
        [
            p.point,
            p.title,
            Tile("", p.standing, status=_COLOURS[p.standing]),
            ", ".join(p.covered_by) or None,
            ", ".join(p.missing) or None,
        ]
        for p in report.points
    ]
    return Table(
        "Points of Annex IV and the fields that cover them",
        ["point", "asks for", "card", "covered by", "missing"],
        rows,
    )
