"""The card as one page, with each number's standing beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelward.core.pages import Block, Html, Notice, Page, Prose, Section, Table
from modelward.modelcards import layout
from modelward.modelcards.claims import CardVerification
from modelward.modelcards.codecs.document import Document, dotted
from modelward.modelcards.render.markdown import markdown
from modelward.modelcards.render.standing import COLOURS, by_row, mark, standing

_CONSIDERATIONS = {
    "use_cases": "Meant for",
    "users": "Who uses it",
    "limitations": "Limitations",
    "tradeoffs": "Trade-offs",
    "ethical_considerations": "Ethical considerations",
}


def card_page(document: Document, verification: CardVerification) -> Page:
    """Draw a card. No claim that does not stand is left out, whatever else is."""
    content = document.content
    details = _dict(content.get("model_details"))
    version = _dict(details.get("version"))
    inside = ("model_details", "version")
    name, date = (document.said(inside, version, key) for key in ("name", "date"))
    words = [f"version {name}" if name else "", f"of {date}" if date else ""]
    blocks = standing(verification)
    for field in ("overview", "description", "documentation"):
        if details.get(field):
            blocks.append(Section(field.capitalize(), [Html(markdown(str(details[field])))]))
    blocks += list(_metrics(document, verification))
    blocks += list(_evidence(document, verification))
    blocks += list(_considerations(_dict(content.get("considerations"))))
    parameters = _dict(_dict(content.get("model_parameters")).get("parameters"))
    if parameters:
        inside = ("model_parameters", "parameters")
        rows = [[key, document.said(inside, parameters, key)] for key in parameters]
        blocks.append(Section("Parameters", [Table("Of training", ["name", "value"], rows)]))
    return Page(
        title=document.said(("model_details",), details, "name") or "Model card",
        lead=" ".join(filter(None, ["Model card", *words])) + ".",
        blocks=blocks,
        footer=f"Made by modelward-modelcards from {document.source.name}.",
    )


def _metrics(document: Document, verification: CardVerification) -> Iterator[Block]:
    rows = []
    standings = by_row(verification)
    for place, metric in layout.metrics(document.content):
        kind, part, value, unit = (
            document.said(place, metric, key) for key in ("type", "slice", "value", "unit")
        )
        interval = _dict(metric.get("confidence_interval"))
        bounds = [
            document.said((*place, "confidence_interval"), interval, key) or "open"
            for key in ("lower_bound", "upper_bound")
        ]
        claim = standings.get(dotted(place))
        rows.append(
            [
                kind or "–",
                part,
                f"{value or ''} {unit or ''}".strip(),
                f"{bounds[0]} to {bounds[1]}" if interval else None,
                None if claim is None else mark(claim),
            ]
        )
    if rows:
        columns = ["number", "part", "value", "interval", "standing"]
        yield Section("What was measured", [Table("Every number the card claims", columns, rows)])


def _evidence(document: Document, verification: CardVerification) -> Iterator[Block]:
    parts: list[Block] = []
    standings = by_row(verification)
    for place, reference in layout.references(document.content):
        claim = standings.get(dotted(place))
        status = COLOURS[claim.status] if claim else "warning"
        stands = f"{claim.status}: {claim.detail}" if claim else "not checked"
        findings = [str(f) for f in _list(reference.get("findings"))]
        parts.append(
            Section(
                str(reference.get("kind") or reference.get("record")),
                [Notice(stands, status), *(Prose(f) for f in findings)],
            )
        )
    if parts:
        yield Section("Evidence", parts)


def _considerations(considerations: dict[str, Any]) -> Iterator[Block]:
    parts: list[Block] = []
    for key, title in _CONSIDERATIONS.items():
        texts = []
        for item in _list(considerations.get(key)):
            words = item.values() if isinstance(item, dict) else [item]
            texts.append("- " + " — ".join(str(w).replace("\n", "\n  ") for w in words))
        if texts:
            parts.append(Section(title, [Html(markdown("\n".join(texts)))]))
    if parts:
        yield Section("Considerations", parts)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
