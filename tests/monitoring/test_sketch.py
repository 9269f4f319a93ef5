"""Sketches: nothing is lost that is promised to be kept, and merging is only adding."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelward.core.errors import DataError
from modelward.monitoring import Sketch
from modelward.monitoring.sketch.categorical import CategoricalSketch
from modelward.monitoring.sketch.numeric import NumericSketch
from modelward.monitoring.sources.frames import columns, read


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 12, rows),
            "visits": rng.poisson(3, rows),
            "country": rng.choice(["fi", "de", "fr"], rows, p=[0.5, 0.3, 0.2]),
            "active": rng.random(rows) < 0.4,
            "seen": pd.Timestamp("2026-01-01")
            + pd.to_timedelta(rng.integers(0, 1000, rows), unit="h"),
        }
    )
    frame.loc[rng.random(rows) < 0.1, "age"] = np.nan
    return frame


def test_schema_is_inferred() -> None:
    sketch = Sketch.fit(table(200))
    assert dict(sketch.kinds) == {
        "age": "numeric",
        "visits": "numeric",
        "country": "categorical",
        "active": "categorical",
        "seen": "time",
    }
    assert repr(sketch) == "Sketch(200 rows; 2 categorical, 2 numeric, 1 time)"


def test_moments_range_and_missing_are_exact() -> None:
    frame = table(5000)
    age = Sketch.fit(frame).columns["age"]
    assert isinstance(age, NumericSketch)
    there = frame["age"].dropna()
    assert age.n == len(there)
    assert age.missing == frame["age"].isna().sum()
    assert age.rows == 5000
    assert age.moments.mean == pytest.approx(there.mean(), rel=1e-12)
    assert age.moments.variance == pytest.approx(there.var(), rel=1e-12)
    assert (age.minimum, age.maximum) == (there.min(), there.max())


def test_cumulative_shares_at_edges_are_exact() -> None:
    frame = table(20_000)
    age = Sketch.fit(frame).columns["age"]
    assert isinstance(age, NumericSketch)
    values = np.sort(frame["age"].dropna().to_numpy())
    exact = np.searchsorted(values, age.edges, side="right") / values.size
    np.testing.assert_allclose(age.cumulative(), exact, atol=1e-12)
    assert age.counts.max() <= 2 * values.size / 1024, "cells hold about the same share"


def test_few_values_lose_nothing() -> None:
    visits = Sketch.fit(table(3000)).columns["visits"]
    assert isinstance(visits, NumericSketch)
    held = visits.counts[:-1] > 0
    counted = dict(zip(visits.edges[held].tolist(), visits.counts[:-1][held].tolist(), strict=True))
    assert counted == table(3000)["visits"].value_counts().to_dict()


def test_one_huge_value_does_not_lose_the_table() -> None:
    frame = pd.DataFrame({"x": np.arange(100.0), "y": np.arange(100.0)})
    window = frame.copy()
    window.loc[0, "x"] = 1e200
    sketch = Sketch.fit(frame).empty().add(window)
    assert sketch.columns["x"].infinite == 1  # type: ignore[union-attr]
    assert sketch.columns["y"].n == 100


def test_infinite_values_are_counted_apart() -> None:
    sketch = Sketch.fit(pd.DataFrame({"x": [1.0, np.inf, -np.inf, np.nan, 3.0]})).columns["x"]
    assert isinstance(sketch, NumericSketch)
    assert (sketch.n, sketch.infinite, sketch.missing, sketch.rows) == (2, 2, 1, 5)
    assert sketch.moments.mean == 2.0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 400), min_size=3, max_size=3), st.integers(0, 2**31))
def test_merge_is_associative_commutative_and_equal_to_one_pass(
    sizes: list[int], seed: int
) -> None:
    reference = Sketch.fit(table(300, seed=1))
    frames = [table(size, seed=seed % 1000 + i) for i, size in enumerate(sizes)]
    a, b, c = (reference.empty().add(f) for f in frames)
    whole = reference.empty()
    for frame in frames:
        whole = whole.add(frame)
    for merged in ((a + b) + c, a + (b + c), c + (a + b), whole):
        assert merged.rows == sum(sizes)
        for name, column in merged.columns.items():
            np.testing.assert_array_equal(column.counts, whole.columns[name].counts)
            assert column.missing == whole.columns[name].missing
            if isinstance(column, NumericSketch):
                other = whole.columns[name]
                assert isinstance(other, NumericSketch)
                assert column.moments.mean == pytest.approx(
                    other.moments.mean, rel=1e-12, abs=1e-12
                )
                assert column.moments.m2 == pytest.approx(other.moments.m2, rel=1e-9, abs=1e-9)
                assert (column.minimum, column.maximum) == (other.minimum, other.maximum)


def test_size_does_not_grow_with_rows() -> None:
    sizes = []
    for rows in (20_000, 100_000):
        sketch = Sketch.fit(table(20_000))
        sketch = sketch.add(table(rows, seed=2))
        sizes.append(len(json.dumps(sketch.to_dict())))
    assert sizes[1] < 1.05 * sizes[0]


def test_round_trip(tmp_path: Path) -> None:
    sketch = Sketch.fit(table(500))
    loaded = Sketch.load(sketch.save(tmp_path / "s" / "reference.json"))
    assert loaded.digest == sketch.digest
    assert loaded.to_dict() == sketch.to_dict()
    empty = Sketch.from_dict(json.loads(json.dumps(sketch.empty().to_dict())))
    assert (empty + sketch).digest == sketch.digest


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda c: c.update(format="modelward.sketch/9"), "format modelward.sketch/1"),
        (lambda c: c.pop("columns"), "columns"),
        (lambda c: c["columns"]["age"]["counts"].pop(), "one count more than edges"),
        (lambda c: c["columns"]["age"]["counts"].__setitem__(0, 10**6), "expected counts of"),
        (lambda c: c["columns"]["age"]["edges"].reverse(), "ascending"),
        (lambda c: c["columns"]["country"]["counts"].__setitem__(0, -1), "counts >= 0"),
    ],
)
def test_broken_sketches_are_refused(spoil: object, message: str, tmp_path: Path) -> None:
    content = Sketch.fit(table(100)).to_dict()
    spoil(content)  # type: ignore[operator]
    with pytest.raises(DataError, match=message):
        Sketch.from_dict(content)
    (tmp_path / "not.json").write_text("{")
    with pytest.raises(DataError, match="expected a sketch in"):
        Sketch.load(tmp_path / "not.json")
    with pytest.raises(DataError, match="format"):
        Sketch.from_dict([])  # type: ignore[arg-type]


def test_what_is_no_table() -> None:
    with pytest.raises(DataError, match="DataFrame"):
        Sketch.fit([[1, 2]])  # type: ignore[arg-type]
    with pytest.raises(DataError, match="rows and columns"):
        Sketch.fit(pd.DataFrame({"a": []}))
    with pytest.raises(DataError, match="more than once"):
        Sketch.fit(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(DataError, match="real numbers"):
        list(columns(pd.DataFrame({"z": [1 + 2j]})))
    with pytest.raises(DataError, match="at least one chunk"):
        Sketch.fit_chunks([])


def test_other_schema_and_grids_do_not_merge() -> None:
    one, two = Sketch.fit(table(100)), Sketch.fit(table(100, seed=3))
    with pytest.raises(DataError, match="grid"):
        one + two
    with pytest.raises(DataError, match="schema"):
        one + Sketch.fit(pd.DataFrame({"other": [1.0] * 5}))
    left, right = (Sketch.fit(pd.DataFrame({"c": values})) for values in (["a"] * 6, ["b"] * 6))
    with pytest.raises(DataError, match="same categories"):
        left + right


def test_rare_and_new_categories_go_to_the_others() -> None:
    values = [f"c{i}" for i in range(150) for _ in range(150 - i)]
    sketch = Sketch.fit(pd.DataFrame({"c": values}))
    column = sketch.columns["c"]
    assert column.n == len(values)
    # The best category left out was seen 50 times; those kept stand clear of it, at 50 + 4 * 7.07.
    assert len(column.counts) == 1 + sum(150 - i >= 79 for i in range(150))
    assert column.counts[-1] == sum(150 - i for i in range(150) if 150 - i < 79)
    later = sketch.empty().add(pd.DataFrame({"c": ["never seen", "c0"]})).columns["c"]
    assert later.counts[-1] == 1


def test_long_texts_do_not_grow_the_sketch() -> None:
    texts = ["x" * 10_000 + end for end in "ab"] * 10
    column = Sketch.fit(pd.DataFrame({"c": texts})).columns["c"]
    assert isinstance(column, CategoricalSketch)
    assert column.counts.tolist() == [10, 10, 0], "told apart by their digests"
    assert max(map(len, column.categories)) <= 100


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_files_are_read_in_chunks(suffix: str, tmp_path: Path) -> None:
    frame = table(1000).drop(columns=["seen"])
    path = tmp_path / f"t.{suffix}"
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    assert Sketch.fit_chunks(read(path)).digest == Sketch.fit(frame).digest


def test_unreadable_files(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"PAR1 and then nothing")
    (tmp_path / "empty.csv").write_text("")
    for name in ("t.parquet", "empty.csv", "absent.csv", "t.xlsx"):
        with pytest.raises(DataError, match=r"expected a"):
            list(read(tmp_path / name))


@pytest.mark.parametrize("rows", [1, 7, 500, 20_000])
def test_quantiles_are_within_a_cell_of_numpy(rows: int) -> None:
    values = np.random.default_rng(3).exponential(size=rows)
    column = Sketch.fit(pd.DataFrame({"x": values})).columns["x"]
    assert isinstance(column, NumericSketch)
    for share in (0.0, 0.01, 0.25, 0.5, 0.9, 1.0):
        exact = np.quantile(values, share, method="inverted_cdf")
        at = np.searchsorted(column.edges, exact)
        width = column.edges[at] - column.edges[at - 1]
        assert abs(column.quantile(share) - exact) <= width + 1e-12
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(DataError, match="share in"):
            column.quantile(wrong)
    with pytest.raises(DataError, match="of 0 values"):
        column.empty().quantile(0.5)


def test_lengths_of_texts_are_exact_and_add_up() -> None:
    texts = ["a", "bb", "bb", "x" * 5000, None, ""] * 10
    frame = pd.DataFrame({"c": texts})
    whole = Sketch.fit(frame)
    column = whole.columns["c"]
    assert isinstance(column, CategoricalSketch)
    lengths = frame["c"].dropna().str.len()
    assert column.lengths.n == 50
    assert column.lengths.mean == pytest.approx(lengths.mean(), rel=1e-12)
    assert column.lengths.variance == pytest.approx(lengths.var(), rel=1e-12)
    parts = [whole.empty().add(frame.iloc[at : at + 25]) for at in (0, 25, 50)]
    merged = ((parts[0] + parts[1]) + parts[2]).columns["c"]
    assert isinstance(merged, CategoricalSketch)
    assert merged.lengths.mean == pytest.approx(lengths.mean(), rel=1e-12)
    again = Sketch.from_dict(json.loads(json.dumps(whole.to_dict()))).columns["c"]
    assert again.lengths == column.lengths  # type: ignore[union-attr]


def test_hours_add_up_to_days_and_days_to_a_week() -> None:
    reference = Sketch.fit(table(500, seed=9))
    hours = [table(40, seed=hour) for hour in range(7 * 24)]
    sketches = [reference.empty().add(hour) for hour in hours]
    days = [sum(sketches[d * 24 + 1 : d * 24 + 24], sketches[d * 24]) for d in range(7)]
    week = sum(days[1:], days[0])
    whole = reference.empty().add(pd.concat(hours))
    assert week.rows == whole.rows == 7 * 24 * 40
    for name, column in week.columns.items():
        np.testing.assert_array_equal(column.counts, whole.columns[name].counts)


def test_floats_of_32_bits_are_counted_as_of_64() -> None:
    rng = np.random.default_rng(21)
    wide = pd.DataFrame({"a": rng.normal(size=3_000), "b": rng.normal(1e8, 1e3, 3_000)})
    reference = Sketch.fit(wide)
    few = pd.DataFrame(rng.normal(size=(2_000, 2)) * [1.0, 1e3] + [0.0, 1e8], columns=["a", "b"])
    few = few.astype("float32")
    few.iloc[:5, 0] = [np.inf, -np.inf, np.nan, 3e38, -3e38]
    few.iloc[5:, 1] = wide["b"].iloc[5:2_000].astype("float32").to_numpy()  # beside the edges
    one, two = reference.empty().add(few), reference.empty().add(few.astype("float64"))
    for name in ("a", "b"):
        left, right = one.columns[name], two.columns[name]
        assert left.counts.tolist() == right.counts.tolist()
        assert (left.rows, left.n, left.missing) == (right.rows, right.n, right.missing)
        assert left.infinite == right.infinite == (2 if name == "a" else 0)
        assert (left.minimum, left.maximum) == (right.minimum, right.maximum)
        assert left.moments.m2 == pytest.approx(right.moments.m2, rel=1e-12)
    assert Sketch.fit(few[["b"]]).digest == Sketch.fit(few[["b"]].astype("float64")).digest
