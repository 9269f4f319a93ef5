"""Comparing two cards by what they mean: numbers by their direction, lists by their entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from modelward.modelcards.codecs.document import Document, Place, dotted
from modelward.modelcards.comparison.change import VERDICTS, CardDiff, Change, Verdict
from modelward.modelcards.verification import layout

_KEYS = ("name", "record", "run", "path", "key", "description", "identifier", "group_at_risk",
         "reference", "citation")  # fmt: skip
_ALARMING = (
    "considerations.limitations", "considerations.prohibited_uses", "considerations.ethical_considerations",
    "considerations.human_oversight", "model_details.licenses", "model_details.risk", "model_details.status",
    "model_parameters.data", "evidence", "fairness",
)  # fmt: skip
_LONGEST = 160
_PASSED: dict[Any, str] = {True: "passed", False: "failed"}
Number = tuple[Place, dict[str, Any]]


def diff(before: Document, after: Document) -> CardDiff:
    """Compare two cards.

    Numbers are matched by what they are, their part of the data and their source, and judged by the
    direction one of the cards declares (`higher_is_better`): better, worse, or within the interval
    where their intervals overlap. Lists are compared by their entries, whatever their order; the rest
    field by field, as written. A number, limitation, licence, part of the data or record that is gone
    is alarming, and so is a number that is worse.

    >>> from modelward.modelcards.codecs.yaml import parse
    >>> old = parse("quantitative_analysis: {performance_metrics: [{type: F1, value: 0.8, higher_is_better: true}]}")
    >>> new = parse("quantitative_analysis: {performance_metrics: [{type: F1, value: 0.7, higher_is_better: true}]}")
    >>> print(diff(old, new).changes[0])
    quantitative_analysis: F1: worse: 0.8 → 0.7
    """
    found = list(_Differ(before, after).changes())
    order = {verdict: i for i, verdict in enumerate(VERDICTS)}
    found.sort(key=lambda c: (not c.alarming, c.section, order[c.verdict], c.what))
    return CardDiff(tuple(found), str(before.source), str(after.source))


@dataclass(frozen=True, slots=True)
class _Differ:
    before: Document
    after: Document

    def changes(self) -> Iterator[Change]:
        yield from self.numbers()
        lists = {place for d in (self.before, self.after) for place in layout.places(d.content)}
        old, new = (_as_written(d, d.content, ()) for d in (self.before, self.after))
        yield from self.compare((), old, new, frozenset(lists))

    def numbers(self) -> Iterator[Change]:
        olds, news = _by_name(self.before), _by_name(self.after)
        for key in {**olds, **news}:
            old, new = olds.get(key), news.get(key)
            section, name = key[0], key[1] + (f" ({key[2]})" if key[2] else "")
            if old is not None and new is not None:
                yield from self.number(section, name, old, new)
            elif old is not None:
                value = self.before.text((*old[0], "value"))
                yield Change(section, name, "removed", value, "", alarming=True)
            elif new is not None:
                yield Change(section, name, "added", "", self.after.text((*new[0], "value")))

    def number(self, section: str, name: str, old: Number, new: Number) -> Iterator[Change]:
        pair = ((self.before, old), (self.after, new))
        texts = [document.text((*place, "value")) for document, (place, _) in pair]
        units = [str(metric.get("unit") or "") for _, (_, metric) in pair]
        if units[0] != units[1]:
            yield Change(section, f"{name}, unit", "changed", units[0], units[1], alarming=True)
        intervals = [_interval(document, place) for document, (place, _) in pair]
        shown = [f"{text} {i[2]}".strip() for text, i in zip(texts, intervals, strict=True)]
        values = [_float(text) for text in texts]
        if texts[0] != texts[1] and (values[0] is None or values[0] != values[1]):
            verdict = _judge(values, intervals, old[1], new[1])
            yield Change(section, name, verdict, shown[0], shown[1], alarming=verdict == "worse")
        elif intervals[0] != intervals[1]:
            ends = (intervals[0][2], intervals[1][2])
            yield Change(section, f"{name}, interval", "changed", *ends)
        passed = [metric.get("passed") for _, (_, metric) in pair]
        if passed[0] != passed[1]:
            fallen = passed[1] is False
            words = (_PASSED.get(passed[0], "not judged"), _PASSED.get(passed[1], "not judged"))
            verdict = "worse" if fallen else "changed"
            yield Change(section, f"{name}, limit", verdict, *words, alarming=fallen)

    def compare(
        self, place: Place, old: Any, new: Any, lists: frozenset[Place]
    ) -> Iterator[Change]:
        """Compare two values; the lists of numbers were compared already."""
        if place in lists or old == new:
            return
        if any(inner[: len(place)] == place for inner in lists):
            old, new = old or {}, new or {}  # the numbers of a section that came or went are told
        if isinstance(old, dict) and isinstance(new, dict):
            for key in {**old, **new}:
                yield from self.compare((*place, key), old.get(key), new.get(key), lists)
        elif isinstance(old, list | None) and isinstance(new, list | None):
            yield from self.entries(place, _named(old or []), _named(new or []))
        else:
            yield _change(place, old, new)

    def entries(self, place: Place, olds: dict[str, Any], news: dict[str, Any]) -> Iterator[Change]:
        for key in {**olds, **news}:
            one, two = olds.get(key), news.get(key)
            if isinstance(one, dict) and isinstance(two, dict):
                old, new = ({k: v for k, v in d.items() if k != "metrics"} for d in (one, two))
                yield from self.compare((*place, key), old, new, frozenset())
            elif one != two:
                yield _change((*place, key), one, two)


def _judge(
    values: list[float | None], intervals: list[Any], old: dict[str, Any], new: dict[str, Any]
) -> Verdict:
    (low, high, _), (low2, high2, __) = intervals
    if None not in (low, high, low2, high2) and low <= high2 and low2 <= high:
        return "within interval"
    ways = [n.get("higher_is_better") for n in (new, old)]
    way = next((w for w in ways if isinstance(w, bool)), None)
    if way is None or values[0] is None or values[1] is None:
        return "changed"
    return "better" if (values[1] > values[0]) == way else "worse"


def _as_written(document: Document, value: Any, place: Place) -> Any:
    """Give content with every scalar as it is written: 1.10 and 1.1 are two versions."""
    if isinstance(value, dict):
        return {key: _as_written(document, inner, (*place, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_as_written(document, inner, (*place, i)) for i, inner in enumerate(value)]
    return None if value is None else document.text(place) or str(value)


def _by_name(document: Document) -> dict[tuple[str, str, str, int], Number]:
    found: dict[tuple[str, str, str, int], Number] = {}
    seen: Counter[tuple[str, str, str]] = Counter()
    for place, metric in layout.metrics(document.content):
        source = layout.mapping(metric, "source")
        name = str(metric.get("type") or source.get("metric") or "number")
        part = document.said(place, metric, "slice") or ""
        key = (str(place[0]), name, part)
        found[*key, seen[key]] = (place, metric)  # those of one name are told apart by their order
        seen[key] += 1
    return found


def _interval(document: Document, place: Place) -> tuple[float | None, float | None, str]:
    texts = [
        document.text((*place, "confidence_interval", key))
        for key in ("lower_bound", "upper_bound")
    ]
    low, high = (_float(text) for text in texts)
    return low, high, f"[{texts[0] or 'open'}, {texts[1] or 'open'}]" if any(texts) else ""


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _named(items: list[Any]) -> dict[str, Any]:
    """Name each entry by what it is called, so that an entry that only moved is no change."""
    found: dict[str, Any] = {}
    seen: Counter[str] = Counter()
    for item in items:
        named = (
            next((str(item[k]) for k in _KEYS if item.get(k) is not None), "")
            if isinstance(item, dict)
            else ""
        )
        name = key = named or _shown(item)
        while key in found:  # another of this name, or one that is itself called `a #2`
            seen[name] += 1
            key = f"{name} #{seen[name] + 1}"
        found[key] = item
    return found


def _change(place: Place, old: Any, new: Any) -> Change:
    verdict: Verdict = "added" if old is None else "removed" if new is None else "changed"
    name = dotted(place)
    alarming = verdict != "added" and name.startswith(_ALARMING)
    what = dotted(place[1:]) or name
    return Change(
        str(place[0]), what[:_LONGEST], verdict, _shown(old), _shown(new), alarming=alarming
    )


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        text = ", ".join(f"{key}: {_shown(inner)}" for key, inner in value.items())
    else:
        text = ", ".join(_shown(v) for v in value) if isinstance(value, list) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
