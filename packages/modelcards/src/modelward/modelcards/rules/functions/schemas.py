"""`schema`, `typedEnum`, `unreferencedReusableObject`: held against JSON Schema, or against itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Never

from modelward.core.errors import DataError
from modelward.modelcards.rules.functions.function import Function, Result, Target

_DIALECTS = {
    "draft4": "Draft4Validator",
    "draft6": "Draft6Validator",
    "draft7": "Draft7Validator",
    "draft2019-09": "Draft201909Validator",
    "draft2020-12": "Draft202012Validator",
}
_LONGEST = 160
_MOST_COMPILED = 64
_COMPILED: dict[tuple[int, str], tuple[Any, Any]] = {}


def violations(schema: Mapping[str, Any], value: Any, *, dialect: str = "") -> Iterator[Result]:
    """Give every violation of a JSON Schema, with its place below the value.

    `dialect` is one of draft4, draft6, draft7, draft2019-09, draft2020-12 (default: as `$schema`
    says, else draft 7). Formats are checked. Nothing is fetched for a `$ref` to elsewhere. Raises
    `DataError` for what is no schema.
    """
    for error in _validator(schema, dialect).iter_errors(value):
        yield from _nearest(error)


def _validator(schema: Any, dialect: str) -> Any:
    """Compile a schema once. A schema that is kept here is never another of the same identity."""
    kept = _COMPILED.get((id(schema), dialect))
    if kept is None:
        if len(_COMPILED) >= _MOST_COMPILED:
            _COMPILED.clear()
        kept = _COMPILED[id(schema), dialect] = (schema, _compile(schema, dialect))
    return kept[1]


def _compile(content: Any, dialect: str) -> Any:
    import jsonschema_rs

    if not dialect:
        named = str(content.get("$schema", "")) if isinstance(content, dict) else ""
        dialect = next(
            (d for d in _DIALECTS if d.replace("draft", "").lstrip("-") in named), "draft7"
        )
    if dialect not in _DIALECTS:
        raise DataError(f"expected a dialect of {', '.join(_DIALECTS)}, got {dialect!r}")
    make = getattr(jsonschema_rs, _DIALECTS[dialect])
    try:
        return make(content, validate_formats=True, retriever=_refuse)
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"expected a JSON Schema, got: {reason}") from error


def _refuse(address: str) -> Never:
    raise ValueError(f"{address} is not fetched: a schema must stand by itself")


def _nearest(error: Any) -> Iterator[Result]:
    """Where a value may be of several forms, tell the violations of the form it is nearest to."""
    context = getattr(error.kind, "context", None)
    if error.kind.name == "additionalProperties":
        for key in error.kind.unexpected:
            yield (*error.instance_path, key), f"the schema has no {key!r}"
        return
    if not context:
        yield tuple(error.instance_path), _worded(error)
        return
    here = len(error.instance_path)
    branch = max(context, key=lambda errors: min(_distance(e, here) for e in errors))
    for inner in branch:
        yield from _nearest(inner)


def _distance(error: Any, here: int) -> tuple[int, bool]:
    # The deeper a form is violated, the more of it fits; null is nobody's intention.
    depth = len(error.instance_path) - here
    return depth, 'of type "null"' not in error.message


_WORDS = {
    "array": "a list", "object": "a mapping", "string": "text", "number": "a number",
    "integer": "a whole number", "boolean": "true or false", "null": "nothing",
}  # fmt: skip


def _worded(error: Any) -> str:
    kind = error.kind
    if kind.name == "type":
        wanted = " or ".join(_WORDS[t] for t in _listed(kind.types))
        return f"expected {wanted}, got {_seen(error.instance)}"
    if kind.name == "format":
        return f"expected a {kind.format}, got {_seen(error.instance)}"
    message = str(error.message)
    return message if len(message) <= _LONGEST else "…" + message[-(_LONGEST - 1) :]


def _listed(types: Any) -> list[str]:
    return [types] if isinstance(types, str) else list(types)


def _seen(value: Any) -> str:
    if isinstance(value, dict | list):
        return f"{_WORDS['object' if isinstance(value, dict) else 'array']} of {len(value)}"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _schema(target: Target, options: Mapping[str, Any]) -> Iterator[Result]:
    dialect = options.get("dialect", "")
    yield from violations(
        options["schema"], target.value, dialect="" if dialect == "auto" else dialect
    )


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
}


def _typed_enum(target: Target, _: Mapping[str, Any]) -> Iterator[Result]:
    kinds, values = target.value.get("type"), target.value.get("enum")
    if not isinstance(values, list) or not isinstance(kinds, str | list):
        return
    named = kinds if isinstance(kinds, list) else [kinds]
    for i, value in enumerate(values):
        if not any(_is_of(value, str(kind)) for kind in named):
            yield ("enum", i), f'enum value "{value}" must be of type {", ".join(map(str, named))}'


def _is_of(value: Any, kind: str) -> bool:
    if isinstance(value, bool) and kind != "boolean":
        return False
    return isinstance(value, _TYPES.get(kind, (object,)))


def _unreferenced(target: Target, options: Mapping[str, Any]) -> Iterator[Result]:
    location = str(options["reusableObjectsLocation"]).rstrip("/")
    used = set(_references(target.document.content))
    for key in target.value:
        pointer = f"{location}/{str(key).replace('~', '~0').replace('/', '~1')}"
        if not any(u == pointer or u.startswith(pointer + "/") for u in used):
            yield (key,), f'"{key}" is potentially orphaned: nothing refers to it'


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


FUNCTIONS = {
    "schema": Function(
        _schema, None, {"schema": (dict, bool), "dialect": str, "allErrors": bool}, ("schema",)
    ),
    "typedEnum": Function(_typed_enum, (dict,)),
    "unreferencedReusableObject": Function(
        _unreferenced, (dict,), {"reusableObjectsLocation": str}, ("reusableObjectsLocation",)
    ),
}
