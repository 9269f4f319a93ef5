"""The check of the arms' shares: silent when they are what was drawn, at every look; else it speaks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

from modelward.adaptive_pipeline.comparison import Comparison, Observation
from modelward.adaptive_pipeline.sequences import mismatch
from modelward.core.errors import DataError

LEVEL = 0.001


def evidence(second: np.ndarray, n: np.ndarray, share: float) -> np.ndarray:
    """The logarithm of the Bayes factor, by beta functions, for counts of any shape."""
    a, b = 100 * share, 100 * (1 - share)
    first = n - second
    marginal = special.betaln(a + second, b + first) - special.betaln(a, b)
    return marginal - second * math.log(share) - first * math.log(1 - share)


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_it_is_the_product_of_what_was_foretold(share: float) -> None:
    """Each unit's probability given those before, under the prior, over that under the share."""
    rng, a, b, product = np.random.default_rng(0), 100 * share, 100 * (1 - share), 1.0
    counts = [0, 0]
    for second in rng.random(300) < 0.4:
        foretold = (a + counts[1]) / (a + b + sum(counts))
        product *= foretold / share if second else (1 - foretold) / (1 - share)
        counts[int(second)] += 1
        assert mismatch(*counts, share=share) == pytest.approx(product, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.5, 0.1, 0.01])
def test_all_looks_together_doubt_the_share_at_most_at_the_level(share: float) -> None:
    """20,000 tests of 3,000 units each, looked at after each unit."""
    rng, n = np.random.default_rng(1), np.arange(1, 3_001)
    doubted, runs = {LEVEL: 0, 0.02: 0}, 20_000
    for _ in range(0, runs, 2_000):
        second = np.cumsum(rng.random((2_000, 3_000), dtype=np.float32) < share, axis=1)
        most = evidence(second, n, share).max(axis=1)
        for level in doubted:
            doubted[level] += int((most >= -math.log(level)).sum())
    assert 0 < doubted[0.02] / runs <= 0.02
    assert doubted[LEVEL] / runs <= LEVEL


def test_a_wrong_share_is_found() -> None:
    rng = np.random.default_rng(4)
    seconds = np.cumsum(rng.uniform(size=20_000) < 0.53)
    assert mismatch(20_000 - int(seconds[-1]), int(seconds[-1]), share=0.5) >= 1_000


def test_mismatch_is_a_fair_game_under_the_share() -> None:
    """Its expectation over all outcomes is 1: an e-value, summed exactly."""
    n, share = 40, 0.3
    total = sum(
        math.comb(n, k) * share**k * (1 - share) ** (n - k) * mismatch(n - k, k, share=share)
        for k in range(n + 1)
    )
    assert total == pytest.approx(1.0, abs=1e-9)


def test_labels_that_come_less_often_for_one_arm_are_found_in_time() -> None:
    """The champion's labels all come, of the challenger's 70 %: the median is below 600 labels."""
    rng, n = np.random.default_rng(6), np.arange(1, 3_001)
    second = np.cumsum(rng.random((200, 3_000)) < 0.7 / 1.7, axis=1)
    found = evidence(second, n, 0.5) >= -math.log(LEVEL)
    assert found.any(axis=1).all()
    assert np.median(found.argmax(axis=1) + 1) < 600


def test_requests_are_checked_even_when_they_were_told_before_the_first_label() -> None:
    comparison = Comparison(design="ab")
    comparison.exposures(champion=900, challenger=100)
    seen = Observation(champion=0.0, challenger=None, arm="champion", probability=0.5)
    verdict = comparison.update(seen)
    assert (verdict.word, verdict.valid) == ("inconclusive", False)
    assert "100 of 1000 requests are the challenger's" in verdict.reason
    kept = comparison.fresh().restore(comparison.state)
    assert kept.verdict.to_dict() == verdict.to_dict()


def test_bad_input_is_named() -> None:
    with pytest.raises(DataError, match="counts from 0 and a share between 0 and 1"):
        mismatch(3, -1, share=0.5)
    with pytest.raises(DataError, match="counts from 0 and a share between 0 and 1"):
        mismatch(3, 1, share=1.0)
