"""Expectations: learned, edited, checked; and the promise that a healthy column rarely fails."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from modelward.core.config import InvalidConfigError
from modelward.core.errors import DataError
from modelward.monitoring import Sketch
from modelward.monitoring.quality.expectations import (
    ColumnExpectation,
    DuplicateExpectation,
    Expectations,
)
from modelward.monitoring.quality.limits import (
    beyond_range,
    exceeds,
    prediction_limits,
    upper_share,
)


def table(rng: np.random.Generator, n: int = 2_000) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": rng.normal(40, 10, n),
            "sex": rng.choice(["f", "m"], n),
            "seen": pd.Timestamp("2026-03-01", tz="UTC")
            + pd.to_timedelta(rng.uniform(0, 24, n), "h"),
        }
    )


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def expectations(rng: np.random.Generator) -> Expectations:
    return Expectations.learn(table(rng), fresh_within=6)


AT = "2026-03-02T00:00:00+00:00"


def test_a_window_like_the_reference_meets_everything(expectations, rng):
    result = expectations.check(table(rng, 500), at=AT)
    assert result.failures == ()
    assert result.cannot_say == ()
    said = {(c.column, c.expectation) for c in result.checks}
    assert said == {
        ("", "rows"),
        ("", "duplicates"),
        ("age", "missing"),
        ("age", "infinite"),
        ("age", "range"),
        ("sex", "missing"),
        ("sex", "categories"),
        ("seen", "missing"),
        ("seen", "freshness"),
    }


def broken_missing(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(age=frame["age"].where(np.arange(len(frame)) >= 20))


def broken_infinite(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(age=frame["age"].where(np.arange(len(frame)) >= 20, np.inf))


def broken_range(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(age=frame["age"].where(np.arange(len(frame)) >= 20, -999.0))


def broken_category(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(sex=frame["sex"].where(np.arange(len(frame)) >= 20, "unknown"))


def broken_type(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(age=frame["age"].astype(str))


def broken_renamed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.rename(columns={"age": "Age"})


def broken_stale(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(seen=frame["seen"] - pd.Timedelta(days=3))


def broken_duplicates(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame.head(20)])


def broken_rows(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.head(0)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (broken_missing, "age: 4.0% missing"),
        (broken_infinite, "age: 4.0% infinite"),
        (broken_range, "age: 4.2% outside"),
        (broken_category, "sex: 4.0% in other categories"),
        (broken_type, "age: categorical in the window, numeric before, numeric expected"),
        (broken_renamed, "age: missing in the window"),
        (broken_stale, "seen: newest moment 72."),
        (broken_duplicates, "20 of 520 rows repeat an earlier one"),
        (broken_rows, "0 rows, 1 to any number expected"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_is_broken_is_named(expectations, rng, damage, words):
    failures = expectations.check(damage(table(rng, 500)), at=AT).failures
    assert any(failure.startswith(words) for failure in failures), failures
    if damage is broken_renamed:
        assert "Age: a column that was not expected" in failures


def test_a_kept_sketch_is_checked_as_its_frame_is(expectations, rng):
    reference = Sketch.fit(table(np.random.default_rng(7)))
    frame = broken_range(broken_missing(table(rng, 500)))
    of_frame = expectations.check(frame, at=AT)
    of_sketch = expectations.check(reference.empty().add(frame), at=AT)
    assert [f for f in of_sketch.failures if f.startswith(("age", "sex", "seen"))] == [
        f for f in of_frame.failures if f.startswith(("age", "sex", "seen"))
    ]
    assert of_sketch.cannot_say == ("a sketch holds no rows: check the frame for duplicates",)


def test_the_yaml_comes_back_and_can_be_edited(expectations, rng, tmp_path):
    path = expectations.save(tmp_path / "expectations.yaml")
    assert Expectations.load(path) == expectations
    text = path.read_text("utf-8")
    path.write_text(text.replace("rows_at_least: 1", "rows_at_least: 501"), "utf-8")
    edited = Expectations.load(path)
    assert edited.check(table(rng, 500), at=AT).failures == (
        "500 rows, 501 to any number expected",
    )
    path.write_text(text.replace("missing_at_most", "mising_at_most"), "utf-8")
    with pytest.raises(InvalidConfigError, match=r"expectations.yaml:\d+:\d+.*missing_at_most"):
        Expectations.load(path)


def test_hard_limits_fail_at_one_value(rng):
    hard = Expectations(
        columns={"age": ColumnExpectation(kind="numeric", low=0, high=120, outside_at_most=0)}
    )
    ages = np.full(100_000, 40.0)
    assert hard.check(pd.DataFrame({"age": ages})).failures == ()
    ages[5] = 121
    assert hard.check(pd.DataFrame({"age": ages})).failures == (
        "age: 1 of 100000 outside 0 to 120, at most 0 expected",
    )


def test_limits_cut_at_the_value_itself():
    edges = Expectations(
        columns={"x": ColumnExpectation(kind="numeric", low=0, high=1, outside_at_most=0)}
    )
    assert edges.check(pd.DataFrame({"x": [0.0, 1.0]})).failures == ()
    for beyond in (np.nextafter(0, -1), np.nextafter(1, 2)):
        assert edges.check(pd.DataFrame({"x": [0.5, beyond]})).failures != ()


def test_a_healthy_number_of_rows_is_learned(rng):
    windows = rng.normal(1_000, 50, 30).astype(int).tolist()
    learned = Expectations.learn(table(rng), windows=windows)
    assert learned.rows_at_least > 500
    assert learned.rows_at_most is not None
    assert learned.rows_at_most < 2_000
    assert learned.check(table(rng, 300), at=AT).failures[0].startswith("300 rows, ")


def test_duplicates_can_be_of_some_columns(rng):
    frame = table(rng, 200).assign(id=np.arange(200))
    frame.loc[5, "id"] = 6
    some = Expectations(
        columns={}, extra_columns="allowed", duplicates=DuplicateExpectation(columns=("id",))
    )
    assert some.check(frame).failures == (
        "1 of 200 rows repeat an earlier one, at most 0.00% expected",
    )
    lists = frame.assign(id=[[1]] * 200)
    whole = some.model_copy(update={"duplicates": DuplicateExpectation()})
    assert whole.check(lists).cannot_say[0].startswith("expected plain values")
    assert some.check(frame.drop(columns="id")).cannot_say == (
        "no column id to count duplicates in",
    )


@pytest.mark.parametrize("bad", [0, 1, -0.5])
def test_a_risk_out_of_range_is_refused(rng, bad):
    with pytest.raises(DataError, match="0 < risk < 1"):
        Expectations.learn(table(rng), risk=bad)


def test_reversed_limits_are_refused():
    with pytest.raises(ValueError, match="low <= high is needed"):
        ColumnExpectation(kind="numeric", low=2, high=1)
    with pytest.raises(ValueError, match="others than which"):
        ColumnExpectation(kind="categorical", others_at_most=0.1)


def test_the_result_shows_itself(expectations, rng):
    result = expectations.check(broken_missing(table(rng, 500)), at=AT)
    assert "1 of 9 expectations failed" in repr(result)
    assert "age" in result._repr_html_()
    assert result.to_frame().iloc[0]["state"] == "failed"
    assert result.to_evidence(model="fraud").kind == "monitoring.quality"


def test_upper_share_holds_with_its_risk():
    rng = np.random.default_rng(1)
    truth, n, risk = 0.03, 400, 0.05
    bounds = [upper_share(int(found), n, risk) for found in rng.binomial(n, truth, 4_000)]
    missed = np.mean(np.array(bounds) < truth)
    assert missed <= risk + 3 * (risk / 4_000) ** 0.5


def test_values_beyond_the_range_of_the_reference_stay_below_the_limit():
    rng = np.random.default_rng(2)
    n, risk, runs = 200, 0.05, 4_000
    samples = rng.uniform(size=(runs, n))
    beyond = samples.min(axis=1) + 1 - samples.max(axis=1)  # uniform: share = length
    missed = float(np.mean(beyond > beyond_range(n, risk)))
    assert abs(missed - risk) < 3 * (risk * (1 - risk) / runs) ** 0.5


def test_exceeding_by_chance_is_as_rare_as_promised():
    rng = np.random.default_rng(3)
    n, limit, risk = 300, 0.04, 0.05
    fails = np.mean(
        [exceeds(int(found), n, limit, risk) for found in rng.binomial(n, limit, 4_000)]
    )
    assert 0.01 < fails <= risk


def test_rows_of_the_next_window_lie_within_the_limits():
    rng = np.random.default_rng(4)
    outside = 0
    for _ in range(2_000):
        rows = np.exp(rng.normal(8, 0.3, 12)).astype(int)
        low, high = prediction_limits(rows[:-1].tolist(), 0.05)
        outside += not low <= rows[-1] <= high
    assert abs(outside / 2_000 - 0.05) < 0.016


def test_a_healthy_column_fails_with_at_most_the_risk():
    rng = np.random.default_rng(5)
    runs, risk, failed = 400, 0.1, {"missing": 0, "range": 0, "categories": 0}

    def draw(n: int) -> pd.DataFrame:
        x = rng.normal(size=n)
        x[rng.random(n) < 0.05] = np.nan
        rare = np.where(rng.random(n) < 0.01, rng.integers(0, 10**9, n).astype(str), "usual")
        return pd.DataFrame({"x": x, "name": rare})

    for _ in range(runs):
        for check in Expectations.learn(draw(300), risk=risk).check(draw(600)).checks:
            if check.state == "failed":
                failed[check.expectation] = failed.get(check.expectation, 0) + 1
    for what, times in failed.items():
        assert times / runs <= risk + 2 * (risk / runs) ** 0.5, what
