"""The betting sequence keeps its promise at every look, and is the process of the paper."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.adaptive_pipeline.sequences import BettingTest, RunningBetting
from modelward.core.errors import ConfigError, DataError


def known(values: np.ndarray) -> list[tuple[float, float]]:
    """Mean and variance before each number, each from all that came before, as the paper says."""
    both = []
    for t in range(1, len(values) + 1):
        past = values[: t - 1]
        means = [(0.5 + past[: i + 1].sum()) / (i + 2) for i in range(len(past))]
        variance = (0.25 + sum((x - m) ** 2 for x, m in zip(past, means, strict=True))) / t
        both.append(((0.5 + past.sum()) / t, variance))
    return both


def capital(
    values: np.ndarray, before: list[tuple[float, float]], candidate: float, sign: int
) -> float:
    """Play against one candidate from the first number on; the most it ever is."""
    wealth, most = 1.0, 0.5 / (candidate if sign > 0 else 1 - candidate)
    greatest = wealth
    for value, (mean, variance) in zip(values, before, strict=True):
        edge = sign * (mean - candidate)
        stake = min(max(edge / (variance + edge**2), 0.0), most)
        wealth *= 1 + sign * stake * (value - candidate)
        greatest = max(greatest, wealth)
    return greatest


@pytest.mark.parametrize("truth", [0.1, 0.5, 0.85])
def test_bounds_are_those_of_the_capital_played_candidate_by_candidate(truth: float) -> None:
    values = np.random.default_rng(3).binomial(1, truth, size=150).astype(float)
    sequence = RunningBetting(alpha=0.1, low=0.0, high=1.0, pivot=0.4)
    for value in values:
        sequence.update(value)
    grid, before = np.linspace(0.005, 0.995, 199), known(values)
    too_low = [c for c in grid if capital(values, before, c, 1) >= 2 / 0.1]
    too_high = [c for c in grid if capital(values, before, c, -1) >= 2 / 0.1]
    low, high = max(too_low, default=0.0), min(too_high, default=1.0)
    # Never further in than the truth, up to the grid of this test, and not much further out.
    assert low - 0.06 < sequence.low <= low + 0.005
    assert high - 0.005 <= sequence.high < high + 0.06
    if capital(values, before, 0.4, 1) >= 2 / 0.1:
        assert sequence.low >= 0.4  # at the pivot it is exact


@given(
    st.lists(st.floats(0.0, 1.0), min_size=1, max_size=60),
    st.floats(0.05, 0.95),
    st.sampled_from([0.01, 0.05, 0.2]),
)
def test_the_test_of_one_value_is_the_capital_against_it(
    values: list[float], value: float, alpha: float
) -> None:
    test = BettingTest(low=0.0, high=1.0, value=value)
    for number in values:
        test.update(number)
    numbers = np.array(values)
    for sign, shown in ((1, test.above), (-1, test.below)):
        most = capital(numbers, known(numbers), value, sign)
        assert most < 1.01 or shown(1.001 / most)
        assert not shown(0.999 / most)
    sequence = RunningBetting(alpha=2 * alpha, low=0.0, high=1.0, pivot=value)
    for number in values:
        sequence.update(number)
    assert (sequence.low >= value) == test.above(alpha)
    assert (sequence.high <= value) == test.below(alpha)


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.5, 0.1, 0.02])
def test_at_every_look_at_once_it_misses_the_mean_at_most_alpha_of_the_time(rate: float) -> None:
    """Paired gains of two models with the same error rate: -1, 0 and 1, with mean 0."""
    rng, missed, runs = np.random.default_rng(1), 0, 300
    for _ in range(runs):
        sequence = RunningBetting(alpha=0.1, low=-1.0, high=1.0, pivot=0.0)
        gains = rng.binomial(1, rate, size=600) - rng.binomial(1, rate, size=600)
        for gain in gains.astype(float):
            sequence.update(gain)
        # Bounds are running: a candidate that was out once stays out.
        missed += sequence.low >= 0.0 or sequence.high <= 0.0
    assert missed / runs <= 0.1 + 3 * math.sqrt(0.1 * 0.9 / runs)


def test_it_needs_no_patience_where_nothing_varies() -> None:
    sequence = RunningBetting(alpha=0.05, low=-1.0, high=1.0, pivot=0.01)
    for _ in range(2_000):
        sequence.update(0.0)
    assert sequence.low < 0.0 <= sequence.high <= 0.01  # zero harm in 2,000 requests is below 1 %
    few = RunningBetting(alpha=0.05, low=-1.0, high=1.0, pivot=0.01)
    for _ in range(50):
        few.update(0.0)
    assert few.high > 0.01  # and in 50 requests it is not yet


@given(st.integers(0, 10**6), st.floats(0.1, 0.9), st.integers(1, 150))
def test_bounds_between_two_blocks_are_those_of_before_and_settle(
    seed: int, rate: float, n: int
) -> None:
    settings = {"alpha": 0.05, "low": 0.0, "high": 1.0, "pivot": 0.5}
    each, blocks = RunningBetting(**settings), RunningBetting(**settings)
    for value in np.random.default_rng(seed).binomial(1, rate, size=n).astype(float):
        for sequence in (each, blocks):
            sequence.update(value)
        each.settle()
        assert blocks.low <= each.low
        assert each.high <= blocks.high
        assert (blocks.low >= 0.5, blocks.high <= 0.5) == (each.low >= 0.5, each.high <= 0.5)
    blocks.settle()
    assert (blocks.low, blocks.high) == (each.low, each.high)


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), max_size=60), st.integers(0, 60))
def test_it_goes_on_from_its_state_exactly(values: list[float], cut: int) -> None:
    settings = {"alpha": 0.05, "low": -1.0, "high": 1.0, "pivot": 0.0}
    whole, part = RunningBetting(**settings), RunningBetting(**settings)
    for i, value in enumerate(values):
        if i == cut:
            part = RunningBetting(**settings).restore(json.loads(json.dumps(part.state)))
        whole.update(value)
        part.update(value)
    assert whole.state == part.state
    assert (whole.low, whole.high) == (part.low, part.high)


def test_bad_input_is_named() -> None:
    with pytest.raises(ConfigError, match="low < pivot < high"):
        RunningBetting(alpha=0.05, low=0.0, high=1.0, pivot=1.0)
    with pytest.raises(DataError, match=r"a number from 0\.0 to 1\.0, got 1\.5"):
        RunningBetting(alpha=0.05, low=0.0, high=1.0, pivot=0.5).update(1.5)
