"""`truthy`, `falsy`, `defined`, `undefined`, `xor`, `or`: whether something is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modelward.modelcards.rules.functions.function import UNDEFINED, Function, Result, Target


def _is_true(value: Any) -> bool:
    # As JavaScript has it: empty lists and mappings are true, empty text and zero are not.
    return isinstance(value, list | dict) or bool(value)


def _truthy(target: Target, _: Mapping[str, Any]) -> Iterator[Result]:
    if not _is_true(target.value):
        yield (), f"{target.named} must be truthy"


def _falsy(target: Target, _: Mapping[str, Any]) -> Iterator[Result]:
    if _is_true(target.value):
        yield (), f"{target.named} must be falsy"


def _defined(target: Target, _: Mapping[str, Any]) -> Iterator[Result]:
    if target.value is UNDEFINED:
        yield (), f"{target.named} must be defined"


def _undefined(target: Target, _: Mapping[str, Any]) -> Iterator[Result]:
    if target.value is not UNDEFINED:
        yield (), f"{target.named} must be undefined"


def _given(target: Target, options: Mapping[str, Any]) -> tuple[str, int]:
    names = [str(name) for name in options["properties"]]
    return ", ".join(f'"{n}"' for n in names), sum(name in target.value for name in names)


def _xor(target: Target, options: Mapping[str, Any]) -> Iterator[Result]:
    names, count = _given(target, options)
    if count != 1:
        yield (), f"exactly one of {names} must be defined, {count} are"


def _or(target: Target, options: Mapping[str, Any]) -> Iterator[Result]:
    names, count = _given(target, options)
    if not count:
        yield (), f"at least one of {names} must be defined"


_PROPERTIES = {"properties": list}
FUNCTIONS = {
    "truthy": Function(_truthy),
    "falsy": Function(_falsy),
    "defined": Function(_defined),
    "undefined": Function(_undefined),
    "xor": Function(_xor, (dict,), _PROPERTIES, ("properties",)),
    "or": Function(_or, (dict,), _PROPERTIES, ("properties",)),
}
