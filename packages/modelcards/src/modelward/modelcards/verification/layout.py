"""Where a card claims something, and what stands there that cannot be read as a claim."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelward.modelcards.codecs.document import Place

METRICS: tuple[Place, ...] = (
    ("quantitative_analysis", "performance_metrics"),
    ("model_parameters", "performance_metrics"),  # where cards for the seed's action have them
    ("robustness", "metrics"),
    ("validation", "metrics"),
    ("drift", "metrics"),
    ("lifecycle", "metrics"),
)
FAIRNESS = "fairness"
EVIDENCE: Place = ("evidence",)
BOUNDS = (("lower_bound", "low"), ("upper_bound", "high"), ("level", "level"))
"""What an interval holds: its name in a card, and in an evidence record."""
_LINKS_ALLOWED = METRICS[1]


def metrics(content: dict[str, Any]) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Give each number the card claims, with its place."""
    for place in places(content):
        for at, entry in entries(content, place):
            # The older schema says nothing of these: an entry may be a link to the figures.
            if place != _LINKS_ALLOWED or "value" in entry:
                yield at, entry


def places(content: dict[str, Any]) -> Iterator[Place]:
    """Name the lists in which numbers are claimed; each group of people has one of its own."""
    yield from METRICS
    groups = content.get(FAIRNESS)
    yield from (
        (FAIRNESS, i, "metrics") for i in range(len(groups) if isinstance(groups, list) else 0)
    )


def group(content: dict[str, Any], place: Place) -> str:
    """Name the group of people a number is about, where it is one of `fairness`."""
    groups = content.get(FAIRNESS)
    if place[0] != FAIRNESS or not isinstance(groups, list) or not isinstance(place[1], int):
        return ""
    return str(mapping(groups[place[1]]).get("group_at_risk") or f"group {place[1]}")


def references(content: dict[str, Any]) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Give each evidence record or run the card lists, with its place."""
    yield from entries(content, EVIDENCE)


def unreadable(content: dict[str, Any]) -> Iterator[tuple[Place, str]]:
    """Find what stands where claims should, in a shape in which none can be read; with the reason.

    Without this, a number could leave the eyes of `verify` by a mistake of indentation.
    """
    if not isinstance(content.get(FAIRNESS), list | None):
        yield (FAIRNESS,), _expected(list, content[FAIRNESS])
    for place in (*places(content), EVIDENCE):
        value: Any = content
        for end, key in enumerate(place, 1):
            value = _inside(value, key)
            if value is None:
                break
            wanted: type = list if end == len(place) or isinstance(place[end], int) else dict
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


def entries(content: dict[str, Any], place: Place) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Give the mappings of the list at a place, each with its own place."""
    value: Any = content
    for key in place:
        value = _inside(value, key)
    for i, entry in enumerate(value if isinstance(value, list) else []):
        if isinstance(entry, dict):
            yield (*place, i), entry


def mapping(value: Any, *keys: str) -> dict[str, Any]:
    """Give the mapping below some keys, empty where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _inside(value: Any, key: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(str(key))
    if isinstance(value, list) and isinstance(key, int) and key < len(value):
        return value[key]
    return None


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
