"""What may be stored: rows, predictions and labels as plain, finite JSON values."""

from __future__ import annotations

import math
import os
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelward.adaptive_pipeline.kinds import Kind, misfits
from modelward.core.errors import DataError

Scalar = str | int | float | bool


def plain(value: Any, *, what: str) -> Scalar:
    """Turn one label or prediction into a plain scalar; NumPy's scalars become Python's.

    Raises `DataError` for anything that is no text, number or boolean, and for NaN and infinity.

    >>> plain(np.float64(2.5), what="a label")
    2.5
    """
    if isinstance(value, np.generic | np.ndarray) and value.size == 1:
        value = value.item()
    if isinstance(value, bool | str | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise DataError(f"expected a text or a finite number as {what}, got {value!r}")


def plain_row(
    row: Mapping[str, Any],
    columns: Sequence[str] | None = None,
    kinds: Sequence[Kind | None] | None = None,
) -> dict[str, Scalar]:
    """Check one row of features and put it in the order of `columns`, where they are known.

    Raises `DataError` that names each missing, unknown or unusable column, and, with `kinds` (one for
    each column), each value of another kind.

    >>> plain_row({"b": 1, "a": 0.5}, ["a", "b"])
    {'a': 0.5, 'b': 1}
    """
    if not isinstance(row, Mapping) or not row:
        raise DataError(
            f"expected a row as a mapping from column to value, got {type(row).__name__} {row!r:.60}"
        )
    if columns is not None:
        missing = [name for name in columns if name not in row]
        unknown = [name for name in row if name not in set(columns)]
        if missing or unknown:
            raise DataError(
                f"expected the {len(columns)} columns the model was trained on, got a row with "
                f"missing {missing} and unknown {unknown}",
                hint="send every column by its name, and no other.",
            )
    names = row if columns is None else columns
    found = {str(name): plain(row[name], what=f"column '{name}'") for name in names}
    if columns is not None and kinds is not None:
        wrong = misfits(found, columns, kinds)
        if wrong:
            raise DataError(
                f"expected a row of the kind the model was trained on, got {', '.join(wrong[:5])}",
                hint="send numbers as JSON numbers and texts as JSON strings.",
            )
    return found


def identity(name: Any, *, what: str = "request id") -> str:
    """Check the id of a request or a unit: 1 to 128 printable characters.

    Raises `DataError` for anything else.

    >>> identity("r-1")
    'r-1'
    """
    if isinstance(name, str) and 0 < len(name) <= 128 and name.isprintable():
        return name
    raise DataError(f"expected a {what} of 1 to 128 printable characters, got {name!r:.140}")


def request_id() -> str:
    """Make a fresh UUIDv7 (RFC 9562, section 5.7): unique, and sorting by the time it was made.

    >>> uuid.UUID(request_id()).version
    7
    """
    milliseconds = time.time_ns() // 1_000_000
    number = int.from_bytes(os.urandom(10), "big") | (milliseconds & (1 << 48) - 1) << 80
    number = number & ~(0xF << 76) | 0x7 << 76  # version
    number = number & ~(0x3 << 62) | 0x2 << 62  # variant
    return str(uuid.UUID(int=number))
