"""Data as they should not be: a clear error or 'cannot say', and never a wrong 'no drift'."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pandas as pd
import pytest

from modelward.core.errors import DataError
from modelward.monitoring import Sketch, Thresholds, Watch, compare

RNG = np.random.default_rng(0)


def numbers(n: int = 500, shift: float = 0.0) -> pd.DataFrame:
    return pd.DataFrame({"x": RNG.normal(shift, 1, n), "z": RNG.normal(size=n)})


WINDOWS: dict[str, Any] = {
    "empty": lambda: numbers().iloc[:0],
    "without columns": lambda: pd.DataFrame(index=range(500)),
    "one row": lambda: numbers(1),
    "all missing": lambda: numbers().assign(x=np.nan),
    "all missing, as objects": lambda: numbers().assign(x=None),
    "missing": lambda: numbers().drop(columns="x"),
    "renamed": lambda: numbers().rename(columns={"x": "X"}),
    "texts": lambda: numbers().assign(x="text"),
    "texts that are numbers": lambda: numbers().assign(x=lambda f: f["x"].astype(str)),
    "mixed": lambda: numbers().assign(x=[1.0, "a"] * 250),
    "lists": lambda: numbers().assign(x=[[1, 2]] * 500),
    "booleans": lambda: numbers().assign(x=lambda f: f["x"] > 0),
    "moments": lambda: numbers().assign(x=pd.Timestamp("2026-01-01")),
    "infinite": lambda: numbers().assign(x=np.inf),
    "beyond a square": lambda: numbers().assign(x=1e300),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_no_window_that_cannot_be_judged_is_steady(name: str) -> None:
    reference = Sketch.fit(numbers(3_000))
    window = WINDOWS[name]()
    found = compare(reference, window)["x"]
    assert found.verdict != "steady", found.words
    assert found.words
    learnt = Thresholds.learn([numbers(300) for _ in range(6)]).compare(window)["x"]
    assert learnt.verdict != "steady", learnt.words
    watch = Watch()
    watch.add("m", reference)
    looked = watch.look({"m": window})["m"]["x"]
    assert looked.verdict == "cannot say" or looked.test.p_value is not None


def test_a_text_in_a_hundred_is_not_passed_over() -> None:
    # As read from a CSV in which "unknown" stands among the numbers.
    window = numbers().astype(object)
    window.loc[::100, "x"] = "unknown"
    found = compare(numbers(3_000), window)["x"]
    assert found.words == "categorical in the window, numeric before"


def test_whole_numbers_as_objects_and_nullable_are_numbers() -> None:
    whole = pd.DataFrame({"x": RNG.poisson(5, 500)})
    digest = Sketch.fit(whole).digest
    for kind in ("Int64", "float64", "object", "int8", "Float64"):
        assert Sketch.fit(whole.astype(kind)).digest == digest


def test_time_zones_are_one_time() -> None:
    at = pd.date_range("2026-01-01", periods=500, freq="min", tz="UTC")
    reference = Sketch.fit(pd.DataFrame({"at": at}))
    for zone in ("Europe/Helsinki", "Asia/Kolkata", None):
        column = reference.empty().add(pd.DataFrame({"at": at.tz_convert(zone)})).columns["at"]
        np.testing.assert_array_equal(column.counts, reference.columns["at"].counts)
    mixed = [each.tz_convert("Asia/Kolkata" if i % 2 else "UTC") for i, each in enumerate(at)]
    column = reference.empty().add(pd.DataFrame({"at": pd.Series(mixed, dtype=object)}))
    np.testing.assert_array_equal(column.columns["at"].counts, reference.columns["at"].counts)


def test_ten_thousand_categories_stay_small_and_are_not_called_steady() -> None:
    frame = pd.DataFrame({"c": RNG.integers(0, 10_000, 60_000).astype(str)})
    sketch = Sketch.fit(frame)
    assert sketch.columns["c"].counts.size <= 101
    found = compare(sketch, frame.sample(2_000, random_state=0))["c"]
    assert found.verdict == "cannot say"
    assert found.words.startswith("too many different values")


def test_five_thousand_columns() -> None:
    names = [f"f{i}" for i in range(5_000)]
    reference = Sketch.fit(pd.DataFrame(RNG.normal(size=(60, 5_000)), columns=names), cells=32)
    moved = pd.DataFrame(RNG.normal(size=(60, 5_000)), columns=names)
    moved["f7"] += 5
    tracemalloc.start()
    found = compare(reference, moved)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found.shifted == ("f7",)
    assert most < 200e6


def test_names_that_are_no_plain_words() -> None:
    hostile = ["<script>alert(1)</script>", 'a"b', "a\nb", "x" * 10_000, "", "ünï", "{{ 1 }}"]
    frame = pd.DataFrame(RNG.normal(size=(100, len(hostile))), columns=hostile)
    found = compare(frame, frame + 5)
    assert set(found.shifted) == set(hostile)
    assert "<script>alert" not in found._repr_html_()
    assert "<script>alert" not in found.to_page().render()
    assert Sketch.from_dict(Sketch.fit(frame).to_dict()).digest == Sketch.fit(frame).digest
    numbered = compare(
        pd.DataFrame(RNG.normal(size=(99, 2))), pd.DataFrame(RNG.normal(size=(99, 2)))
    )
    assert [f.feature for f in numbered.features] == ["0", "1"]


def test_doubled_names_and_a_torn_reference_are_refused() -> None:
    doubled = pd.DataFrame(np.ones((50, 2)), columns=["a", "a"])
    for call in (lambda: compare(doubled, doubled), lambda: compare(numbers(), doubled)):
        with pytest.raises(DataError, match="more than once"):
            call()
    with pytest.raises(DataError, match="pandas, Arrow or Polars"):
        compare(None, numbers())  # type: ignore[arg-type]
    with pytest.raises(DataError, match="rows and columns"):
        compare(numbers().iloc[:0], numbers())
    with pytest.raises(DataError, match="one schema"):
        compare(Sketch.fit(numbers()), Sketch.fit(pd.DataFrame({"other": [1.0] * 30})))
