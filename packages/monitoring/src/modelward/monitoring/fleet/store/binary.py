"""Sketches as bytes: a short head that says what follows, and the numbers as they are in memory.

A fleet reads and writes sketches by the ten thousand; numbers as text, or column by column, would
cost it most of its time. So the same part of all columns lies together:

    mws2 | checksum | size of schema, of state | schema, state (JSON) | edges | measures | whole | counts

`edges` and `measures` are floats, `whole` numbers of 64 bits, `counts` of as few as hold them.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from itertools import pairwise
from struct import Struct
from typing import Any

import numpy as np

from modelward.core.errors import DataError
from modelward.monitoring.sketch.categorical import CategoricalSketch
from modelward.monitoring.sketch.lanes import Lanes, Schema
from modelward.monitoring.sketch.numeric import NumericSketch
from modelward.monitoring.sketch.table import Sketch

MAGIC = b"mws2"
_HEAD = Struct("<4sIII")
_COUNTS = tuple(np.dtype(f"<u{size}") for size in (1, 2, 4, 8))
_FLOAT, _WHOLE = np.dtype("<f8"), np.dtype("<i8")


def to_bytes(sketch: Sketch) -> bytes:
    """Give the bytes of a sketch."""
    numbers = [c for c in sketch.columns.values() if isinstance(c, NumericSketch)]
    texts = [c for c in sketch.columns.values() if isinstance(c, CategoricalSketch)]
    counts = [c.counts for c in numbers] + [c.counts for c in texts]
    together = np.concatenate(counts) if counts else np.empty(0, np.int64)
    most = int(together.max(initial=0))
    if together.min(initial=0) < 0:
        raise DataError(f"expected counts >= 0, got {together.min()}")
    kind = next(kind for kind in _COUNTS if most <= np.iinfo(kind).max)
    schema = {
        "kinds": {name: sketch.kinds[name] for name in sketch.columns},
        "edges": [c.edges.size for c in numbers],
        "categories": [list(c.categories) for c in texts],
    }
    state = {
        "rows": sketch.rows,
        "others": sorted([name, what] for name, what in sketch.others),
        "counts": kind.str,
    }
    measures = [(c.moments.mean, c.moments.m2, c.minimum, c.maximum) for c in numbers]
    lengths = [(c.lengths.mean, c.lengths.m2) for c in texts]
    whole = [(c.moments.n, c.missing, c.infinite) for c in numbers]
    whole_texts = [(c.lengths.n, c.missing) for c in texts]
    parts = _head(schema, state)
    parts += [c.edges.astype(_FLOAT, copy=False).tobytes() for c in numbers]
    parts += [np.array(rows, _FLOAT).tobytes() for rows in (measures, lengths)]
    parts += [np.array(rows, _WHOLE).tobytes() for rows in (whole, whole_texts)]
    parts.append(together.astype(kind).tobytes())
    sizes, body = parts[0], b"".join(parts[1:])
    check = zlib.crc32(body, zlib.crc32(sizes))
    return MAGIC + check.to_bytes(4, "little") + sizes + body


class Reader:
    """Reads the sketches of one model; what counts in the same cells shares them.

    Then it is seen at a glance that they can be compared, and the cells are in memory once.
    """

    def __init__(self) -> None:
        self._known: _Known | None = None

    def read(self, content: bytes) -> Sketch:
        """Give a sketch back. Raises `DataError` where a byte is not as it was written."""
        self._known, sketch = _read(bytes(content), self._known)
        return sketch


@dataclass(frozen=True, slots=True)
class _Known:
    """A grid, and the bytes by which it is known."""

    text: bytes
    raw: bytes
    schema: Schema


def _head(schema: Any, state: Any) -> list[bytes]:
    """Give the sizes, and both parts of the head; what follows begins at a multiple of eight."""
    texts = [json.dumps(part, separators=(",", ":")).encode() for part in (schema, state)]
    texts[1] += b" " * (-(_HEAD.size + len(texts[0]) + len(texts[1])) % 8)
    return [b"".join(len(text).to_bytes(4, "little") for text in texts), *texts]


def _read(content: bytes, known: _Known | None) -> tuple[_Known, Sketch]:
    broken = DataError("expected what the fleet has kept, got bytes that are broken")
    if len(content) < _HEAD.size:
        raise broken
    magic, check, size, more = _HEAD.unpack_from(content)
    if magic != MAGIC and magic[:3] == MAGIC[:3]:
        raise DataError(
            f"expected a sketch kept by this version, got one of another, {magic!r}",
            hint="bring modelward-monitoring up to date here, too.",
        )
    if magic != MAGIC or zlib.crc32(memoryview(content)[8:]) != check:
        raise broken
    at = _HEAD.size + size
    text, state = content[_HEAD.size : at], json.loads(content[at : at + more])
    same = _known(content, text, at + more, known)
    return same, _sketch(same.schema, state, content, at + more + len(same.raw))


def _known(content: bytes, text: bytes, start: int, known: _Known | None) -> _Known:
    if known is not None and known.text == text:
        raw = content[start : start + len(known.raw)]
        if raw == known.raw:
            return known
    said = json.loads(text)
    cuts = np.cumsum([0, *said["edges"]]).tolist()
    edges = np.frombuffer(content, _FLOAT, cuts[-1], start)
    schema = Schema.of(
        said["kinds"],
        [edges[a:b] for a, b in pairwise(cuts)],
        [tuple(names) for names in said["categories"]],
    )
    return _Known(text, content[start : start + edges.nbytes], schema)


def _sketch(schema: Schema, state: Any, content: bytes, start: int) -> Sketch:
    numbers, texts = len(schema.edges), len(schema.categories)
    measures = np.frombuffer(content, _FLOAT, 4 * numbers + 2 * texts, start)
    whole = np.frombuffer(content, _WHOLE, 3 * numbers + 2 * texts, start + measures.nbytes)
    rest = start + measures.nbytes + whole.nbytes
    counts = np.frombuffer(content, np.dtype(state["counts"]), -1, rest)
    return Sketch(
        kinds=schema.kinds,
        columns=Lanes(schema, measures, whole, counts),
        rows=state["rows"],
        others=frozenset((name, what) for name, what in state["others"]),
    )
