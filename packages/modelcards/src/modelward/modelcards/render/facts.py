"""What a card says in single words and sentences, as tables: nothing it says is left out in silence."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from modelward.core.pages import Block, Html, Section
from modelward.modelcards.codecs.document import Document, Place
from modelward.modelcards.render.markdown import markdown
from modelward.modelcards.render.tables import table
from modelward.modelcards.verification import layout

_LONGEST = 2000
_PUBLIC = ("owners", "licenses", "status", "risk", "provider")
_TOLD_ELSEWHERE = ("name", "overview", "description", "documentation")
_ASSESSMENTS = {
    "robustness": "Robustness",
    "drift": "Drift",
    "validation": "Where it fails",
    "lifecycle": "Through its life",
}
_SECTIONS = {"schema_version", "model_details", "model_parameters", "quantitative_analysis",
             "considerations", "fairness", "environment", "governance", "evidence",
             *_ASSESSMENTS}  # fmt: skip


def about(document: Document, *, brief: bool = False) -> Iterator[Block]:
    """Tell who answers for the model, on which terms it may be used, and how risky that is."""
    only = _PUBLIC if brief else ()
    yield from _section(document, ("model_details",), "About the model", _TOLD_ELSEWHERE, only)


def making(document: Document) -> Iterator[Block]:
    """Tell how the model is made: architecture, inputs, outputs, procedure."""
    parameters = layout.mapping(document.content, "model_parameters").get("parameters")
    leave = [
        "data",
        "performance_metrics",
        *(["parameters"] if isinstance(parameters, dict) else []),
    ]
    yield from _section(document, ("model_parameters",), "How it is made", leave)


def data(document: Document, place: Place) -> Iterator[Block]:
    """Tell what one set of data is, besides its name, role, size and digest."""
    name = document.said(place, _at(document.content, place), "name")
    title = f"About {name or 'data without a name'}"
    yield from _facts(document, place, title, ("name", "role", "rows", "sha256"))


def measuring(document: Document) -> Iterator[Block]:
    """Tell how it was measured, and what the numbers mean."""
    leave = ("performance_metrics",)
    yield from _facts(document, ("quantitative_analysis",), "How it was measured", leave)
    meanings = [
        [document.said(place, metric, "type") or "–", document.said(place, metric, "description")]
        for place, metric in layout.metrics(document.content)
        if metric.get("description")
    ]
    if meanings:
        yield table("What the numbers mean", ["number", "meaning"], meanings)


def assessments(document: Document) -> Iterator[Block]:
    """Tell what examinations have shown, in words."""
    for key, title in _ASSESSMENTS.items():
        part = layout.mapping(document.content, key)
        blocks: list[Block] = []
        if part.get("summary"):
            blocks.append(Html(markdown(str(part["summary"]))))
        blocks += _facts(document, (key,), f"{title}: in detail", ("summary", "metrics"))
        if blocks:
            yield Section(title, blocks)


def fairness(document: Document) -> Iterator[Block]:
    """Tell how groups of people are treated."""
    groups = [
        Section(
            document.said(place, group, "group_at_risk") or f"Group {place[-1]}",
            list(_facts(document, place, "Treatment of the group", ("metrics", "group_at_risk"))),
        )
        for place, group in layout.entries(document.content, ("fairness",))
    ]
    if groups:
        yield Section("Fairness", groups)


def environment(document: Document) -> Iterator[Block]:
    """Tell what the model runs on, and what its making cost."""
    yield from _section(document, ("environment",), "Environment and energy")


def governance(document: Document) -> Iterator[Block]:
    """Tell the papers that regulation asks for."""
    yield from _section(document, ("governance",), "Governance")


def other(document: Document) -> Iterator[Block]:
    """Tell what a card says outside the sections of the schema."""
    yield from _section(document, (), "What else the card says", _SECTIONS)


def _section(
    document: Document,
    place: Place,
    title: str,
    leave: Collection[str] = (),
    only: Collection[str] = (),
) -> Iterator[Block]:
    if blocks := list(_facts(document, place, f"{title}: facts", leave, only)):
        yield Section(title, blocks)


def _facts(
    document: Document,
    place: Place,
    title: str,
    leave: Collection[str] = (),
    only: Collection[str] = (),
) -> Iterator[Block]:
    rows = [
        [key.replace("_", " "), _words(document, (*place, key), inner)[:_LONGEST]]
        for key, inner in _at(document.content, place).items()
        if key not in {*leave, "graphics"} and (not only or key in only)
    ]
    if rows := [row for row in rows if row[1]]:
        yield table(title, ["fact", "what the card says"], rows)


def _at(value: Any, place: Place) -> dict[str, Any]:
    for key in place:
        below = isinstance(value, list) and isinstance(key, int)
        value = value[key] if below else layout.mapping(value).get(str(key))
    return layout.mapping(value)


def _words(document: Document, place: Place, value: Any) -> str:
    if isinstance(value, dict):
        parts = {key: _words(document, (*place, key), inner) for key, inner in value.items()}
        return ", ".join(f"{key.replace('_', ' ')}: {text}" for key, text in parts.items() if text)
    if isinstance(value, list):
        texts = [_words(document, (*place, i), inner) for i, inner in enumerate(value)]
        return "; ".join(filter(None, texts))
    return document.text(place) or ("" if value is None else str(value))
