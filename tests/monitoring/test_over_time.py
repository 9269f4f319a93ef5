"""Looking after each window: the promises hold however often one looks, and change is found."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.core.errors import DataError, StateError
from modelward.monitoring import Sketch, compare
from modelward.monitoring.decisions.evidence import (
    LEAST_P,
    POWERS,
    Evidence,
    e_benjamini_hochberg,
    e_values,
)
from modelward.monitoring.fleet.watch import Watch, Watched

Rng = np.random.Generator


def rows(rng: Rng, n: int, features: int = 3, shift: Any = 0.0) -> pd.DataFrame:
    names = [f"f{i}" for i in range(features)]
    return pd.DataFrame(rng.normal(size=(n, features)) + shift, columns=names)


def watched(rng: Rng, models: int, features: int = 3, n: int = 500, **settings: Any) -> Watch:
    watch = Watch(**settings)
    for model in range(models):
        watch.add(str(model), Sketch.fit(rows(rng, n, features), cells=32))
    return watch


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=40), st.floats(0.001, 0.5))
def test_e_bh_is_the_rule_of_the_paper(values: list[float], q: float) -> None:
    ordered = sorted(values, reverse=True)
    m = len(values)
    largest = max((k for k in range(1, m + 1) if ordered[k - 1] >= m / (q * k) - 1e-9), default=0)
    alarms = int((e_benjamini_hochberg(values) <= q * (1 + 1e-12)).sum())
    at_the_edge = any(abs(ordered[k - 1] * q * k / m - 1) < 1e-6 for k in range(1, m + 1))
    assert alarms == largest or at_the_edge


@pytest.mark.parametrize("power", POWERS)
def test_calibrators_integrate_to_one_at_most(power: float) -> None:
    p = (np.arange(2_000_000) + 0.5) / 2_000_000
    mean = e_values(p, power=power).mean()
    assert 0.97 < mean <= 1.0 + 1e-6
    assert e_values([0.0], power=power)[0] == power * LEAST_P ** (power - 1)


def test_evidence_is_the_mixture_over_when_and_how() -> None:
    # Against the definition written out: every start, every power, the weights.
    p = np.random.default_rng(1).random(12) ** 3
    evidence = Evidence.none(1)
    for value in p:
        evidence = evidence.update(np.array([value]))
    waiting = 1 / (1 + np.log(1 + np.arange(13)))
    expected = np.mean(
        [
            waiting[12]
            + sum(
                (waiting[s] - waiting[s + 1]) * np.prod(e_values(p[s:], power=power))
                for s in range(12)
            )
            for power in POWERS
        ]
    )
    assert evidence.values[0] == pytest.approx(expected, rel=1e-12)
    assert evidence.update(np.array([np.nan])).values[0] == evidence.values[0]


@pytest.mark.slow
def test_evidence_without_drift_is_one_on_average_and_seldom_large() -> None:
    rng = np.random.default_rng(2)
    streams, looks, alpha = 20_000, 200, 0.05
    evidence, ever = Evidence.none(streams), np.zeros(streams, dtype=bool)
    for _ in range(looks):
        evidence = evidence.update(rng.random(streams))
        ever |= evidence.values >= 1 / alpha
    assert ever.mean() <= alpha, "Ville: the chance of ever reaching 1 / alpha"
    assert np.minimum(evidence.values, 1e4).mean() <= 1.1


@pytest.mark.slow
def test_a_healthy_fleet_looked_at_200_times() -> None:
    # By the promise, at most one fleet in twenty alarms at any of its looks; while Benjamini-Hochberg
    # on each look alone, against the same reference, alarms in nearly every one of them.
    rng = np.random.default_rng(3)
    fleets, looks = 24, 200
    ever, naive = 0, 0
    for _ in range(fleets):
        watch = watched(rng, 1, features=5, smallest_shift=0.0)
        reference = watch.watched["0"].reference
        false = fooled = False
        for _ in range(looks):
            window = reference.empty().add(rows(rng, 100, 5))
            false |= bool(watch.look({"0": window}).alarmed)
            fooled = fooled or bool(compare(reference, window, smallest_shift=0.0).shifted)
        ever, naive = ever + false, naive + fooled
    assert ever <= 4, "one in twenty, and four standard errors"
    assert naive >= 20


@pytest.mark.slow
def test_awkward_columns_keep_the_promise_too() -> None:
    rng = np.random.default_rng(4)
    kinds = {
        "ties": lambda n: rng.poisson(1, n),
        "few": lambda n: rng.choice(list("abc"), n, p=[0.9, 0.08, 0.02]),
        "rare": lambda n: np.where(rng.random(n) < 0.003, "rare", "usual"),
        "many": lambda n: rng.zipf(1.5, n).astype(str),
        "holes": lambda n: np.where(rng.random(n) < 0.01, np.nan, rng.normal(size=n)),
    }
    alarms = 0
    for _ in range(12):
        watch = Watch(smallest_shift=0.0)
        watch.add("m", pd.DataFrame({name: draw(400) for name, draw in kinds.items()}))
        ever = False
        for _ in range(60):
            window = pd.DataFrame({name: draw(80) for name, draw in kinds.items()})
            ever |= bool(watch.look({"m": window}).alarmed)
        alarms += ever
    assert alarms <= 3


@pytest.mark.slow
def test_share_and_delay_where_some_models_drift() -> None:
    # 40 models of 5 features; after 30 healthy looks 4 of them move in one feature by half a
    # standard deviation.
    rng = np.random.default_rng(5)
    watch = watched(rng, 40, features=5)
    shares, delays = [], dict[str, int]()
    for look in range(50):
        windows = {}
        for name in watch.watched:
            shift = np.zeros(5)
            shift[0] = 0.5 if look >= 30 and int(name) < 4 else 0.0
            windows[name] = rows(rng, 200, 5, shift)
        found = watch.look(windows)
        alarms = [(r.model, f) for r in found for f in r.shifted]
        false = [each for each in alarms if look < 30 or int(each[0]) >= 4 or each[1] != "f0"]
        shares.append(len(false) / max(len(alarms), 1))
        for model, _ in alarms:
            delays.setdefault(model, look - 30)
    assert np.mean(shares) <= 0.05
    assert set(delays) >= {"0", "1", "2", "3"}
    assert max(delays[m] for m in "0123") <= 4


def test_an_alarm_ends_when_the_data_are_as_before_and_says_its_rule() -> None:
    rng = np.random.default_rng(6)
    watch = watched(rng, 2, features=2, n=2000)
    for _ in range(3):
        found = watch.look({"0": rows(rng, 500, 2, [1.0, 0.0]), "1": rows(rng, 500, 2)})
    assert found.alarmed == ("0",)
    one = found["0"]["f0"]
    assert one.rule == (
        "e_benjamini_hochberg q <= 0.05 over 4 features, valid at every look, and change >= 0.05"
    )
    assert one.test.words.startswith("higher: mean")
    assert one.q_value is not None
    assert one.test.p_value is not None
    assert one.test.p_value <= one.q_value <= 0.05
    assert watch.look({"0": rows(rng, 4000, 2)}).alarmed == ()
    watch.add("0", rows(rng, 2000, 2, [1.0, 0.0]))
    assert watch.look({"0": rows(rng, 500, 2, [1.0, 0.0])}).alarmed == ()


def test_models_without_a_window_now_count_all_the_same() -> None:
    rng = np.random.default_rng(7)
    watch = watched(rng, 3)
    watch.look({name: rows(rng, 100) for name in watch.watched})
    found = watch.look({"1": rows(rng, 100)})
    assert [r.model for r in found] == ["1"]
    strong = watch.look({"1": rows(rng, 500, shift=2.0)})
    assert "over 9 features" in strong["1"]["f0"].rule


def test_what_cannot_be_judged_is_said_and_does_not_bar_the_column() -> None:
    rng = np.random.default_rng(8)
    watch = watched(rng, 1)
    found = watch.look({"0": rows(rng, 100).drop(columns=["f1"])})
    assert found["0"].cannot_say == ("f1",)
    assert found.cannot_say == ("0",)
    assert watch.look({"0": rows(rng, 5)}).cannot_say == ("0",)
    again = watch.look({"0": rows(rng, 100)})
    assert again.cannot_say == ()
    assert watch.watched["0"].evidence.looks.tolist() == [2, 1, 2]


def test_state_goes_through_json_and_parts_add_up() -> None:
    rng = np.random.default_rng(9)
    watch = watched(rng, 4, smallest_shift={"f0": 0.1, "*": 0.0})
    windows = [{name: rows(rng, 90, shift=0.2) for name in watch.watched} for _ in range(6)]
    for window in windows[:3]:
        watch.look(window)
    kept = json.loads(json.dumps(watch.to_dict(), allow_nan=False))
    again = Watch.from_dict(kept)
    halves = [Watch.from_dict(kept), Watch.from_dict(kept)]
    for number, half in enumerate(halves):
        for name in list(half.watched):
            if (int(name) < 2) == bool(number):
                half.remove(name)
    joined = halves[0] + halves[1]
    for window in windows[3:]:
        found = [each.look(window).to_dict() for each in (watch, again, joined)]
    assert found[0] == found[1] == found[2]
    assert repr(joined) == "Watch(4 models, q=0.05)"


def test_mistakes() -> None:
    rng = np.random.default_rng(10)
    watch = watched(rng, 1)
    with pytest.raises(StateError, match=r"watched, got \['none'\]"):
        watch.look({"none": rows(rng, 50)})
    with pytest.raises(DataError, match="at least one model"):
        watch.look({})
    with pytest.raises(StateError, match="in both"):
        watch + watch
    with pytest.raises(StateError, match="same settings"):
        watch + Watch(q=0.1)
    before = watch.to_dict()
    with pytest.raises(DataError, match="different"):
        watch.look({"0": Sketch.fit(rows(rng, 200))})
    assert watch.to_dict() == before, "nothing was taken in"
    for bad in ({}, {"format": "other"}, {**before, "models": 3}, {**before, "q": None}):
        with pytest.raises(DataError):
            Watch.from_dict(bad)
    model = before["models"]["0"]
    for name in ("reference", "seen", "evidence"):
        with pytest.raises(DataError):
            Watched.from_dict({key: value for key, value in model.items() if key != name})
    for evidence in ({"started": [[1, 1, 1]], "looks": [1, 2]}, {"started": [], "looks": []}):
        with pytest.raises(DataError):
            Watched.from_dict({**model, "evidence": evidence})
    for p_values, power in (([1.5], 0.5), ([0.1], 1.0), ([np.nan], 0.5)):
        with pytest.raises(DataError, match="expected p-values"):
            e_values(p_values, power=power)
    with pytest.raises(DataError, match="e-values >= 0"):
        e_benjamini_hochberg([-1.0])
