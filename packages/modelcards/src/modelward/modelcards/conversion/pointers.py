"""Content as a flat mapping of JSON pointers (RFC 6901), and back: how extras are carried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelward.core.errors import DataError
from modelward.modelcards.codecs.document import Place

_MOST_ITEMS = 100_000


def flatten(value: Any, place: Place = ()) -> dict[Place, Any]:
    """Give each leaf by its place; empty mappings and lists are leaves.

    >>> flatten({"a": [1, {"b": 2}]})
    {('a', 0): 1, ('a', 1, 'b'): 2}
    """
    if isinstance(value, dict) and value and not any(str(key).isdecimal() for key in value):
        return {
            p: v for key, inner in value.items() for p, v in flatten(inner, (*place, key)).items()
        }
    if isinstance(value, list) and value:
        return {
            p: v for i, inner in enumerate(value) for p, v in flatten(inner, (*place, i)).items()
        }
    return {place: value}


def pointer(place: Place) -> str:
    """Write a place as a JSON pointer.

    >>> pointer(("a/b", 0))
    '/a~1b/0'
    """
    return "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in place)


def place_of(text: str) -> Place:
    """Read a JSON pointer; a part of digits is the index of a list."""
    parts = (part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:])
    return tuple(int(part) if part.isdecimal() else part for part in parts)


def put(content: dict[str, Any], place: Place, value: Any) -> None:
    """Set a leaf, making the mappings and lists above it. Raises `DataError` where it cannot stand."""
    inner: Any = content
    for i, key in enumerate(place):
        last = i == len(place) - 1
        new: Any = value if last else ([] if isinstance(place[i + 1], int) else {})
        if isinstance(inner, list) and isinstance(key, int) and key < _MOST_ITEMS:
            inner.extend([None] * (key + 1 - len(inner)))
            if last or inner[key] is None:
                inner[key] = new
            inner = inner[key]
        elif isinstance(inner, dict):
            if last or inner.get(str(key)) is None:
                inner[str(key)] = new
            inner = inner[str(key)]
        else:
            raise DataError(f"expected a carried field that fits the card, got {pointer(place)}")


def put_all(content: dict[str, Any], carried: Any) -> None:
    """Set every leaf of a mapping of pointers."""
    if not isinstance(carried, Mapping):
        raise DataError(f"expected carried fields by pointer, got {type(carried).__name__}")
    for text, value in carried.items():
        place = place_of(str(text))
        if value is None:
            remove(content, place)
        elif place:
            put(content, place, value)


def remove(content: Any, place: Place) -> None:
    """Take a leaf out, and the mappings above it that are empty then."""
    for end in range(len(place), 0, -1):
        inner = content
        for key in place[: end - 1]:
            inner = (
                inner.get(key)
                if isinstance(inner, dict)
                else inner[key]
                if _has(inner, key)
                else None
            )
        if isinstance(inner, dict):
            inner.pop(str(place[end - 1]), None)
        elif isinstance(inner, list) and _has(inner, place[end - 1]):
            if len(inner) - 1 != place[end - 1]:
                return  # the entries after it would move
            inner.pop()
        if inner:
            return


def _has(value: Any, key: Any) -> bool:
    return isinstance(value, list) and isinstance(key, int) and key < len(value)
