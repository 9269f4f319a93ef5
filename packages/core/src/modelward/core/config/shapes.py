"""Which types a place in a file may hold: a walk over a model's annotations beside its nodes."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, is_dataclass, replace
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, Tag
from pydantic.fields import FieldInfo

from modelward.core.config.nodes import Node
from modelward.core.config.problems import KeyPath, Position


@dataclass(frozen=True, slots=True)
class Place:
    """A point reached in model and file: the type, the nearest node, its path and position.

    `at` is where the key stands for a value reached by one, else where the value begins. `missing`
    says that the last key of `path` is not in the file: `node` is then the mapping it should be in.
    """

    type: Any
    node: Node
    path: KeyPath = ()
    at: Position = (1, 1)
    missing: bool = False


def locate(model: Any, root: Node, location: Iterable[str | int]) -> list[Place]:
    """Follow a location that pydantic gives (keys, indices and names of union members).

    More than one place is given where the name of a union member does not tell which is meant; all
    have at least the same node.
    """
    places = [Place(model, root, at=root.at)]
    for part in location:
        # A part that leads nowhere is a remark of pydantic's, such as '[key]'.
        places = [below for place in places for below in _step(place, part)] or places
    return places


def _step(place: Place, part: str | int) -> list[Place]:
    kind, node = plain_type(place.type), place.node
    if len(members := union_members(kind)) > 1:
        named = [m for m in members if part in _labels(m)] or members
        return [replace(place, type=m) for m in named]
    path, below = (*place.path, part), type_below(kind, part)
    if part in node.children:
        child = node.children[part]
        return [Place(below, child, path, node.keys.get(part, child.at))]
    if fields_of(kind):
        return [Place(below, node, path, node.at, missing=True)]
    return []


def type_below(kind: Any, part: str | int) -> Any:
    """Give the type of what a model, mapping or sequence holds under a key or index."""
    if fields := fields_of(kind):
        return fields[str(part)].annotation if part in fields else Any
    inner = [a for a in get_args(kind) if a is not Ellipsis] or [Any]
    if get_origin(kind) is tuple and isinstance(part, int):
        return inner[min(part, len(inner) - 1)]
    return inner[-1]


def plain_type(kind: Any) -> Any:
    """Take off `Annotated`, type aliases and `| None`, none of which a location names."""
    while True:
        others = [m for m in get_args(kind) if m is not types.NoneType]
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
        elif hasattr(kind, "__value__"):
            kind = kind.__value__
        elif get_origin(kind) in (Union, types.UnionType) and len(others) == 1:
            kind = others[0]
        else:
            return kind


def union_members(kind: Any) -> Sequence[Any]:
    """Give the members of a union, None left out; empty for any other type."""
    if get_origin(kind) not in (Union, types.UnionType):
        return ()
    return [m for m in get_args(kind) if m is not types.NoneType]


def _labels(member: Any) -> list[Any]:
    kind = plain_type(member)
    labels = [getattr(kind, "__name__", None)]
    labels += [m.tag for m in getattr(member, "__metadata__", ()) if isinstance(m, Tag)]
    for field in fields_of(kind).values():
        if get_origin(field.annotation) is Literal:
            labels += get_args(field.annotation)
    return labels


def fields_of(kind: Any) -> dict[str, FieldInfo]:
    """Give a model's fields by the key that a file uses; empty for any other type."""
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return {}
    return {
        field.validation_alias if isinstance(field.validation_alias, str) else name: field
        for name, field in kind.model_fields.items()
    }


def walk(kind: Any, seen: set[Any]) -> Iterator[Any]:
    """Give every type reachable from one, each class and type alias once."""
    alias = hasattr(kind, "__value__")
    if alias or (isinstance(kind, type) and not get_args(kind)):
        if kind in seen:
            return
        seen.add(kind)
    yield kind
    inner = (kind.__value__,) if alias else get_args(kind)
    if get_origin(kind) in (Annotated, Literal):
        inner = inner[:1]  # the rest is no type
    for below in [*inner, *(field.annotation for field in fields_of(kind).values())]:
        yield from walk(below, seen)


def spell(kind: Any) -> str:
    """Write a type as a person reads it.

    >>> spell(Literal["a", "b"] | list[int] | None)
    "'a' or 'b' or list[int] or null"
    """
    if get_origin(kind) is Annotated:
        return spell(get_args(kind)[0])
    parts = get_args(kind)
    if get_origin(kind) is Literal:
        return " or ".join(map(repr, parts))
    if get_origin(kind) in (Union, types.UnionType):
        return " or ".join(map(spell, parts))
    if kind in (None, types.NoneType, Ellipsis):
        return "..." if kind is Ellipsis else "null"
    name = getattr(kind, "__name__", str(kind))
    return f"{name}[{', '.join(map(spell, parts))}]" if parts else name


def check_closed(model: type[BaseModel]) -> None:
    """Refuse a model that would read over unknown keys somewhere inside.

    Raises `TypeError` naming the inner model that is not frozen or does not forbid unknown keys.
    """
    for kind in walk(model, set()):
        if is_dataclass(kind) or hasattr(kind, "__total__"):  # of every kind of TypedDict
            closed = False
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            closed = kind.model_config.get("extra") == "forbid"
            closed &= kind.model_config.get("frozen") is True
        else:
            continue
        if not closed:
            raise TypeError(
                f"expected frozen models that forbid unknown keys, got {kind.__name__};"
                " derive it from modelward.core.config.Config"
            )
