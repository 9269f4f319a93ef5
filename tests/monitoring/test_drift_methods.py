"""Drift methods beside independent ones on the same samples."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from modelward.core.errors import DataError
from modelward.monitoring import METHODS, DriftMethod, Sketch, drift_method
from modelward.monitoring.drift.base import ColumnSketch
from modelward.monitoring.drift.shares import cell_counts


def pair(a: np.ndarray, b: np.ndarray) -> tuple[ColumnSketch, ColumnSketch]:
    reference = Sketch.fit(pd.DataFrame({"x": a}))
    return reference.columns["x"], reference.empty().add(pd.DataFrame({"x": b})).columns["x"]


SAMPLES = {
    "same": lambda r: (r.normal(size=3000), r.normal(size=800)),
    "shifted": lambda r: (r.normal(size=3000), r.normal(0.3, 1, 800)),
    "wider": lambda r: (r.normal(size=3000), r.normal(0, 2, 800)),
    "skewed": lambda r: (r.exponential(size=3000), r.exponential(1.5, size=800)),
    "discrete": lambda r: (r.poisson(4, 3000).astype(float), r.poisson(5, 800).astype(float)),
    "far": lambda r: (r.normal(size=3000), r.normal(50, 1, 800)),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_ks_is_within_its_bound_of_scipy(name: str) -> None:
    a, b = SAMPLES[name](np.random.default_rng(5))
    found = drift_method("ks")(*pair(a, b))
    exact = stats.ks_2samp(a, b, method="asymp")
    assert found.value <= exact.statistic + 1e-12
    assert exact.statistic <= found.value + found.bound + 1e-12
    assert abs(exact.statistic - found.value) < 0.003
    assert found.p_value is not None
    assert found.p_value >= exact.pvalue * (1 - 1e-9), "conservative"


def test_ks_is_exact_where_all_values_have_cells_of_their_own() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 50, 2000).astype(float), rng.integers(0, 50, 500).astype(float)
    found = drift_method("ks")(*pair(a, b))
    exact = stats.ks_2samp(a, b, method="exact")
    assert found.value == pytest.approx(exact.statistic, abs=1e-12)
    assert found.p_value == pytest.approx(exact.pvalue, rel=0.05)
    assert found.bound == 0


@pytest.mark.parametrize(
    ("n", "m"), [(20, 20), (20, 50), (25, 40), (50, 50), (100, 100), (200, 100)]
)
def test_p_value_is_not_below_the_exact_one(n: int, m: int) -> None:
    for k in range(1, m):  # k of the window's values lie above all of the reference's
        a = np.arange(n) / n
        b = np.concatenate([np.arange(m - k) / m * 0.999 + 1e-4, 2.0 + np.arange(k)])
        exact = stats.ks_2samp(a, b, method="exact").pvalue
        if exact < 1e-6:
            break
        found = drift_method("ks").samples(a, b).p_value
        assert found is not None
        assert found >= 0.97 * exact


@pytest.mark.parametrize("name", ["same", "shifted", "wider", "skewed", "discrete"])
def test_wasserstein_is_near_scipy(name: str) -> None:
    a, b = SAMPLES[name](np.random.default_rng(6))
    found = drift_method("wasserstein")(*pair(a, b)).value
    exact = stats.wasserstein_distance(a, b) / a.std()
    assert found == pytest.approx(exact, rel=0.03, abs=0.005)


@pytest.mark.parametrize("name", SAMPLES)
def test_wasserstein_is_within_its_bound_of_scipy(name: str) -> None:
    a, b = SAMPLES[name](np.random.default_rng(6))
    for scale in (1.0, 100.0):  # the second throws the window beyond the grid
        found = drift_method("wasserstein")(*pair(a, b * scale))
        exact = stats.wasserstein_distance(a, b * scale) / a.std()
        assert abs(found.value - exact) <= found.bound + 1e-12
    near = drift_method("wasserstein")(*pair(a, b))
    assert near.bound < (0.05 if name != "far" else 5.0)


@pytest.mark.parametrize("name", SAMPLES)
def test_raw_samples_are_measured_without_loss(name: str) -> None:
    a, b = SAMPLES[name](np.random.default_rng(7))
    ks = drift_method("ks").samples(a, b)
    exact = stats.ks_2samp(a, b, method="asymp")
    assert ks.value == pytest.approx(exact.statistic, abs=1e-12)
    assert ks.p_value is not None
    assert ks.p_value >= exact.pvalue
    moved = drift_method("wasserstein").samples(a, b)
    assert moved.value == pytest.approx(stats.wasserstein_distance(a, b) / a.std(), rel=1e-9)
    assert moved.bound < 1e-9


def test_raw_categories_are_measured_without_loss() -> None:
    a, b = ["x"] * 60 + ["y"] * 40, ["x"] * 30 + ["y"] * 70
    exact = stats.chi2_contingency([[60, 40], [30, 70]], correction=False)
    assert drift_method("chi_square").samples(a, b).p_value == pytest.approx(exact.pvalue)
    shares = drift_method("jensen_shannon").samples(a, b).value
    assert shares == pytest.approx(jensenshannon([0.6, 0.4], [0.3, 0.7], base=2))


def test_columns_in_different_cells_are_refused() -> None:
    rng = np.random.default_rng(0)
    one, two = (Sketch.fit(pd.DataFrame({"x": rng.normal(size=2000)})) for _ in range(2))
    with pytest.raises(DataError, match="in the same cells for ks"):
        drift_method("ks")(one.columns["x"], two.columns["x"])


def test_wasserstein_of_a_constant() -> None:
    ones = np.ones(100)
    assert drift_method("wasserstein")(*pair(ones, ones)).value == 0
    assert drift_method("wasserstein")(*pair(ones, ones + 1)).value == math.inf


@pytest.mark.parametrize("name", SAMPLES)
def test_jensen_shannon_equals_scipy_on_the_cells(name: str) -> None:
    reference, current = pair(*SAMPLES[name](np.random.default_rng(7)))
    p, q = cell_counts(reference, current)
    expected = jensenshannon(p, q, base=2)
    assert drift_method("jensen_shannon")(reference, current).value == pytest.approx(expected)
    assert 0 <= expected <= 1


def test_psi_by_hand() -> None:
    # (30, 70) against (50, 50): nothing is empty, so nothing is added.
    p, q = np.array([0.3, 0.7]), np.array([0.5, 0.5])
    found = drift_method("psi").samples(["a"] * 30 + ["b"] * 70, ["a"] * 50 + ["b"] * 50)
    assert found.value == pytest.approx(float(((p - q) * np.log(p / q)).sum()))
    # (40, 60, 0) against (50, 40, 10): half a count in each.
    p, q = np.array([40.5, 60.5, 0.5]) / 101.5, np.array([50.5, 40.5, 10.5]) / 101.5
    found = drift_method("psi").samples(
        ["a"] * 40 + ["b"] * 60, ["a"] * 50 + ["b"] * 40 + ["c"] * 10
    )
    assert found.value == pytest.approx(float(((p - q) * np.log(p / q)).sum()))


def test_cells_do_not_depend_on_the_window() -> None:
    rng = np.random.default_rng(8)
    a = rng.normal(size=5000)
    first, _ = cell_counts(*pair(a, rng.normal(size=100)))
    second, _ = cell_counts(*pair(a, np.append(rng.normal(size=5000), 1e9)))
    np.testing.assert_array_equal(first, second)
    assert len(first) == 20
    assert first.min() > 200


def test_chi_square_equals_scipy() -> None:
    rng = np.random.default_rng(9)
    a = rng.choice(["x", "y", "z"], 1000, p=[0.5, 0.3, 0.2]).astype(object)
    b = rng.choice(["x", "y", "z"], 400, p=[0.4, 0.3, 0.3]).astype(object)
    found = drift_method("chi_square")(*pair(a, b))
    table = [[(s == c).sum() for c in "xyz"] for s in (a, b)]
    exact = stats.chi2_contingency(table, correction=False)
    assert found.value == pytest.approx(exact.statistic)
    assert found.p_value == pytest.approx(exact.pvalue)


def test_chi_square_pools_what_is_rare() -> None:
    a = np.array(["x"] * 990 + [f"rare{i}" for i in range(10)], dtype=object)
    found = drift_method("chi_square")(*pair(a, a))
    assert found.p_value == pytest.approx(1.0)
    constant = np.array(["x"] * 50, dtype=object)
    assert drift_method("chi_square")(*pair(constant, constant)).p_value == 1.0


@pytest.mark.parametrize("name", SAMPLES)
def test_energy_is_within_its_bound_of_scipy(name: str) -> None:
    a, b = SAMPLES[name](np.random.default_rng(6))
    exact = stats.energy_distance(a, b)
    assert drift_method("energy").samples(a, b).value == pytest.approx(exact, abs=1e-6)
    for scale in (1.0, 100.0):
        found = drift_method("energy")(*pair(a, b * scale))
        exact = stats.energy_distance(a, b * scale)
        assert abs(found.value - exact) <= found.bound + 1e-9


def test_jensen_shannon_in_nats() -> None:
    a, b = ["x"] * 60 + ["y"] * 40, ["x"] * 30 + ["y"] * 70
    found = drift_method("jensen_shannon_nats").samples(a, b).value
    assert found == pytest.approx(jensenshannon([0.6, 0.4], [0.3, 0.7]), abs=1e-12)
    apart = drift_method("jensen_shannon_nats").samples(["x"] * 9, ["y"] * 9)
    assert apart.value == pytest.approx(math.sqrt(math.log(2)))


def test_hellinger_and_l_infinity_by_hand() -> None:
    a, b = ["x"] * 60 + ["y"] * 40, ["x"] * 30 + ["y"] * 70
    overlap = math.sqrt(0.6 * 0.3) + math.sqrt(0.4 * 0.7)
    assert drift_method("hellinger").samples(a, b).value == pytest.approx(math.sqrt(1 - overlap))
    assert drift_method("l_infinity").samples(a, b).value == pytest.approx(0.3)


def test_every_method_says_what_it_is() -> None:
    numbers = pair(*SAMPLES["shifted"](np.random.default_rng(1)))
    words = pair(
        np.array(["a"] * 9 + ["b"], dtype=object), np.array(["a"] * 9 + ["b"], dtype=object)
    )
    for name, method in METHODS.items():
        assert method.name == name
        assert method.statistic
        assert method.assumptions
        assert any(mark in method.source for mark in ("(1", "(2"))
        if not isinstance(method, DriftMethod):
            continue
        for sketches in (numbers, words):
            if isinstance(sketches[0], method.kinds):
                found = method(*sketches)
                assert method.range[0] <= found.value <= method.range[1]
                assert (found.p_value is not None) == bool(method.p_value)
            else:
                with pytest.raises(DataError, match="expected two columns"):
                    method(*sketches)


def test_empty_sides_and_unknown_names() -> None:
    reference = Sketch.fit(pd.DataFrame({"x": [1.0, 2.0]}))
    with pytest.raises(DataError, match="values on both sides"):
        drift_method("ks")(reference.columns["x"], reference.empty().columns["x"])
    with pytest.raises(DataError, match="did you mean 'wasserstein'"):
        drift_method("waserstein")
    with pytest.raises(DataError, match="'mmd' works on tables"):
        drift_method("mmd")
