"""Sketches as bytes: a short head that says what follows, and the arrays as they are in memory.

A fleet reads and writes sketches by the ten thousand; numbers as text would cost it most of its time.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import fields
from typing import Any

import numpy as np

from modelward.core.errors import DataError
from modelward.core.metrics import Moments
from modelward.monitoring.sketch.categorical import CategoricalSketch
from modelward.monitoring.sketch.numeric import NumericSketch
from modelward.monitoring.sketch.table import Sketch

MAGIC = b"mws1"
_KINDS: dict[str, Any] = {c.__name__: c for c in (NumericSketch, CategoricalSketch, Moments)}
_FIELDS = {name: tuple(field.name for field in fields(kind)) for name, kind in _KINDS.items()}
_COUNTS = tuple(np.dtype(f"<u{size}") for size in (1, 2, 4, 8))
_ARRAY = "\0array"


def to_bytes(sketch: Sketch) -> bytes | None:
    """Give the bytes of a sketch; None for one that holds what is not known here."""
    parts: list[bytes] = []
    try:
        columns = [[name, _plain(column, parts)] for name, column in sketch.columns.items()]
    except TypeError:
        return None
    head = json.dumps(
        {
            "rows": sketch.rows,
            "kinds": dict(sketch.kinds),
            "others": sorted([name, what] for name, what in sketch.others),
            "columns": columns,
        },
        separators=(",", ":"),
    ).encode()
    body = len(head).to_bytes(4, "little") + head + b"".join(parts)
    return MAGIC + zlib.crc32(body).to_bytes(4, "little") + body


def from_bytes(content: bytes) -> Sketch:
    """Give the sketch back. Raises `DataError` where a byte is not as it was written."""
    body = memoryview(content)[8:]
    if content[:4] != MAGIC or zlib.crc32(body).to_bytes(4, "little") != content[4:8]:
        raise DataError("expected what the fleet has kept, got bytes that are broken")
    start = 4 + int.from_bytes(body[:4], "little")
    head = json.loads(bytes(body[4:start]))
    reading = _Reading(body, start)
    return Sketch(
        kinds=head["kinds"],
        columns={name: reading.value(state) for name, state in head["columns"]},
        rows=head["rows"],
        others=frozenset((name, what) for name, what in head["others"]),
    )


class _Reading:
    """Takes arrays out of the bytes, one after another, in the order in which they were put there."""

    def __init__(self, body: memoryview, start: int) -> None:
        self.body, self.at = body, start

    def value(self, state: Any) -> Any:
        kind = type(state)
        if kind is not dict:
            return tuple(state) if kind is list else state
        if _ARRAY in state:
            stored, wanted, size = state[_ARRAY]
            found = np.frombuffer(self.body, np.dtype(stored), size, self.at)
            self.at += found.nbytes
            return found.astype(wanted)  # a copy: aligned, and one's own
        ((name, values),) = state.items()
        if len(values) > len(_FIELDS.get(name, ())):
            raise DataError(
                f"expected a sketch of this version or an earlier one, got a later {name}",
                hint="bring modelward-monitoring up to date here, too.",
            )
        # An earlier version knew the first fields only; the others have defaults.
        named = zip(_FIELDS[name], values, strict=False)
        return _KINDS[name](**{field: self.value(value) for field, value in named})


def _plain(value: Any, parts: list[bytes]) -> Any:
    """Give a value as JSON content; arrays go to `parts`. Raises `TypeError` for anything else."""
    kind = type(value)
    if kind is int or kind is float:
        return value
    if kind is np.ndarray:
        stored = _smallest(value)
        parts.append(stored.tobytes())
        return {_ARRAY: [stored.dtype.str, value.dtype.str, value.size]}
    if kind.__name__ in _KINDS:
        named = _FIELDS[kind.__name__]
        return {kind.__name__: [_plain(getattr(value, field), parts) for field in named]}
    if kind is tuple and all(type(each) is str for each in value):
        return list(value)
    if isinstance(value, np.number):
        return value.item()
    if kind is str or kind is bool:
        return value
    raise TypeError(kind.__name__)


def _smallest(value: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Give counts in the smallest type that holds them; other numbers as they are."""
    if value.ndim != 1 or value.dtype.kind not in "iuf":
        raise TypeError(value.dtype.str)
    if value.dtype.kind == "f":
        return value.astype(value.dtype.newbyteorder("<"), copy=False)
    low, high = (int(value.min()), int(value.max())) if value.size else (0, 0)
    if low < 0:
        raise TypeError("negative counts")
    return value.astype(next(t for t in _COUNTS if high <= np.iinfo(t).max))
