"""Bootstrap intervals keep what they promise: they cover."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from modelward.core.errors import DataError
from modelward.core.metrics import Estimate, bootstrap, metric, resampling
from modelward.core.testing import check_seeded

Array = npt.NDArray[Any]


def correlation(x: Array, y: Array, axis: int = -1) -> Array:
    u, v = (each - each.mean(axis=axis, keepdims=True) for each in (x, y))
    found: Array = (u * v).sum(axis) / np.sqrt((u * u).sum(axis) * (v * v).sum(axis))
    return found


def covered(
    repetitions: int, truth: float, estimate: Callable[[np.random.Generator], Estimate]
) -> tuple[float, float, float]:
    """The share of intervals that hold the truth, that lie above it, and that lie below it."""
    rng = np.random.default_rng(20)
    found = [estimate(rng) for _ in range(repetitions)]
    above = sum(e.low > truth for e in found if e.low is not None) / repetitions
    below = sum(e.high < truth for e in found if e.high is not None) / repetitions
    return 1 - above - below, above, below


# 1,000 repetitions: a standard error of 0.007. First-order theory leaves the percentile interval of
# a skewed mean a little short at n = 100; BCa is second-order, and cuts the tails more evenly.
@pytest.mark.slow
@pytest.mark.parametrize(("method", "least"), [("bca", 0.925), ("percentile", 0.915)])
def test_mean_of_a_skewed_law_is_covered(method: str, least: float) -> None:
    def one(rng: np.random.Generator) -> Estimate:
        sample = rng.exponential(size=100)
        return bootstrap(np.mean, sample, seed=rng, method=method, vectorized=True, resamples=1_000)

    share, above, below = covered(1_000, 1.0, one)
    assert least <= share <= 0.97
    if method == "bca":
        assert below <= 0.055
        assert above <= 0.045


@pytest.mark.slow
def test_bca_misses_more_evenly_than_the_percentile_interval() -> None:
    def gap(method: str) -> float:
        def one(rng: np.random.Generator) -> Estimate:
            sample = rng.lognormal(sigma=1, size=100)
            return bootstrap(
                np.mean, sample, seed=rng, method=method, vectorized=True, resamples=1_000
            )

        _, above, below = covered(600, math.exp(0.5), one)
        return below - above

    assert gap("bca") < gap("percentile")


@pytest.mark.slow
def test_correlation_is_covered() -> None:
    rho = 0.7

    def one(rng: np.random.Generator) -> Estimate:
        x = rng.normal(size=100)
        y = rho * x + math.sqrt(1 - rho**2) * rng.normal(size=100)
        return bootstrap(correlation, x, y, seed=rng, vectorized=True, resamples=1_000)

    share, above, below = covered(600, rho, one)
    assert 0.915 <= share <= 0.975
    assert max(above, below) <= 0.055


@pytest.mark.slow
def test_area_under_the_roc_is_covered() -> None:
    distance = 1.5
    truth = float(stats.norm.cdf(distance / math.sqrt(2)))

    def one(rng: np.random.Generator) -> Estimate:
        y = np.repeat([0, 1], 50)
        return metric("roc_auc").estimate(
            y, rng.normal(size=100) + distance * y, seed=rng, resamples=1_000
        )

    share, _, _ = covered(500, truth, one)
    assert 0.915 <= share <= 0.975


@pytest.mark.parametrize("statistic", [np.mean, np.std, stats.skew])
@pytest.mark.parametrize("method", ["bca", "percentile"])
def test_agrees_with_scipy(statistic: Any, method: str) -> None:
    sample = np.random.default_rng(5).gamma(2, size=80)
    ours = bootstrap(statistic, sample, resamples=20_000, method=method, vectorized=True)
    theirs = stats.bootstrap(
        (sample,), statistic, n_resamples=20_000, method=method, rng=np.random.default_rng(6)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.03 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.03 * width)


def test_pairs_stay_pairs() -> None:
    x = np.arange(50.0)
    found = bootstrap(correlation, x, 2 * x + 1, vectorized=True)
    assert (found.low, found.high) == (pytest.approx(1.0), pytest.approx(1.0))


@pytest.mark.parametrize("vectorized", [True, False])
def test_each_resample_has_as_many_rows_as_the_sample(vectorized: bool) -> None:
    lengths = []

    def statistic(x: Array, axis: int = -1) -> Any:
        lengths.append(x.shape[axis])
        return x.mean(axis=axis)

    bootstrap(statistic, np.arange(9.0), resamples=100, vectorized=vectorized)
    assert set(lengths[:-9]) == {9}
    assert set(lengths[-9:]) == {8}  # the jackknife


def test_rows_may_be_arrays() -> None:
    images = np.random.default_rng(0).normal(size=(40, 3, 8, 8))
    whole = bootstrap(np.mean, images, resamples=200)
    assert _same(whole, bootstrap(np.mean, images.mean(axis=(1, 2, 3)), resamples=200))


def test_vectorized_gives_the_same_numbers() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 60))
    slow = bootstrap(correlation, x, y, seed=3, resamples=300)
    fast = bootstrap(correlation, x, y, seed=3, resamples=300, vectorized=True)
    assert _same(slow, fast)


def _same(a: Estimate, b: Estimate) -> bool:
    return a.n == b.n and np.allclose(
        [a.value, a.low, a.high], [b.value, b.low, b.high], rtol=1e-12
    )


def test_blocks_do_not_change_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = np.random.default_rng(1).normal(size=50)
    whole = bootstrap(np.mean, sample, seed=2, vectorized=True)
    monkeypatch.setattr(resampling, "_MAX_CELLS", 1_000)
    assert _same(bootstrap(np.mean, sample, seed=2, vectorized=True), whole)


def test_groups_left_out_give_the_interval_of_units_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sample = np.sort(np.random.default_rng(4).exponential(size=1_200))
    grouped = bootstrap(np.mean, sample, seed=2, vectorized=True)
    monkeypatch.setattr(resampling, "_MOST_GROUPS", 2_000)
    single = bootstrap(np.mean, sample, seed=2, vectorized=True)
    assert grouped.low is not None
    assert single.low is not None
    assert single.high is not None
    assert abs(grouped.low - single.low) < 0.05 * (single.high - single.low)


def test_the_jackknife_costs_at_most_400_evaluations() -> None:
    calls = 0

    def statistic(x: Array) -> float:
        nonlocal calls
        calls += 1
        return float(x.mean())

    bootstrap(statistic, np.random.default_rng(0).normal(size=5_000), resamples=100)
    assert calls == 1 + 100 + 400


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8),
    st.sampled_from(["bca", "percentile"]),
    st.sampled_from([0.5, 0.95, 0.9999]),
    st.sampled_from([np.mean, np.max, np.median, np.var]),
    st.integers(0, 3),
)
def test_bounds_are_never_reversed(
    values: list[float], method: str, level: float, statistic: Any, seed: int
) -> None:
    found = bootstrap(
        statistic, values, level=level, method=method, seed=seed, resamples=100, vectorized=True
    )
    if len(values) == 1:
        assert found == Estimate(float(statistic(values)), n=1)
    else:
        assert found.low is not None
        assert found.high is not None
        assert found.low <= found.high


def test_beyond_the_pole_the_limits_hold() -> None:
    """At a level and bias this extreme, z times the acceleration passes 1 and the formula flips."""
    replicates = np.append(np.zeros(9_999), 1.0)
    jackknife = np.array([1.0] + [0.0] * 400)
    low, high = resampling._bca_levels(-jackknife, replicates, 0.5, 1e-9)
    assert 0 <= low < high == 1
    low, high = resampling._bca_levels(jackknife, -replicates, -0.5, 1e-9)
    assert 0 == low < high <= 1


def test_a_statistic_without_spread_falls_back() -> None:
    found = bootstrap(np.mean, [2.0, 2.0, 2.0], vectorized=True)
    assert (found.low, found.high, found.n) == (2.0, 2.0, 3)


def test_undefined_resamples_are_left_out() -> None:
    def mean_of_positives(x: Array) -> float:
        return float(x[x > 0].mean()) if (x > 0).any() else math.nan

    found = bootstrap(mean_of_positives, [1.0, 2.0, -1.0, -1.0], resamples=400)
    assert found.low is not None
    assert found.low >= 1.0
    with pytest.raises(DataError, match=r"got \d+ of 100 NaN or infinite"):
        bootstrap(lambda x: 1.0 if len(set(x)) == 6 else math.nan, np.arange(6), resamples=100)


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ([[]], {}, "expected non-empty arrays of one length, got lengths [0]"),
        ([[1.0], [1.0, 2.0]], {}, "got lengths [1, 2]"),
        ([], {}, "got lengths []"),
        ([[1.0, 2.0]], {"method": "t"}, "expected method 'bca' or 'percentile', got 't'"),
        ([[1.0, 2.0]], {"level": 95}, "expected 0 < level < 1 and resamples >= 100, got level=95"),
        ([[1.0, 2.0]], {"resamples": 99}, "resamples=99"),
        ([[1.0, math.nan]], {}, "expected a finite statistic on the whole sample, got nan"),
    ],
)
def test_bad_input(arrays: list[Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        bootstrap(lambda *columns: float(np.mean(columns[0])), *arrays, **options)
    assert message in str(caught.value)


def test_a_statistic_that_does_not_take_an_axis_is_told() -> None:
    with pytest.raises(DataError, match="expected a vectorized statistic to give 1 values"):
        bootstrap(lambda x, axis: 0.5, [1.0, 2.0], vectorized=True)


def test_seeded() -> None:
    sample = np.random.default_rng(0).normal(size=30)
    check_seeded(lambda seed: bootstrap(np.mean, sample, seed=seed, resamples=100))
