"""The bounds against the mixture they come from, and their promise under looking at all times."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, optimize, stats

from modelward.adaptive_pipeline import AsymptoticSequence
from modelward.adaptive_pipeline.sequences import margin
from modelward.core.errors import ConfigError
from modelward.core.metrics import Moments


def mixture(total: float, n: int, rho2: float, *, half: bool) -> float:
    """The martingale behind the bound, by quadrature: the mean of exp(t S - t² n / 2) over t."""
    spread = math.sqrt(rho2)

    def weighted(t: float) -> float:
        return math.exp(t * total - t * t * n / 2) * stats.norm.pdf(t, scale=spread)

    centre = total * rho2 / (n * rho2 + 1)
    width = 12 * math.sqrt(rho2 / (n * rho2 + 1))
    low = max(0.0, centre - width) if half else centre - width
    value, _ = integrate.quad(weighted, low, centre + width, limit=200)
    return (2 if half else 1) * value


@pytest.mark.parametrize("n", [30, 200, 2000])
@pytest.mark.parametrize("alpha", [0.05, 0.001])
def test_at_the_bound_the_mixture_reaches_one_over_alpha(n: int, alpha: float) -> None:
    rho2 = AsymptoticSequence(alpha=alpha, n_best=300).rho2
    two = n * float(margin(n, alpha=alpha, rho2=rho2))
    assert mixture(two, n, rho2, half=False) == pytest.approx(1 / alpha, rel=1e-6)
    one = n * float(margin(n, alpha=alpha, rho2=rho2, sided=1))
    assert 1 / alpha <= mixture(one, n, rho2, half=True) <= 1.2 / alpha
    assert one < two


@pytest.mark.parametrize(("alpha", "n_best"), [(0.05, 100), (0.05, 500), (0.01, 1000)])
def test_the_bound_is_tightest_where_it_was_asked_to_be(alpha: float, n_best: int) -> None:
    rho2 = AsymptoticSequence(alpha=alpha, n_best=n_best).rho2
    best = optimize.minimize_scalar(
        lambda log: float(margin(n_best, alpha=alpha, rho2=math.exp(log))), bounds=(-14, 2)
    )
    assert float(margin(n_best, alpha=alpha, rho2=rho2)) <= 1.01 * best.fun


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=60), st.floats(0.1, 50))
def test_the_interval_moves_and_stretches_with_the_numbers(values: list[float], by: float) -> None:
    sequence = AsymptoticSequence()
    plain = sequence.interval(Moments.of(values))
    moved = sequence.interval(Moments.of([by * v + 7 for v in values]))
    assert moved.low == pytest.approx(by * plain.low + 7, rel=1e-6, abs=1e-5)
    assert moved.high == pytest.approx(by * plain.high + 7, rel=1e-6, abs=1e-5)


def test_below_two_numbers_nothing_is_known() -> None:
    interval = AsymptoticSequence().interval(Moments().add(3.0))
    assert (interval.low, interval.high) == (-math.inf, math.inf)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["normal", "rare errors", "skewed"])
def test_all_looks_together_miss_the_mean_at_most_alpha_of_the_time(kind: str) -> None:
    rng, shape = np.random.default_rng(5), (1500, 1500)
    draws, mean = {
        "normal": (lambda: rng.normal(0.3, 2.0, shape), 0.3),
        "rare errors": (lambda: (rng.random(shape) < 0.1).astype(float), 0.1),
        "skewed": (lambda: rng.exponential(1.0, shape), 1.0),
    }[kind]
    x = draws()
    n = np.arange(1, shape[1] + 1)
    means = np.cumsum(x, axis=1) / n
    variance = (np.cumsum(x * x, axis=1) - n * means**2) / np.maximum(n - 1, 1)
    # The bounds hold in the limit, which is further away where errors are rare.
    looks = n >= (300 if kind == "rare errors" else 100)
    sequence = AsymptoticSequence(alpha=0.05, n_best=500)
    radius = np.sqrt(variance) * margin(n, alpha=0.05, rho2=sequence.rho2)
    missed = (np.abs(means - mean) > radius)[:, looks].any(axis=1).mean()
    assert missed <= 0.05
    # The same eyes on a fixed-size interval: the test would see a bound that does not hold.
    fixed = 1.96 * np.sqrt(variance / n)
    assert (np.abs(means - mean) > fixed)[:, looks].any(axis=1).mean() > 0.15


@pytest.mark.parametrize("settings", [{"alpha": 0.0}, {"alpha": 0.7}, {"n_best": 0}, {"sided": 3}])
def test_settings_out_of_range_are_named(settings: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"expected 0 < alpha < 0\.5, n_best >= 1"):
        AsymptoticSequence(**settings)
