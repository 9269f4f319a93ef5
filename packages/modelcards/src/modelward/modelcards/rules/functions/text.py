"""`pattern`, `casing`, `length`, `enumeration`, `alphabetical`: how something is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelward.modelcards.rules.functions.function import Function, Result, Target
from modelward.modelcards.rules.patterns import matches

_CASES = {
    "flat": r"[a-z][a-z{d}]*",
    "camel": r"[a-z][a-z{d}]*(?:[A-Z{d}](?:[a-z{d}]+|$))*",
    "pascal": r"[A-Z][a-z{d}]*(?:[A-Z{d}](?:[a-z{d}]+|$))*",
    "kebab": r"[a-z][a-z{d}]*(?:-[a-z{d}]+)*",
    "cobol": r"[A-Z][A-Z{d}]*(?:-[A-Z{d}]+)*",
    "snake": r"[a-z][a-z{d}]*(?:_[a-z{d}]+)*",
    "macro": r"[A-Z][A-Z{d}]*(?:_[A-Z{d}]+)*",
}


def _pattern(target: Target, options: Mapping[str, Any]) -> Iterator[Result]:
    wanted, unwanted = options.get("match"), options.get("notMatch")
    text = target.value
    if wanted is not None and not matches(wanted, text):
        yield (), f'"{_short(text)}" must match the pattern "{wanted}"'
    if unwanted is not None and matches(unwanted, text):
        yield (), f'"{_short(text)}" must not match the pattern "{unwanted}"'


def _casing(target: Target, options: Mapping[str, Any]) -> Iterator[Result]:
    text, kind = target.value, options["type"]
    if kind not in _CASES:
        yield (), f"the casing {kind!r} is none of {', '.join(_CASES)}"
        return
    if not text:
        return
    word = _CASES[kind].replace("{d}", "" if options.get("disallowDigits") else r"\d")
    separator = options.get("separator") or {}
    if separator.get("char"):
        import regex

        sign = regex.escape(str(separator["char"]))
        lead = f"{sign}?" if separator.get("allowLeading") else ""
        word = f"{lead}(?:{word})(?:{sign}(?:{word}))*"
    if not matches(word, text, whole=True):
        yield (), f'"{_short(text)}" must be {kind} case'


def _length(target: Target, options: Mapping[str, Any]) -> Iterator[Result]:
    value = target.value
    size = value if isinstance(value, int | float) else len(value)
    least, most = options.get("min"), options.get("max")
    if least is not None and size < least:
        yield (), f"{target.named} must not be shorter than {least}, is {size}"
    if most is not None and size > most:
        yield (), f"{target.named} must not be longer than {most}, is {size}"


def _enumeration(target: Target, options: Mapping[str, Any]) -> Iterator[Result]:
    if not any(target.value == v and type(target.value) is type(v) for v in options["values"]):
        allowed = ", ".join(str(v) for v in options["values"])
        yield (), f'"{_short(target.value)}" must be one of: {allowed}'


def _alphabetical(target: Target, options: Mapping[str, Any]) -> Iterator[Result]:
    value = target.value
    if isinstance(value, dict):
        keys: list[Any] = list(value)
        places: list[Any] = list(value)
    else:
        by = options.get("keyedBy")
        keys = [item.get(by) if by and isinstance(item, dict) else item for item in value]
        places = list(range(len(value)))
    for i in range(1, len(keys)):
        one, two = keys[i - 1], keys[i]
        comparable = isinstance(one, str) == isinstance(two, str) and not isinstance(
            one, dict | list | None | bool
        )
        if comparable and two is not None and not isinstance(two, dict | list) and one > two:
            yield (places[i],), f'{target.named} must be alphabetical: "{one}" comes after "{two}"'
            return


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."


FUNCTIONS = {
    "pattern": Function(
        _pattern, (str,), {"match": str, "notMatch": str}, patterns=("match", "notMatch")
    ),
    "casing": Function(
        _casing, (str,), {"type": str, "disallowDigits": bool, "separator": dict}, ("type",)
    ),
    "length": Function(
        _length, (str, list, dict, int, float), {"min": (int, float), "max": (int, float)}
    ),
    "enumeration": Function(
        _enumeration, (str, int, float, bool, type(None)), {"values": list}, ("values",)
    ),
    "alphabetical": Function(_alphabetical, (dict, list), {"keyedBy": str}),
}
