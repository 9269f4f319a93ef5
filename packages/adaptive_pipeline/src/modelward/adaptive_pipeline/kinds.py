"""Kinds of columns: numbers, texts or booleans, as the model was trained on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from modelward.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["number", "text", "boolean"]
_INFERRED: dict[str, Kind] = {
    "string": "text",
    "boolean": "boolean",
    "integer": "number",
    "floating": "number",
    "mixed-integer-float": "number",
    "decimal": "number",
}
_TYPES: dict[str, tuple[type, ...]] = {
    "number": (int, float),
    "text": (str,),
    "boolean": (bool,),
}
_SAID = {bool: "a boolean", str: "a text"}


class Described(NamedTuple):
    """The names of columns, and the kind of each; None where it is not known."""

    names: tuple[str, ...]
    kinds: tuple[Kind | None, ...]


def described(columns: Any) -> Described:
    """Describe columns given as a frame, as a mapping from name to kind, or as names alone.

    Raises `DataError` for an unknown kind.

    >>> import pandas as pd
    >>> described(pd.DataFrame({"speed": [8.5, 9.0], "vessel": ["Ann", "Bo"]}))
    Described(names=('speed', 'vessel'), kinds=('number', 'text'))
    >>> described(["speed"]).kinds
    (None,)
    """
    if hasattr(columns, "iloc") and getattr(columns, "ndim", 1) == 2:
        names = tuple(str(name) for name in columns.columns)
        return Described(names, tuple(_kind(columns.iloc[:, i]) for i in range(len(names))))
    if not isinstance(columns, Mapping):
        names = tuple(str(name) for name in columns)
        return Described(names, (None,) * len(names))
    odd = {name: kind for name, kind in columns.items() if kind not in (*get_args(Kind), None)}
    if odd:
        raise DataError(f"expected the kinds {', '.join(get_args(Kind))}, got {odd}")
    return Described(tuple(columns), tuple(columns.values()))


def _kind(column: pd.Series) -> Kind | None:
    from pandas.api.types import infer_dtype

    categories = getattr(column.dtype, "categories", None)
    values = column if categories is None else categories
    return _INFERRED.get(infer_dtype(values, skipna=True))


def misfits(
    row: Mapping[str, Any], columns: Sequence[str], kinds: Sequence[Kind | None]
) -> list[str]:
    """Say which values are of another kind than their column; 0 and 1 pass as booleans.

    >>> misfits({"x": "many", "on": 1}, ["x", "on"], ["number", "boolean"])
    ["a text in column 'x' (a number expected)"]
    """
    return [
        f"{said(row[name])} in column {name!r} (a {kind} expected)"
        for name, kind in zip(columns, kinds, strict=True)
        if kind is not None
        and type(row[name]) not in _TYPES[kind]
        and not (kind == "boolean" and row[name] in (0, 1))
    ]


def said(value: Any) -> str:
    """Name the kind of a value.

    >>> said(True), said("a"), said(0.5)
    ('a boolean', 'a text', 'a number')
    """
    return _SAID.get(type(value), "a number")
