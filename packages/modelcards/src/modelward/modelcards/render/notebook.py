"""A card in a notebook: what it is, and every number it claims."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelward.core.pages import Block, Notice, Prose, Table, notebook
from modelward.modelcards.verification import layout

if TYPE_CHECKING:
    from modelward.modelcards.card import ModelCard


def notebook_of(card: ModelCard) -> str:
    """Draw a card for a notebook cell. Nothing is verified here, and the cell says so."""
    details = card.model_details
    version = "" if details.version is None else str(details.version.name or "")
    title = f"{details.name or 'Model card'} {version}".rstrip()
    text = details.overview or details.description or details.documentation or ""
    rows = [
        [metric.get("type"), metric.get("slice"), metric.get("value"), metric.get("unit")]
        for _, metric in layout.metrics(card.content())
    ]
    blocks: list[Block] = [
        Notice(f"{title}: {len(rows)} numbers, not verified here (see verify)"),
        Prose(str(text)),
    ]
    if rows:
        columns = ["number", "part", "value", "unit"]
        blocks.append(Table("Numbers the card claims", columns, rows))
    return notebook(*blocks)
