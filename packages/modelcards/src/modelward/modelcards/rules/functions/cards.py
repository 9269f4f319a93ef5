"""What only cards are asked: `filled`, `todo`, `sources`, `naming`, `intervals`, `altText`, `spelling`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from modelward.modelcards.codecs.document import dotted
from modelward.modelcards.rules.functions.function import UNDEFINED, Function, Result, Target
from modelward.modelcards.rules.functions.spelling import misspelt
from modelward.modelcards.rules.jsonpath.selection import select
from modelward.modelcards.verification import layout
from modelward.modelcards.verification.agreement import holds

TODO = re.compile(r"\bTODO\b")


def filled_fields(value: Any, fields: list[Any]) -> dict[str, str]:
    """Give, for each field, the path that says something (and not TODO), or nothing.

    A field is a path below a value (`a.b[*].c`), or a list of paths of which one will do; it is named
    by its first.
    """
    said = {}
    for field in fields:
        paths = [str(p) for p in (field if isinstance(field, list) else [field])]
        found = (p for p in paths if any(_says_something(v) for _, v in select(value, f"$.{p}")))
        said[paths[0]] = next(found, "")
    return said


def _says_something(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_says_something(v) for v in value.values())
    if isinstance(value, list):
        return any(_says_something(v) for v in value)
    if isinstance(value, str):
        return bool(value.strip()) and not TODO.search(value)
    return value is not None


def _is_written(value: Any, field: Any) -> bool:
    return bool(isinstance(value, dict) and value.get(str(field)))


def _filled(target: Target, options: Mapping[str, Any]) -> Iterator[Result]:
    fields, need = options["fields"], options.get("need", "all")
    value = {} if target.value is UNDEFINED or target.value is None else target.value
    if need == "written":  # a TODO is written too, and told by its own rule
        if not any(_is_written(value, field) for field in fields):
            yield (), f"is not written (one of {', '.join(map(str, fields))})"
        return
    said = filled_fields(value, fields)
    missing = [name for name, path in said.items() if not path]
    if missing and (need == "all" or len(missing) == len(said)):
        words = "one of " if need == "any" and len(missing) > 1 else ""
        yield (), f"is not filled in ({words}{', '.join(missing)})"


def _card_schema(target: Target, _: Mapping[str, Any]) -> Iterator[Result]:
    from modelward.modelcards.rules.schema import card_violations

    yield from card_violations(target.value)


def _todo(target: Target, _: Mapping[str, Any]) -> Iterator[Result]:
    for place, text in target.document.texts.items():
        if "TODO" in text and TODO.search(text):
            yield place, "still to be written"


def _sources(target: Target, _: Mapping[str, Any]) -> Iterator[Result]:
    details = target.document.content.get("model_details")
    if isinstance(details, dict) and details.get("run"):
        return
    for place, metric in layout.metrics(target.document.content):
        if not metric.get("source"):
            yield place, "names no source, so that it cannot be verified"


def _naming(target: Target, _: Mapping[str, Any]) -> Iterator[Result]:
    # Verifying compares numbers; a verified number under another name can still mislead.
    for place, metric in layout.metrics(target.document.content):
        source = metric.get("source")
        if not isinstance(source, dict) or metric.get("type") is None or "metric" not in source:
            continue
        if not holds(metric["type"], source["metric"]):
            message = f"is called {metric['type']!r}; its source calls it {source['metric']!r}"
            yield (*place, "type"), message


def _intervals(target: Target, _: Mapping[str, Any]) -> Iterator[Result]:
    for place, metric in layout.metrics(target.document.content):
        interval = metric.get("confidence_interval")
        if not isinstance(interval, dict):
            continue
        low, value, high = (
            _decimal(target.document.text(p))
            for p in (
                (*place, "confidence_interval", "lower_bound"),
                (*place, "value"),
                (*place, "confidence_interval", "upper_bound"),
            )
        )
        ends = [b for b in (low, value, high) if b is not None]
        if any(a > b for a, b in itertools.pairwise(ends)):
            yield (*place, "confidence_interval"), "the value lies outside its interval"


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _alt_text(target: Target, _: Mapping[str, Any]) -> Iterator[Result]:
    for i, graphic in enumerate(target.value):
        if isinstance(graphic, dict) and graphic.get("image") and not graphic.get("alt"):
            yield (i,), "the picture has no 'alt': say in words what it shows"


def _spelling(target: Target, _: Mapping[str, Any]) -> Iterator[Result]:
    for place, near in misspelt(target.document.content):
        yield place, f"the card's schema has no {dotted(place[-1:])!r}; is {near!r} meant?"


FUNCTIONS = {
    "cardSchema": Function(_card_schema),
    "filled": Function(_filled, None, {"fields": list, "need": str}, ("fields",)),
    "todo": Function(_todo),
    "sources": Function(_sources),
    "naming": Function(_naming),
    "intervals": Function(_intervals),
    "altText": Function(_alt_text, (list,)),
    "spelling": Function(_spelling),
}
