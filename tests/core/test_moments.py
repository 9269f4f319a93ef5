"""Moments can be merged in any order, and keep their digits."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import reduce
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from modelward.core.errors import DataError
from modelward.core.metrics import Moments

Array = npt.NDArray[np.float64]
UNIT = np.finfo(float).eps / 2

numbers = st.floats(-1e3, 1e3)
arrays = hnp.arrays(np.float64, st.integers(0, 60), elements=numbers)


def split(array: Array, cuts: list[int]) -> list[Array]:
    edges = [0, *sorted(c % (len(array) + 1) for c in cuts), len(array)]
    return [array[a:b] for a, b in pairwise(edges)]


def close(a: Moments, b: Moments, *, size: float) -> None:
    """Equal to 1e-12, the mean relative to the largest number, M2 to itself.

    Of M2 no more can be asked than rounding the numbers leaves: a change of each by one unit in the
    last place moves it by up to 2 sqrt(n M2) size u + n (size u)^2, times the number of merges.
    """
    lost = 64 * (2 * math.sqrt(a.n * b.m2) * size * UNIT + a.n * (size * UNIT) ** 2)
    assert a.n == b.n
    assert a.mean == pytest.approx(b.mean, rel=1e-12, abs=1e-12 * size)
    assert a.m2 == pytest.approx(b.m2, rel=1e-12, abs=lost)


def largest(*parts: Array) -> float:
    return float(max((np.abs(p).max() for p in parts if p.size), default=0.0))


@given(arrays, arrays)
def test_merging_is_commutative_to_the_last_bit(a: Array, b: Array) -> None:
    assert Moments.of(a) + Moments.of(b) == Moments.of(b) + Moments.of(a)


@given(arrays, arrays, arrays)
def test_merging_is_associative(a: Array, b: Array, c: Array) -> None:
    x, y, z = Moments.of(a), Moments.of(b), Moments.of(c)
    close((x + y) + z, x + (y + z), size=largest(a, b, c))


@given(arrays, st.randoms(use_true_random=False), st.lists(st.integers(0, 60), max_size=6))
def test_shuffled_splits_give_what_numpy_gives(
    array: Array, random: object, cuts: list[int]
) -> None:
    assume(array.size > 1)
    parts = [Moments.of(part) for part in split(array, cuts)]
    random.shuffle(parts)  # type: ignore[attr-defined]
    merged = reduce(Moments.__add__, parts, Moments())
    size = largest(array)
    close(
        merged, Moments(array.size, float(array.mean()), float(array.var() * array.size)), size=size
    )


@pytest.mark.parametrize("seed", range(20))
def test_to_1e12_where_the_mean_is_within_a_thousand_deviations(seed: int) -> None:
    rng = np.random.default_rng(seed)
    array = rng.normal(loc=10 ** rng.uniform(-3, 3), size=5_000) * 10 ** rng.uniform(-8, 8)
    shuffled = rng.permutation(array)
    parts = [Moments.of(p) for p in np.array_split(shuffled, rng.integers(2, 400))]
    merged = reduce(Moments.__add__, parts)
    assert merged.mean == pytest.approx(array.mean(), rel=1e-12)
    assert merged.variance == pytest.approx(array.var(ddof=1), rel=1e-12)
    assert merged.std == pytest.approx(array.std(ddof=1), rel=1e-12)


@pytest.mark.parametrize("offset", [0.0, 1e3, 1e6, 1e9])
@pytest.mark.parametrize("one_by_one", [True, False])
def test_error_grows_with_the_offset_no_faster_than_promised(
    offset: float, one_by_one: bool
) -> None:
    """Against exact fractions: the error of the variance is a few times 1e-16 (1 + |mean| / std)."""
    array = np.random.default_rng(3).normal(size=2_000) + offset
    exact = [Fraction(float(each)) for each in array]
    mean = sum(exact) / len(exact)
    variance = float(sum((each - mean) ** 2 for each in exact) / (len(exact) - 1))
    if one_by_one:
        found = reduce(Moments.add, map(float, array), Moments())
    else:
        found = reduce(Moments.update, np.array_split(array, 37), Moments())
    assert found.mean == pytest.approx(float(mean), rel=1e-14, abs=1e-14)
    assert abs(found.variance / variance - 1) <= 64 * UNIT * (1 + offset)


def test_the_sum_of_squares_would_have_lost_all_digits() -> None:
    array = np.array([4.0, 7.0, 13.0, 16.0]) + 1e9
    assert Moments.of(array).variance == 30.0
    assert (np.square(array).sum() - array.sum() ** 2 / 4) / 3 != pytest.approx(30.0, rel=0.01)


def test_merging_equal_parts_of_a_constant_leaves_no_spread() -> None:
    merged = reduce(Moments.__add__, [Moments.of([0.1] * k) for k in (3, 7, 1, 2)])
    assert (merged.n, merged.mean, merged.m2) == (13, 0.1, 0.0)


def test_empty_and_single() -> None:
    empty = Moments()
    assert Moments.of([]) == empty == empty + empty
    assert math.isnan(empty.variance)
    assert math.isnan(Moments.of([2.0]).std)
    assert Moments.of([[1.0, 2.0], [3.0, 4.0]]) == Moments.of([1.0, 2.0, 3.0, 4.0])
    assert empty + Moments.of([2.0]) == Moments.of([2.0]) + empty == empty.add(2.0)


@given(arrays)
def test_state_can_be_kept(array: Array) -> None:
    found = Moments.of(array)
    assert Moments(**found.to_dict()) == found  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(DataError, match="expected finite numbers, got 1 of 3 NaN or infinite"):
        Moments.of([1.0, bad, 2.0])
    with pytest.raises(DataError, match="expected a finite number, got"):
        Moments().add(bad)


def test_overflow_is_an_error_and_not_infinity() -> None:
    with pytest.raises(DataError, match="squares fit a float"):
        Moments.of([1e200, -1e200])
    with pytest.raises(DataError, match="squares fit a float"):
        Moments.of([1.7e308, 1.7e308])
    with pytest.raises(DataError, match="m2=inf"):
        Moments.of([1e200]) + Moments.of([-1e200])
    with pytest.raises(DataError, match="Hint: numbers whose squares"):
        Moments.of([1.7e308]) + Moments.of([-1.7e308])
    far = Moments.of([1e150]) + Moments.of([-1e150])
    assert far.m2 == pytest.approx(2e300)


@pytest.mark.parametrize("state", [(-1, 0.0, 0.0), (1, math.nan, 0.0), (1, 0.0, -1.0)])
def test_impossible_states_are_refused(state: tuple[int, float, float]) -> None:
    with pytest.raises(DataError, match="expected n >= 0, a finite mean and a finite m2 >= 0"):
        Moments(*state)
