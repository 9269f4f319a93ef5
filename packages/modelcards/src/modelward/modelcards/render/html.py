"""The card as one page, with each number's standing beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from modelward.core.pages import Block, Html, Notice, Page, Prose, Section, Table
from modelward.modelcards.codecs.document import Document, Place, dotted
from modelward.modelcards.render import facts
from modelward.modelcards.render.audience import Audience, audience_of
from modelward.modelcards.render.charts import charts
from modelward.modelcards.render.markdown import markdown
from modelward.modelcards.render.pictures import pictures
from modelward.modelcards.render.standing import COLOURS, by_row, mark, standing
from modelward.modelcards.render.tables import table
from modelward.modelcards.verification import layout
from modelward.modelcards.verification.claims import CardVerification

_CONSIDERATIONS = {
    "use_cases": "Meant for",
    "prohibited_uses": "Not to be used for",
    "users": "Who uses it",
    "limitations": "Limitations",
    "tradeoffs": "Trade-offs",
    "ethical_considerations": "Ethical considerations",
    "foreseeable_misuse": "Foreseeable misuse",
    "human_oversight": "Human oversight",
    "instructions_for_use": "Instructions for use",
}


def card_page(
    document: Document,
    verification: CardVerification,
    *,
    audience: str = "engineer",
    back: tuple[str, str] | None = None,
) -> Page:
    """Draw a card for an audience: engineer, risk or public. `back` is a link (text, address).

    No claim that does not stand is left out, whatever else is. Raises `ConfigError` for another
    audience.
    """
    shown = audience_of(audience)
    content = document.content
    details = _dict(content.get("model_details"))
    version = _dict(details.get("version"))
    inside = ("model_details", "version")
    name, date = (document.said(inside, version, key) for key in ("name", "date"))
    words = [f"version {name}" if name else "", f"of {date}" if date else ""]
    blocks = standing(verification)
    for section in shown.sections:
        blocks += list(_SECTIONS[section](document, verification, shown))
    return Page(
        title=document.said(("model_details",), details, "name") or "Model card",
        lead=" ".join(filter(None, ["Model card", *words])) + ".",
        blocks=blocks,
        footer=f"Made by modelward-modelcards from {document.source.name}, for readers: {audience}.",
        back=back,
    )


def _text(document: Document, _: CardVerification, __: Audience) -> Iterator[Block]:
    details = _dict(document.content.get("model_details"))
    for field in ("overview", "description", "documentation"):
        if details.get(field):
            yield Section(field.capitalize(), [Html(markdown(str(details[field])))])


def _parameters(document: Document, _: CardVerification, __: Audience) -> Iterator[Block]:
    parameters = _dict(_dict(document.content.get("model_parameters")).get("parameters"))
    if parameters:
        inside = ("model_parameters", "parameters")
        rows = [[key, document.said(inside, parameters, key)] for key in parameters]
        yield Section("Parameters", [Table("Of training", ["name", "value"], rows)])


def _data(document: Document, _: CardVerification, __: Audience) -> Iterator[Block]:
    rows = [
        [
            document.said(place, entry, "name") or "–",
            document.said(place, entry, "role"),
            document.said(place, entry, "rows"),
            document.said(place, entry, "sha256"),
        ]
        for place, entry in layout.entries(document.content, ("model_parameters", "data"))
    ]
    if rows:
        columns = ["data", "role", "rows", "sha256"]
        parts: list[Block] = [Table("What it was made and measured with", columns, rows)]
        for place, entry in layout.entries(document.content, ("model_parameters", "data")):
            parts += facts.data(document, place)
            parts += pictures(entry.get("graphics"))
        yield Section("Data", parts)


def _metrics(
    document: Document, verification: CardVerification, audience: Audience
) -> Iterator[Block]:
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
                ", ".join(filter(None, [layout.group(document.content, place), part])) or None,
                f"{value or ''} {unit or ''}".strip() + _verdict(document, place, metric),
                *(
                    [f"{bounds[0]} to {bounds[1]}" if interval else None]
                    if audience.intervals
                    else []
                ),
                None if claim is None else mark(claim),
            ]
        )
    parts: list[Block] = []
    if rows:
        middle = ["interval"] if audience.intervals else []
        columns = ["number", "part", "value", *middle, "standing"]
        parts += charts(document, intervals=audience.intervals)
        parts.append(table("Every number the card claims", columns, rows))
    if parts := [*parts, *facts.measuring(document)]:
        yield Section("What was measured", parts)
    analysis = _dict(document.content.get("quantitative_analysis"))
    if shown := list(pictures(analysis.get("graphics"))):
        yield Section("Pictures of the results", shown)


def _verdict(document: Document, place: Place, metric: dict[str, Any]) -> str:
    """Say that a number has failed its limit: no audience is spared that."""
    if metric.get("passed") is not False:
        return ""
    limit = document.said(place, metric, "limit")
    return f" – failed its limit {limit or ''}".rstrip()


def _evidence(
    document: Document, verification: CardVerification, audience: Audience
) -> Iterator[Block]:
    parts: list[Block] = []
    standings = by_row(verification)
    for place, reference in layout.references(document.content):
        claim = standings.get(dotted(place))
        status = COLOURS[claim.status] if claim else "warning"
        stands = f"{claim.status}: {claim.detail}" if claim else "not checked"
        findings = [str(f) for f in _list(reference.get("findings"))]
        parts.append(
            Section(
                _title(reference),
                [Notice(stands, status), *(Prose(f) for f in findings if audience.findings)],
            )
        )
    if parts:
        yield Section("Evidence", parts)


def _title(reference: dict[str, Any]) -> str:
    """Name a record or run, with the metrics of a run that the card claims."""
    named = [str(reference[key]) for key in ("kind", "record", "run") if reference.get(key)]
    claimed = ", ".join(str(metric) for metric in _list(reference.get("metrics")))
    return " ".join(named or ["No record"]) + (f": {claimed}" if claimed else "")


def _considerations(document: Document, _: CardVerification, __: Audience) -> Iterator[Block]:
    considerations = _dict(document.content.get("considerations"))
    parts: list[Block] = []
    for key, title in _CONSIDERATIONS.items():
        texts = []
        value = considerations.get(key)
        for item in value if isinstance(value, list) else filter(None, [value]):
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


_SECTIONS: dict[str, Callable[[Document, CardVerification, Audience], Iterator[Block]]] = {
    "text": _text,
    "numbers": _metrics,
    "evidence": _evidence,
    "considerations": _considerations,
    "parameters": _parameters,
    "data": _data,
    "about": lambda document, _, audience: facts.about(document, brief=audience.brief),
    "making": lambda document, *_: facts.making(document),
    "assessments": lambda document, *_: facts.assessments(document),
    "fairness": lambda document, *_: facts.fairness(document),
    "environment": lambda document, *_: facts.environment(document),
    "governance": lambda document, *_: facts.governance(document),
    "other": lambda document, *_: facts.other(document),
}
