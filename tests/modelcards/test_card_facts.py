"""What a card says is on its page: nothing is left out in silence for the reader who wants all."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from modelward.modelcards import card_page, json_schema, parse, verify

SCHEMA = json_schema()
UNSEEN = {"image", "source", "digest", "schema_version", "level", "omits"}
"""What stands in the card for tools: seals and sources, which the standing of each claim is about."""


def filled(schema: dict[str, Any], numbers: Iterator[int], name: str = "") -> Any:
    """Fill every field of a part of the schema with a word of its own."""
    if "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        return filled(schema["anyOf"][0], numbers, name)
    if schema.get("type") == "array":
        return [filled(schema["items"], numbers, name)]
    if "properties" in schema:
        return {k: filled(v, numbers, k) for k, v in schema["properties"].items()}
    if schema.get("type") == "object":
        return {"mine": f"word{next(numbers)}x"}
    if schema.get("type") == "boolean":
        return False
    return "unseen" if name in UNSEEN else f"word{next(numbers)}x"


def words_of(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in UNSEEN:
                yield from ((f"{key}.{place}", word) for place, word in words_of(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from words_of(inner)
    elif isinstance(value, str):
        yield "", value


def content() -> dict[str, Any]:
    card: dict[str, Any] = filled(SCHEMA, itertools.count(1))
    return card | {"ours": {"ticket": "word0x"}}


def missing(audience: str) -> list[str]:
    document = parse(json.dumps(content()))
    html = card_page(document, verify(document), audience=audience).render()
    return [place for place, word in words_of(document.content) if word not in html]


def test_an_engineer_is_told_everything() -> None:
    assert missing("engineer") == []


@pytest.mark.parametrize("audience", ["risk", "public"])
def test_others_are_told_who_answers_what_for_and_what_is_wrong(audience: str) -> None:
    hidden = missing(audience)
    told = [f"model_details.{key}." for key in ("owners", "licenses", "status", "risk", "provider")]
    told += ["considerations.", "fairness.harms"]
    assert [name for name in hidden if name.startswith(tuple(told))] == []
    assert any(name.startswith("model_parameters.") for name in hidden)
