"""Tables of pandas, Arrow and Polars say the same, in memory and in files, chunk by chunk."""

from __future__ import annotations

import datetime as dt
import decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet
import pytest

from modelward.core.errors import DataError
from modelward.monitoring import Expectations, Sketch, compare
from modelward.monitoring.sources import tables
from modelward.monitoring.sources.frames import columns


def table(rows: int = 1000, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 12, rows),
            "visits": rng.poisson(3, rows),
            "country": rng.choice(["fi", "de", "fr"], rows),
            "active": rng.random(rows) < 0.4,
            "seen": pd.Timestamp("2026-01-01", tz="UTC")
            + pd.to_timedelta(rng.integers(0, 1000, rows), unit="h"),
        }
    )
    frame.loc[rng.random(rows) < 0.1, "age"] = np.nan
    frame.loc[rng.random(rows) < 0.1, "country"] = None
    return frame


def assert_alike(one: Sketch, two: Sketch) -> None:
    """The same to the last count; moments to rounding, which depends on the chunks."""
    sides = [sketch.to_dict() for sketch in (one, two)]
    for side in sides:
        side["moments"] = []
        for column in side["columns"].values():
            for part in ("moments", "lengths"):
                moments = column.pop(part, None) or {}
                side["moments"] += [moments.get(name, 0.0) for name in ("n", "mean", "m2")]
    assert sides[0].pop("moments") == pytest.approx(sides[1].pop("moments"), rel=1e-9)
    assert sides[0] == sides[1]


FORMS = {
    "pandas": lambda frame: frame,
    "arrow table": pa.Table.from_pandas,
    "arrow batch": pa.RecordBatch.from_pandas,
    "polars": pl.from_pandas,
    "polars, lazy": lambda frame: pl.from_pandas(frame).lazy(),
    "pandas of arrow types": lambda frame: frame.convert_dtypes(dtype_backend="pyarrow"),
    "pandas of nullable types": lambda frame: frame.convert_dtypes(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_sketch_and_decision(form: str) -> None:
    reference, window = table(), table(seed=1)
    expected = compare(reference, window).to_dict()
    made = FORMS[form]
    assert Sketch.fit(made(reference)).digest == Sketch.fit(reference).digest
    assert compare(made(reference), made(window)).to_dict() == expected
    learned = Expectations.learn(made(reference))
    assert learned == Expectations.learn(reference)
    assert learned.check(made(window)).to_dict() == learned.check(window).to_dict()


@pytest.mark.parametrize("suffix", ["csv", "parquet", "pq", "feather"])
def test_files_are_read_in_chunks(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = table().drop(columns=["seen"] if suffix == "csv" else [])
    path = tmp_path / f"t.{suffix}"
    if suffix == "csv":
        frame.to_csv(path, index=False)
    elif suffix == "feather":
        frame.to_feather(path, chunksize=100)
    else:
        frame.to_parquet(path, row_group_size=300)
    whole = Sketch.fit(frame)
    monkeypatch.setattr(tables, "CHUNK_ROWS", 100)
    sizes = [len(chunk) for chunk in tables.read(path)]
    assert max(sizes) <= 100
    assert sum(sizes) == 1000
    assert_alike(whole.empty().add_chunks(path), whole)
    assert Sketch.fit_chunks(str(path)).rows == 1000


def test_readers_data_sets_and_sequences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "CHUNK_ROWS", 128)
    frame = table()
    for part in range(4):
        frame.iloc[part * 250 : (part + 1) * 250].to_parquet(tmp_path / f"{part}.parquet")
    arrow = pa.Table.from_pandas(frame)
    whole = Sketch.fit(frame)
    sources: list[Any] = [
        pyarrow.dataset.dataset(tmp_path),
        pa.RecordBatchReader.from_batches(arrow.schema, arrow.to_batches(max_chunksize=99)),
        arrow,
        pl.from_pandas(frame),
        pl.from_pandas(frame).lazy(),
        [frame.iloc[:400], pa.Table.from_pandas(frame.iloc[400:])],
        (frame.iloc[at : at + 100] for at in range(0, 1000, 100)),
    ]
    for source in sources:
        assert_alike(whole.empty().add_chunks(source), whole)
    assert max(map(len, tables.chunks(arrow))) <= 128
    assert max(map(len, tables.chunks(pl.from_pandas(frame)))) <= 128


def test_rows_or_columns_side_by_side_in_memory_are_the_same() -> None:
    rng = np.random.default_rng(4)
    matrix = rng.normal(size=(9_001, 11)).astype(np.float64)
    matrix[rng.random(matrix.shape) < 0.01] = np.nan
    names = [f"f{i:02d}" for i in range(11)]
    lying = pd.DataFrame(matrix, columns=names)
    lying.insert(5, "word", rng.choice(["a", "b", None], 9_001))
    assert lying["f03"].to_numpy().strides[0] > 8, "rows lie side by side: the case that is meant"
    standing = pd.DataFrame({name: lying[name].to_numpy().copy() for name in lying})
    assert standing["f03"].to_numpy().strides[0] == 8
    reference = Sketch.fit(standing)
    assert reference.digest == Sketch.fit(lying).digest
    assert reference.empty().add(lying).digest == reference.digest
    for column in columns(lying):
        assert column.n + column.missing == 9_001
        kept = lying[column.name].dropna()
        assert column.values.tolist() == kept.tolist()


@pytest.mark.parametrize(
    ("values", "counted", "missing"),
    [
        (["a", "b", None, "a", float("nan")], {"a": 2, "b": 1}, 2),
        ([None, None, "a"], {"a": 1}, 2),
        ([1, "1", True, "True", None], {"1": 2, "True": 2}, 1),
        (["a", 1, 10**400], {"a": 1, "1": 1, str(10**400): 1}, 0),
        ([[1], "a", "a"], {"[1]": 1, "a": 2}, 0),
        ([True, False, True], {"True": 2, "False": 1}, 0),
    ],
)
def test_objects_are_counted_by_their_text(
    values: list[Any], counted: dict[str, int], missing: int
) -> None:
    [column] = columns(pd.DataFrame({"c": pd.Series(values, dtype=object)}))
    assert column.kind == "categorical"
    assert dict(column.counted) == counted
    assert (column.missing, column.n) == (missing, sum(counted.values()))
    assert sorted(column.values) == sorted(word for word in counted for _ in range(counted[word]))


def test_decimals_dates_and_moments_of_mixed_zones() -> None:
    frame = pd.DataFrame(
        {
            "price": [decimal.Decimal("1.25"), None, decimal.Decimal(3)],
            "day": [dt.date(2026, 1, 1), dt.date(2026, 1, 2), None],
            "at": [
                dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC),
                dt.datetime(2026, 1, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2))),
                dt.datetime(2026, 1, 1, 12),
            ],
            "huge": pd.Series([10**400, 1, 2], dtype=object),
        }
    )
    found = {c.name: c for c in columns(frame)}
    assert {name: c.kind for name, c in found.items()} == {
        "price": "numeric",
        "day": "time",
        "at": "time",
        "huge": "numeric",
    }
    assert found["price"].values.tolist() == [1.25, 3.0]
    assert found["price"].missing == 1
    noon = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC).timestamp()
    assert found["at"].values.tolist() == [noon, noon - 7200, noon], "without a zone it is UTC"
    assert np.isinf(found["huge"].values[0])
    arrow = pa.Table.from_pandas(frame[["price", "day"]])
    assert Sketch.fit(arrow).digest == Sketch.fit(frame[["price", "day"]]).digest
    there = Sketch.fit(frame[["at"]].iloc[:2].assign(at=lambda f: f["at"].map(str))).kinds
    assert there == {"at": "categorical"}, "texts stay texts"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    frame = table(5000)
    frame.to_parquet(tmp_path / "whole.parquet", row_group_size=500)
    content = (tmp_path / "whole.parquet").read_bytes()
    (tmp_path / "torn.parquet").write_bytes(content[: len(content) // 2])
    spoiled = bytearray(content)
    spoiled[200:4000] = bytes(3800)
    (tmp_path / "spoiled.parquet").write_bytes(bytes(spoiled))
    (tmp_path / "empty.parquet").write_bytes(b"")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "no.feather").write_bytes(b"ARROW1 and no more")
    names = ("torn.parquet", "spoiled.parquet", "empty.parquet", "empty.csv", "no.feather")
    for name in (*names, "absent.csv", "absent.parquet", "t.xlsx", "t"):
        with pytest.raises(DataError, match="expected a"):
            Sketch.fit_chunks(tmp_path / name)
    with pytest.raises(DataError, match=r"table of pandas, Arrow or Polars, got list"):
        Sketch.fit_chunks([[1, 2]])
    with pytest.raises(DataError, match="got Int64Array"):
        Sketch.fit(pa.array([1, 2]))
    with pytest.raises(DataError, match="more than once"):
        Sketch.fit(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]))
    with pytest.raises(DataError, match="at least one chunk"):
        Sketch.fit_chunks(frame.iloc[:0])


def test_nothing_is_taken_in_of_a_file_that_breaks_off(tmp_path: Path) -> None:
    frame = table(5000)
    sketch = Sketch.fit(frame)
    (tmp_path / "bad.csv").write_text("age,visits\n1,2\n" * 1 + "3,4,5,6\n" * 3)
    before = sketch.digest
    with pytest.raises(DataError, match=r"bad\.csv"):
        sketch.add_chunks(tmp_path / "bad.csv")
    assert sketch.digest == before
