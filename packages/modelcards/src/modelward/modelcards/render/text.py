"""The card as Markdown: what the page says, for repositories and pull requests."""

from __future__ import annotations

from typing import Any

from modelward.modelcards.codecs.document import Document, dotted
from modelward.modelcards.render.audience import audience_of
from modelward.modelcards.render.escaping import cell
from modelward.modelcards.render.standing import by_row
from modelward.modelcards.verification import layout
from modelward.modelcards.verification.claims import CardVerification

_TITLES = {
    "use_cases": "Meant for",
    "prohibited_uses": "Not to be used for",
    "users": "Who uses it",
    "limitations": "Limitations",
    "tradeoffs": "Trade-offs",
    "ethical_considerations": "Ethical considerations",
}


def card_markdown(
    document: Document, verification: CardVerification, *, audience: str = "engineer"
) -> str:
    """Write a card as Markdown. Nothing in it can act, and no claim that does not stand is left out."""
    shown = audience_of(audience)
    details = layout.mapping(document.content, "model_details")
    name = document.said(("model_details",), details, "name") or "Model card"
    lines = [f"# {cell(name)}", "", f"**{cell(verification.verdict)}**", ""]
    lines += [
        f"- ❌ {cell(f'{c.status}: {c.metric} = {c.text} ({c.detail}), line {c.line}')}"
        for c in verification.failures
    ]
    lines += [""] if verification.failures else []
    for field in ("overview", "description", "documentation"):
        if details.get(field):
            lines += [f"## {field.capitalize()}", "", quoted(str(details[field])), ""]
    lines += _numbers(document, verification, shown.intervals)
    considerations = layout.mapping(document.content, "considerations")
    for key, title in _TITLES.items():
        items = considerations.get(key)
        if isinstance(items, list) and items:
            lines += [f"## {title}", "", *(f"- {cell(_words(item))}" for item in items), ""]
    if shown.findings:
        for _, reference in layout.references(document.content):
            found = reference.get("findings") or []
            title = str(reference.get("kind") or reference.get("record") or reference.get("run"))
            lines += [f"## Evidence: {cell(title)}", "", *(f"- {cell(str(f))}" for f in found), ""]
    return "\n".join(lines)


def quoted(text: str) -> str:
    """Give a text of a card as plain paragraphs: its own Markdown is shown, and does nothing."""
    return "\n\n".join(cell(paragraph) for paragraph in text.split("\n\n") if paragraph.strip())


def _numbers(document: Document, verification: CardVerification, intervals: bool) -> list[str]:
    standings = by_row(verification)
    head = ["number", "part", "value", *(["interval"] if intervals else []), "standing"]
    rows = []
    for place, metric in layout.metrics(document.content):
        kind, part, value, unit = (
            document.said(place, metric, k) or "" for k in ("type", "slice", "value", "unit")
        )
        interval = layout.mapping(metric, "confidence_interval")
        inner = (*place, "confidence_interval")
        ends = [
            document.said(inner, interval, key) or "open" for key in ("lower_bound", "upper_bound")
        ]
        claim = standings.get(dotted(place))
        failed = " – failed its limit" if metric.get("passed") is False else ""
        part = ", ".join(filter(None, [layout.group(document.content, place), part]))
        texts = [kind, part, f"{value} {unit}".strip() + failed]
        texts += [f"{ends[0]} to {ends[1]}" if interval else ""] if intervals else []
        rows.append([*texts, claim.status if claim else "not checked"])
    if not rows:
        return []
    table = ["| " + " | ".join(cell(text) for text in row) + " |" for row in rows]
    return [
        "## What was measured",
        "",
        "| " + " | ".join(head) + " |",
        "| --- " * len(head) + "|",
        *table,
        "",
    ]


def _words(item: Any) -> str:
    words = item.values() if isinstance(item, dict) else [item]
    return " — ".join(str(word) for word in words)
