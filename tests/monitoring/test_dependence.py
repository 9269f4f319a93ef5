"""Rows that hang together: the false-alarm rate holds where their dependence is known or learned."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.signal import lfilter

from modelward.core.errors import DataError
from modelward.monitoring import Dependence, Sketch, assess, compare
from modelward.monitoring.decisions.autoregression import long_run, of_column

Rng = np.random.Generator


def ar(rng: Rng, n: int, rho: float, features: int = 5) -> np.ndarray[Any, Any]:
    """Rows of AR(1) processes with a variance of 1, from their stationary law."""
    noise = rng.normal(size=(n + 100, features)) * np.sqrt(1 - rho**2)
    return np.asarray(lfilter([1.0], [1.0, -rho], noise, axis=0)[100:])


def frame(values: np.ndarray[Any, Any], shift: Any = 0.0) -> pd.DataFrame:
    return pd.DataFrame(values + shift, columns=[f"f{i}" for i in range(values.shape[1])])


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.5, 0.8])
def test_inflation_of_a_mean_is_that_of_theory(rho: float) -> None:
    found = long_run(ar(np.random.default_rng(0), 20_000, rho, 8)).inflation
    assert found.mean() == pytest.approx((1 + rho) / (1 - rho), rel=0.1)


def test_inflation_of_an_ar_2_is_that_of_theory() -> None:
    rng = np.random.default_rng(1)
    x = lfilter([1.0], [1.0, -0.5, -0.3], rng.normal(size=(30_000, 6)), axis=0)[200:]
    # Spectrum at zero over the variance; rho_1 = phi_1 / (1 - phi_2), and so on.
    rho = [1.0, 0.5 / 0.7]
    for _ in range(300):
        rho.append(0.5 * rho[-1] + 0.3 * rho[-2])
    assert long_run(x).inflation.mean() == pytest.approx(1 + 2 * sum(rho[1:]), rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("way", ["autoregressive", "blocks"])
@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_healthy_models_seldom_alarm(way: Any, rho: float) -> None:
    rng = np.random.default_rng(2)
    alarms, naive, repeats = 0, 0, 60 if way == "autoregressive" else 25
    for _ in range(repeats):
        before, after = frame(ar(rng, 2_000, rho)), frame(ar(rng, 800, rho))
        found = compare(before, after, smallest_shift=0.0, dependence=way)
        alarms += bool(found.shifted)
        naive += bool(compare(before, after, smallest_shift=0.0).shifted)
    assert alarms / repeats <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / repeats)
    if rho:
        assert naive / repeats > 0.4, "without it, most healthy models alarm"


@pytest.mark.slow
def test_a_fleet_of_ar_1_has_few_false_alarms_and_finds_what_is_there() -> None:
    # 40 models of 10 features, 4 of them with 2 features moved by half a standard deviation.
    rng = np.random.default_rng(3)
    fleet, known = {}, {}
    for model in range(40):
        shift = np.zeros(10)
        shift[:2] = 0.5 if model < 4 else 0.0
        before, after = frame(ar(rng, 3_000, 0.5, 10)), frame(ar(rng, 1_000, 0.5, 10), shift)
        reference = Sketch.fit(before, cells=128)
        fleet[str(model)] = (reference, reference.empty().add(after))
        known[str(model)] = tuple(Dependence.autoregressive(each) for each in (before, after))
    found = assess(fleet, dependence=known)  # type: ignore[arg-type]
    alarms = [(result.model, feature) for result in found for feature in result.shifted]
    false = [a for a in alarms if int(a[0]) >= 4 or a[1] not in {"f0", "f1"}]
    assert len(false) / len(alarms) <= 0.10
    assert (len(alarms) - len(false)) / 8 >= 0.95
    plain = [a for result in assess(fleet, smallest_shift=0.0) for a in result.shifted]
    assert len(plain) > len(alarms) + 20, "taken as independent, a crowd of false alarms"


def test_categories_that_come_in_runs_count_as_fewer() -> None:
    rng = np.random.default_rng(4)
    runs = np.repeat(rng.choice(list("abc"), 1_000), 5).astype(object)
    single = rng.choice(list("abc"), 5_000).astype(object)
    in_runs, alone = (of_column(values, categorical=True) for values in (runs, single))
    assert in_runs is not None
    assert alone is not None
    assert in_runs.inflation == pytest.approx(5, rel=0.3)
    assert alone.inflation < 1.3
    assert of_column(single[:10], categorical=True) is None
    constant = of_column(np.ones(50), categorical=False)
    assert constant is not None
    assert constant.inflation == 1.0


def test_effective_rows_and_state() -> None:
    rng = np.random.default_rng(5)
    values = frame(ar(rng, 6_000, 0.5, 2))
    values.loc[rng.random(6_000) < 0.2, "f1"] = np.nan
    found = Dependence.autoregressive(values)
    # The share below the median of such rows: 6,000 / (1 + 4 / pi * sum of asin(2 ** -k)) = 2,630.
    assert 2_200 < found.effective_rows(6_000)["f0"] < 3_100
    assert set(found.missing) == {"f1"}
    assert found.missing["f1"] < 1.2
    again = Dependence.from_dict(json.loads(json.dumps(found.to_dict())))
    assert again == found
    with pytest.raises(DataError, match="kept dependence"):
        Dependence.from_dict({"values": {}})
    with pytest.raises(DataError, match="at least 20 rows"):
        Dependence.autoregressive(values.iloc[:10])


def test_a_sketch_has_forgotten_the_order() -> None:
    rng = np.random.default_rng(6)
    before, after = frame(ar(rng, 500, 0.5)), frame(ar(rng, 300, 0.5))
    with pytest.raises(DataError, match="forgotten the order"):
        compare(Sketch.fit(before), after, dependence="autoregressive")
    with pytest.raises(DataError, match="dependence of every model"):
        assess({"a": (before, after), "b": (before, after)}, dependence={"a": "autoregressive"})
