"""Limits learnt from chunks: they hold for weekends and walks, and say what made them alarm."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from modelward.core.errors import DataError
from modelward.monitoring import Sketch, Thresholds, compare, drift_method

Rng = np.random.Generator


def day(rng: Rng, n: int = 300, shift: float = 0.0, gone: float = 0.05) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "x": rng.normal(shift, 1, n),
            "c": rng.choice(list("abc"), n, p=[0.5, 0.3, 0.2]),
            "at": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 9999, n), unit="s"),
        }
    )
    frame.loc[rng.random(n) < gone, "x"] = np.nan
    return frame


def test_the_limit_is_that_of_each_chunk_against_the_rest() -> None:
    rng = np.random.default_rng(0)
    days = [day(rng) for _ in range(6)]
    learnt = Thresholds.learn(days, deviations=2.0)
    empty = Sketch.fit(pd.concat(days)).empty()
    distances = []
    for at, each in enumerate(days):
        rest = empty.add(pd.concat([d for i, d in enumerate(days) if i != at]))
        pair = rest.columns["x"], empty.add(each).columns["x"]
        distances.append(drift_method("wasserstein")(*pair).value)
    # Student's prediction interval of a seventh distance, at the risk of two deviations.
    reach = stats.t.isf(stats.norm.sf(2.0), 5) * np.sqrt(1 + 1 / 6)
    expected = np.mean(distances) + reach * np.std(distances, ddof=1)
    assert learnt.limits["x"]["wasserstein"] == pytest.approx(expected, rel=1e-9)
    assert set(learnt.limits["c"]) == {"jensen_shannon", "missing"}
    assert set(learnt.limits["at"]) == {"missing"}


@pytest.mark.slow
def test_healthy_windows_seldom_alarm_also_where_days_differ_among_themselves() -> None:
    # Each day has a level of its own, as with weekends: independent-row tests alarm on nearly all.
    rng = np.random.default_rng(1)

    def walk() -> pd.DataFrame:
        return day(rng, shift=float(rng.normal(0, 0.2)))

    alarms, naive, repeats = 0, 0, 60
    for _ in range(repeats):
        days = [walk() for _ in range(25)]
        learnt, window = Thresholds.learn(days), walk()
        alarms += bool(learnt.compare(window).shifted)
        naive += bool(compare(learnt.reference, learnt.reference.empty().add(window)).shifted)
    assert alarms / repeats <= 0.1
    assert naive / repeats > 0.3


def test_alarms_say_their_rule_and_what_happened() -> None:
    rng = np.random.default_rng(20)
    learnt = Thresholds.learn([day(rng) for _ in range(12)])
    found = learnt.compare(day(rng, shift=1.0), model="churn")
    assert found.shifted[0] == "x"
    assert found["x"].rule.startswith("wasserstein ")
    assert found["x"].rule.endswith("mean + 3 sd of 12 chunks of the reference")
    assert found["x"].words.startswith("higher: mean")
    assert found["x"].q_value is None
    assert "learnt thresholds" in repr(found)
    assert "no bound on false alarms" in found._repr_html_()
    holes = learnt.compare(day(rng, gone=0.4))
    assert holes["x"].test.method == "missing"
    assert holes["x"].words.startswith("missing 5.")
    assert holes.to_evidence().config["control"] == "learnt thresholds"
    assert json.loads(holes.to_json())["features"][0]["q_value"] is None
    holes.plot()


def test_what_cannot_be_judged_is_said() -> None:
    rng = np.random.default_rng(3)
    days = [day(rng).assign(void=np.nan) for _ in range(6)]
    learnt = Thresholds.learn(days)
    found = learnt.compare(day(rng).drop(columns=["c"]).assign(new=1.0, void=np.nan))
    assert set(found.cannot_say) == {"c", "void", "new"}
    assert learnt.compare(day(rng).assign(x="text"))["x"].verdict == "cannot say"
    assert learnt.compare(day(rng, n=5)).shifted == ()
    assert "x" in learnt.compare(day(rng, n=5)).cannot_say


def test_a_share_that_was_never_missing_may_be_so_once() -> None:
    rng = np.random.default_rng(6)
    learnt = Thresholds.learn([day(rng, gone=0.0) for _ in range(10)])
    window = day(rng, gone=0.0)
    window.loc[:1, "x"] = np.nan
    assert learnt.limits["x"]["missing"] == pytest.approx(0.01)
    assert not learnt.compare(window)["x"].drifted
    window.loc[:3, "x"] = np.nan
    assert learnt.compare(window)["x"].rule.startswith("missing 0.0133 > 0.01")


def test_state_goes_through_json() -> None:
    rng = np.random.default_rng(4)
    learnt = Thresholds.learn([day(rng) for _ in range(6)], numeric="ks", categorical="l_infinity")
    again = Thresholds.from_dict(json.loads(json.dumps(learnt.to_dict(), allow_nan=False)))
    window = day(rng, shift=0.3)
    assert again.compare(window).to_dict() == learnt.compare(window).to_dict()
    for bad in ({}, {"format": "other"}, {**learnt.to_dict(), "limits": {}}):
        with pytest.raises(DataError):
            Thresholds.from_dict(bad)
    with pytest.raises(DataError, match="drift method of"):
        Thresholds.from_dict({**learnt.to_dict(), "numeric": "none"})


def test_mistakes() -> None:
    rng = np.random.default_rng(5)
    days = [day(rng) for _ in range(5)]
    with pytest.raises(DataError, match="at least 5 chunks"):
        Thresholds.learn(days[:4])
    with pytest.raises(DataError, match="method on NumericSketch, got 'chi_square'"):
        Thresholds.learn(days, numeric="chi_square")
    with pytest.raises(DataError, match="all frames or all sketches"):
        Thresholds.learn([*days[:4], Sketch.fit(days[4])])
    with pytest.raises(DataError, match="grid"):
        Thresholds.learn([Sketch.fit(each) for each in days])
    with pytest.raises(DataError, match="different grids"):
        Thresholds.learn(days).compare(Sketch.fit(days[0]))
