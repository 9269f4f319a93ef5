"""Where a card claims something, and what stands there that cannot be read as a claim."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelward.modelcards.codecs.document import Place

METRICS: tuple[Place, ...] = (
    ("quantitative_analysis", "performance_metrics"),
    ("model_parameters", "performance_metrics"),  # where cards for the seed's action have them
)
EVIDENCE: Place = ("evidence",)
BOUNDS = (("lower_bound", "low"), ("upper_bound", "high"), ("level", "level"))
"""What an interval holds: its name in a card, and in an evidence record."""


def metrics(content: dict[str, Any]) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Give each number the card claims, with its place."""
    first, *others = METRICS
    yield from _entries(content, first)
    for place in others:
        # The older schema says nothing of these: an entry may be a link to the figures.
        yield from ((at, entry) for at, entry in _entries(content, place) if "value" in entry)


def references(content: dict[str, Any]) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Give each evidence record the card lists, with its place."""
    yield from _entries(content, EVIDENCE)


def unreadable(content: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    """Find what stands where claims should, in a shape in which none can be read; with the reason.

    Without this, a number could leave the eyes of `verify` by a mistake of indentation.
    """
    for place in (*METRICS, EVIDENCE):
        value: Any = content
        for end, key in enumerate(place, 1):
            value = value.get(key)
            if value is None:
                break
            wanted: type = list if end == len(place) else dict
            if not isinstance(value, wanted):
                yield place[:end], _expected(wanted, value)
                break
        else:
            for i, entry in enumerate(value):
                if not isinstance(entry, dict):
                    yield (*place, i), _expected(dict, entry)
    for at, metric in metrics(content):
        yield from _unreadable_interval((*at, "confidence_interval"), metric)


def _unreadable_interval(place: Place, metric: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    interval = metric.get(str(place[-1]))
    if interval is None:
        return
    if not isinstance(interval, dict):
        yield place, _expected(dict, interval)
        return
    known = [key for key, _ in BOUNDS]
    for key, value in interval.items():
        if key not in known and _is_number(value):
            yield (*place, key), f"expected one of {', '.join(known)}, got '{key}'"


def _entries(content: dict[str, Any], place: Place) -> Iterator[tuple[Place, dict[str, Any]]]:
    value: Any = content
    for key in place:
        value = value.get(key) if isinstance(value, dict) else None
    for i, entry in enumerate(value if isinstance(value, list) else []):
        if isinstance(entry, dict):
            yield (*place, i), entry


def _expected(wanted: type, value: object) -> str:
    kinds: dict[type, str] = {dict: "a mapping", list: "a list"}
    return f"expected {kinds[wanted]}, got {kinds.get(type(value), 'a single value')}"


def _is_number(value: object) -> bool:
    if isinstance(value, bool):
        return False
    try:
        float(str(value))
    except ValueError:
        return False
    return True
