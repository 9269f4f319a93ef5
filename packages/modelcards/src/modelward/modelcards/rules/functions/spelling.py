"""Keys that are nearly those of the schema: a number under a misspelt key is not seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any

from modelward.modelcards.codecs.document import Place
from modelward.modelcards.schema.published import published_schema

_LONGEST = 60


def misspelt(content: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Give each key that is nearly a key of the schema, with the one it is near to.

    >>> list(misspelt({"model_detials": {}}))
    [(('model_detials',), 'model_details')]
    """
    yield from _below((), content, "")


def _below(place: Place, value: Any, part: str) -> Iterator[tuple[Place, str]]:
    if isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _below((*place, i), inner, part)
    elif isinstance(value, dict):
        known = _keys(part)
        for key, inner in value.items():
            if key not in known:
                if near := _near(key, tuple(k for k in known if k not in value)):
                    yield (*place, key), near
            elif known[key] is not None:
                yield from _below((*place, key), inner, known[key])


@cache
def _keys(part: str) -> Mapping[str, Any]:
    """Give the keys of a part of the schema (or the card), each with the part it holds, if one."""
    schema = published_schema()
    properties = (schema["$defs"][part] if part else schema)["properties"]
    return {key: _part(inner) for key, inner in properties.items()}


def _part(schema: Mapping[str, Any]) -> str | None:
    for form in (schema, *schema.get("anyOf", ())):
        inner = form.get("items", form)
        if "$ref" in inner:
            return str(inner["$ref"]).rpartition("/")[2]
    return None


@lru_cache(maxsize=4096)
def _near(key: str, known: tuple[str, ...]) -> str:
    if len(key) > _LONGEST:
        return ""
    allowed = 1 if len(key) < 8 else 2
    return next((name for name in known if _slips(key, name, allowed) <= allowed), "")


def _slips(one: str, two: str, most: int) -> int:
    """Count the letters left out, added, mistaken or swapped with their neighbour."""
    if abs(len(one) - len(two)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(two) + 1))
    for i, a in enumerate(one, 1):
        last, before, row = before, row, [i, *[0] * len(two)]
        for j, b in enumerate(two, 1):
            row[j] = min(row[j - 1] + 1, before[j] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == two[j - 2] and b == one[i - 2]:
                row[j] = min(row[j], last[j - 2] + 1)
    return row[-1]
