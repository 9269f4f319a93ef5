"""Sketches as bytes: the same sketch comes back, and no broken one is taken for whole."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelward.core.errors import DataError
from modelward.monitoring.fleet.store.binary import MAGIC, Reader, to_bytes
from modelward.monitoring.fleet.store.packing import pack_sketch, unpack_sketch
from modelward.monitoring.sketch.table import Sketch


def mixed(n: int = 500) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "number": np.where(rng.random(n) < 0.1, np.nan, rng.normal(1e6, 3, n)),
            "endless": np.where(rng.random(n) < 0.1, np.inf, rng.normal(size=n)),
            "count": rng.poisson(2, n),
            "plan": rng.choice(["a", "ü\n\0", 'x"' * 80], n),
            "when": pd.date_range("2026-01-01", periods=n, freq="h", tz="UTC"),
            "nothing": np.full(n, np.nan),
            "": rng.random(n) < 0.5,
        }
    )


@pytest.mark.parametrize("rows", [500, 1, 0])
def test_the_same_sketch_comes_back(rows: int) -> None:
    reference = Sketch.fit(mixed())
    sketch = reference.empty().add(mixed()[:rows]) if rows else reference.empty()
    packed = pack_sketch(sketch)
    assert packed[:4] == MAGIC
    found = unpack_sketch(packed)
    assert found.to_dict() == sketch.to_dict()
    assert found.digest == sketch.digest
    assert (found + sketch).rows == 2 * sketch.rows  # it is as good as the one it was made of
    if rows:
        assert found.add(mixed()).to_dict() == sketch.add(mixed()).to_dict()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=60),
    st.lists(st.text(max_size=8), min_size=1, max_size=60),
)
def test_whatever_was_seen_comes_back(numbers: list[float], words: list[str]) -> None:
    size = min(len(numbers), len(words))
    sketch = Sketch.fit(pd.DataFrame({"n": numbers[:size], "w": words[:size]}))
    assert unpack_sketch(pack_sketch(sketch)).to_dict() == sketch.to_dict()


def test_another_version_is_said() -> None:
    packed = pack_sketch(Sketch.fit(mixed()[["plan"]]))
    with pytest.raises(DataError, match="of another, b'mws9'"):
        unpack_sketch(b"mws9" + packed[4:])


def test_sketches_of_one_grid_share_it() -> None:
    reference = Sketch.fit(mixed())
    other = Sketch.fit(mixed(400))
    reader = Reader()
    first, window, alien = (
        reader.read(pack_sketch(each)) for each in (reference, reference.empty(), other)
    )
    assert window.kinds is first.kinds
    assert window.columns["number"].edges is first.columns["number"].edges  # type: ignore[union-attr]
    assert window.columns["plan"].categories is first.columns["plan"].categories  # type: ignore[union-attr]
    assert alien.to_dict() == other.to_dict()


def test_any_broken_byte_is_noticed() -> None:
    packed = pack_sketch(Sketch.fit(mixed(50)))
    rng = np.random.default_rng(0)
    for at in rng.integers(0, len(packed), 200):
        broken = bytearray(packed)
        broken[at] ^= 1 << int(rng.integers(8))
        with pytest.raises(DataError):
            unpack_sketch(bytes(broken))
    for length in (0, 3, 8, 20, len(packed) - 1):
        with pytest.raises(DataError):
            unpack_sketch(packed[:length])


def test_the_size_is_that_of_the_grid_whatever_the_rows() -> None:
    sketch = Sketch.fit(mixed()[["number", "endless"]])
    packed = to_bytes(sketch)
    cells = sum(column.counts.size for column in sketch.columns.values())  # type: ignore[union-attr]
    assert len(packed) < 10 * cells + 1_000  # eight bytes an edge, two a count
    assert len(pack_sketch(sketch + sketch)) < 1.15 * len(packed)
