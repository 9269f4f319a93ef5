"""What cannot be judged is said, and is never called steady."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from modelward.core.errors import DataError
from modelward.monitoring import DriftResult, Sketch, compare


def normal(rng: np.random.Generator, rows: int, features: int) -> pd.DataFrame:
    return pd.DataFrame(
        rng.normal(size=(rows, features)), columns=[f"f{i}" for i in range(features)]
    )


def reasons(result: DriftResult) -> dict[str, str]:
    return {name: result[name].words for name in result.cannot_say}


def test_columns_missing_renamed_retyped_empty_and_new() -> None:
    rng = np.random.default_rng(18)
    reference = normal(rng, 500, 4)
    reference["void"] = np.nan
    window = normal(rng, 300, 4).drop(columns=["f0"])
    window["f1"] = "text"
    window["void"] = np.nan
    window["extra"] = 1.0
    found = compare(reference, window)
    assert reasons(found) == {
        "f0": "missing in the window",
        "f1": "categorical in the window, numeric before",
        "void": "0 values in the reference, at least 20 needed",
        "extra": "not in the reference",
    }
    assert "f1: cannot say, categorical" in repr(found)
    assert found.to_evidence().findings[0] == "cannot say of f0: missing in the window"
    assert "not every feature could be judged" in found.to_page().render()


@pytest.mark.parametrize("rows", [0, 1, 19])
def test_too_few_rows(rows: int) -> None:
    rng = np.random.default_rng(0)
    found = compare(normal(rng, 500, 2), normal(rng, rows, 2))
    assert reasons(found)["f0"] == f"{rows} rows in the window, at least 20 needed"
    assert len(found.cannot_say) == 2
    assert found["f0"].q_value is None


def test_a_frame_without_columns() -> None:
    found = compare(normal(np.random.default_rng(0), 500, 2), pd.DataFrame())
    assert reasons(found) == dict.fromkeys(["f0", "f1"], "missing in the window")


def test_a_column_that_was_almost_empty_and_now_is() -> None:
    # 1 % of values before, none now: neither the few values nor their absence shows anything.
    reference = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0] * 10 + [np.nan] * 3960})
    window = pd.DataFrame({"x": [np.nan] * 100})
    found = compare(reference, window)
    assert reasons(found) == {"x": "0 values in the window, at least 20 needed"}
    assert found["x"].q_value is not None, "the share missing was tested all the same"


def test_too_many_categories() -> None:
    rng = np.random.default_rng(1)

    def names(rows: int) -> pd.DataFrame:
        return pd.DataFrame({"id": rng.integers(0, 10**9, rows).astype(str)})

    assert reasons(compare(names(2000), names(500)))["id"].startswith("too many different values")


def test_a_reference_whose_chunks_disagree() -> None:
    rng = np.random.default_rng(2)
    reference = Sketch.fit(normal(rng, 500, 2)).add(normal(rng, 500, 1))
    found = compare(reference, reference.empty().add(normal(rng, 300, 2)))
    assert reasons(found) == {"f1": "not in every chunk of the reference alike"}


def test_infinite_values_are_as_good_as_missing() -> None:
    rng = np.random.default_rng(3)
    reference, window = normal(rng, 2000, 1), normal(rng, 500, 1)
    window.loc[:200, "f0"] = np.inf
    assert compare(reference, window)["f0"].words == "missing 0.0% to 40.2%"


def test_times_go_on() -> None:
    at = pd.DataFrame({"seen": pd.date_range("2026-01-01", periods=300, freq="h", tz="UTC")})
    later = at + pd.Timedelta(days=30)
    assert compare(at, later).shifted == ()
    assert compare(at, later)["seen"].test.method == "missing"
    later.loc[:99, "seen"] = pd.NaT
    assert compare(at, later).shifted == ("seen",)


def test_grids_of_different_references_are_not_compared() -> None:
    # Both grids have the same number of cells, so shares could be subtracted, and mean nothing.
    rng = np.random.default_rng(4)
    one, two = (Sketch.fit(normal(rng, 3000, 1) + shift) for shift in (0, 3))
    with pytest.raises(DataError, match="different grids of column 'f0'"):
        compare(one, two)


def test_unusable_references() -> None:
    with pytest.raises(DataError, match="rows and columns"):
        compare(pd.DataFrame({"x": []}), pd.DataFrame({"x": [1.0]}))
    huge = pd.DataFrame({"x": [1e308, -1e308] * 20})
    found = compare(huge, pd.DataFrame({"x": [1.0] * 40}))
    assert found["x"].test.words.startswith("missing 100")  # no number among them that fits a float
