"""Cards of the Model Card Toolkit (JSON, schemas v0.0.1 and v0.0.2) and of VerifyML (v0.0.4)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from modelward.modelcards.codecs.document import Document
from modelward.modelcards.codecs.exact import exact_content
from modelward.modelcards.codecs.json import dump_json, parse_json
from modelward.modelcards.codecs.made import document_of
from modelward.modelcards.conversion.shapes import MCT, VERIFYML, Message, project
from modelward.modelcards.conversion.taking import Taker
from modelward.modelcards.conversion.wire import decode, encode

_LISTS = ("users", "use_cases", "limitations", "tradeoffs")


def read_mct(data: bytes, source: Path) -> Document:
    """Read a card of the toolkit; one of v0.0.1 is brought to v0.0.2."""
    document = parse_json(data.decode("utf-8"), source)
    if str(document.content.get("schema_version")) != "0.0.1":
        return document
    return document_of(migrated(exact_content(document)), source)


def migrated(card: dict[str, Any]) -> dict[str, Any]:
    """Bring a card of v0.0.1 to v0.0.2.

    >>> migrated({"model_details": {"license": "MIT"}})["model_details"]
    {'licenses': [{'identifier': 'MIT'}]}
    """
    card = {**card, "schema_version": "0.0.2"}
    details = dict(card.get("model_details") or {})
    if (license_ := details.pop("license", None)) is not None:
        details["licenses"] = [{"identifier": license_}]
    if (citation := details.pop("citation", None)) is not None:
        details["citations"] = [{"citation": citation}]
    if "references" in details:
        details["references"] = [_wrapped(item, "reference") for item in details["references"]]
    parameters = dict(card.get("model_parameters") or {})
    if isinstance(parameters.get("data"), dict):
        parameters["data"] = [
            {"name": part.get("name", role), "role": role}
            | {k: v for k, v in part.items() if k != "name"}
            for role, part in parameters["data"].items()
            if isinstance(part, dict)
        ]
    considerations = dict(card.get("considerations") or {})
    for name in _LISTS:
        if name in considerations:
            considerations[name] = [_wrapped(item, "description") for item in considerations[name]]
    sections = {
        "model_details": details,
        "model_parameters": parameters,
        "considerations": considerations,
    }
    return card | {name: section for name, section in sections.items() if section}


def write_mct(card: Taker) -> str:
    """Write a card of v0.0.2, and take what it holds."""
    return dump_json({"schema_version": "0.0.2"} | _taken(card, MCT) | {"schema_version": "0.0.2"})


_JSON = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*["}]')
"""How an object of JSON begins; the binary form may begin with white space and a brace, too."""


def read_verifyml(data: bytes, source: Path) -> Document:
    """Read a card of VerifyML: its binary form, or JSON."""
    if _JSON.match(data):
        document = parse_json(data.decode("utf-8"), source)
        content = exact_content(document)
    else:
        content = decode(data, VERIFYML)
    considerations = dict(content.get("considerations") or {})
    groups = considerations.pop("fairness_assessment", None)
    if not groups:
        return document_of(content, source)
    return document_of(content | {"considerations": considerations, "fairness": groups}, source)


def write_verifyml(card: Taker) -> bytes:
    """Write the binary form, and take what it holds."""
    content = _taken(card, VERIFYML)
    groups = VERIFYML["considerations"].message["fairness_assessment"]
    fairness = project(
        {"fairness_assessment": card.look("fairness")}, {"fairness_assessment": groups}
    )
    if fairness:
        content["considerations"] = content.get("considerations", {}) | fairness
        _mark(card, card.look("fairness"), fairness["fairness_assessment"], ("fairness",))
    return encode(content, VERIFYML)


def _taken(card: Taker, message: Message) -> dict[str, Any]:
    content = dict(card.content)
    details = content.get("model_details")
    if isinstance(details, dict) and isinstance(details.get("description"), str):
        # The rules of the older action read a description; both toolkits call it documentation.
        where = "documentation" if not details.get("documentation") else "overview"
        if not details.get(where):
            content["model_details"] = details | {where: card.take("model_details", "description")}
    kept: dict[str, Any] = project(content, message)
    _mark(card, card.content, kept, ())
    card.take("schema_version")
    return kept


def _mark(card: Taker, content: Any, kept: Any, place: tuple[Any, ...]) -> None:
    """Take each leaf that was kept, by the place it has in the card."""
    if isinstance(content, dict) and isinstance(kept, dict):
        for key in content.keys() & kept.keys():
            _mark(card, content[key], kept[key], (*place, key))
    elif isinstance(content, list) and isinstance(kept, list) and len(content) == len(kept):
        for i, (item, held) in enumerate(zip(content, kept, strict=True)):
            _mark(card, item, held, (*place, i))
    elif not isinstance(content, dict | list):
        card.take(*place)


def _wrapped(item: Any, name: str) -> Any:
    return item if isinstance(item, dict) else {name: item}
