"""The verdict: what it promises when nothing differs, and what it finds when something does."""

from __future__ import annotations

import math

import numpy as np
import pytest

from modelward.adaptive_pipeline import AsymptoticSequence, Comparison
from modelward.adaptive_pipeline.comparison import Observation
from modelward.adaptive_pipeline.sequences import margin
from modelward.core.errors import ConfigError, DataError


def seen(champion: float | None, challenger: float | None) -> Observation:
    return Observation(
        champion=champion, challenger=challenger, challenger_failed=challenger is None
    )


def first_promotion(gains: np.ndarray, minimum: int = 100) -> np.ndarray:
    """For runs in rows: the pair after which each is promoted, 0 for never (looking at each)."""
    n = np.arange(1, gains.shape[1] + 1)
    means = np.cumsum(gains, axis=1) / n
    variance = (np.cumsum(gains * gains, axis=1) - n * means**2) / np.maximum(n - 1, 1)
    sequence = AsymptoticSequence(alpha=0.05, n_best=500)
    low = means - np.sqrt(np.maximum(variance, 0)) * margin(n, alpha=0.05, rho2=sequence.rho2)
    high = 2 * means - low
    promoted, rejected = (low > 1e-12) & (n >= minimum), (high < -1e-12) & (n >= minimum)
    at = np.where(promoted.any(axis=1), promoted.argmax(axis=1) + 1, 0)
    out = np.where(rejected.any(axis=1), rejected.argmax(axis=1) + 1, gains.shape[1] + 1)
    return np.where(at < out, at, 0)


def squared_gains(rng: np.random.Generator, runs: int, n: int, drift: float, noise: float):
    """Champion knows sin(x), challenger sin(x + drift), which is the truth, up to noise."""
    x = rng.uniform(0, 2 * np.pi, (runs, n))
    truth = np.sin(x + drift) + rng.normal(0, noise, (runs, n))
    return (np.sin(x) - truth) ** 2 - (np.sin(x + drift) - truth) ** 2


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_equal_models_are_promoted_at_most_alpha_of_the_time(rate: float) -> None:
    rng = np.random.default_rng(11)
    shape = (2000, 1000)
    gains = (rng.random(shape) < rate).astype(float) - (rng.random(shape) < rate)
    false = (first_promotion(gains) > 0).mean()
    assert false <= 0.05
    assert false > 0  # the simulation can see a false promotion
    after = 500
    assert (gains[:, :after].mean(axis=1) > 0).mean() > 0.4  # 'lower mean after 500' promotes these


@pytest.mark.slow
def test_a_shifted_sine_is_always_found() -> None:
    rng = np.random.default_rng(3)
    clear = first_promotion(squared_gains(rng, 200, 400, drift=0.3, noise=0.1))
    assert (clear > 0).all()
    assert np.median(clear) <= 110
    hard = first_promotion(squared_gains(rng, 60, 5_000, drift=0.3, noise=1.0))
    assert (hard > 0).all()
    assert np.median(hard) <= 900


def test_the_class_decides_as_the_simulation_does() -> None:
    rng = np.random.default_rng(0)
    champion = (rng.random((20, 600)) < 0.35).astype(float)
    challenger = (rng.random((20, 600)) < 0.2).astype(float)
    expected = first_promotion(champion - challenger)
    assert (expected > 0).sum() >= 10
    for ours, theirs, when in zip(champion, challenger, expected, strict=True):
        comparison, found = Comparison(statistic="asymptotic"), 0
        for n, (a, b) in enumerate(zip(ours, theirs, strict=True), start=1):
            verdict = comparison.update(seen(a, b))
            if verdict.final:
                found = n if verdict.word == "promote" else 0
                break
        assert found == when


def test_a_worse_challenger_is_rejected_and_an_equal_one_ends_inconclusive() -> None:
    worse = Comparison(minimum=50)
    words = [worse.update(seen(0.0, float(i % 2))).word for i in range(100)]
    assert words[48] == "continue"
    assert words[-1] == "reject"
    equal = Comparison(minimum=50, maximum=120)
    words = [equal.update(seen(float(i % 2), float(i % 2))).word for i in range(120)]
    assert set(words[:-1]) == {"continue"}
    assert words[-1] == "inconclusive"


def test_a_margin_asks_for_more_than_being_better() -> None:
    pairs = [(float(i % 5 == 0), 0.0) for i in range(400)]  # better by 0.2
    plain, demanding = Comparison(), Comparison(margin=0.3)
    assert [plain.update(seen(*pair)) for pair in pairs][-1].word == "promote"
    assert [demanding.update(seen(*pair)) for pair in pairs][-1].word == "reject"


def test_a_challenger_that_keeps_failing_is_rejected() -> None:
    comparison = Comparison(max_failures=2)
    words = [comparison.update(seen(1.0, None)).word for _ in range(3)]
    assert words == ["continue", "continue", "reject"]
    assert "failed on 3 requests" in comparison.verdict.reason


def test_it_goes_on_from_its_state() -> None:
    rng = np.random.default_rng(2)
    whole = Comparison(minimum=40)
    part = Comparison(minimum=40)
    for i, loss in enumerate(rng.random(90)):
        if i == 45:
            part = part.fresh().restore(part.state)
        assert (
            whole.update(seen(loss, loss / 2)).to_dict()
            == part.update(seen(loss, loss / 2)).to_dict()
        )
    assert part.fresh().gain.n == 0
    assert repr(part.fresh()) == repr(whole)


def test_bad_input_is_named() -> None:
    with pytest.raises(DataError, match="expected finite losses, got champion nan"):
        Comparison().update(seen(math.nan, 0.0))
    with pytest.raises(ConfigError, match="expected 20 <= minimum <= maximum"):
        Comparison(minimum=5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("margin", "gains", "chances"),
    [  # true gain below the margin in each: rare large losses hide behind a common small gain
        (0.0, [0.01, -1.0], [0.985, 0.015]),
        (-0.01, [0.0, -1.0], [0.98, 0.02]),
        (0.0, [0.0, 1.0, -1.0], [0.96, 0.02, 0.02]),
        (0.0, [0.0, 1.0, -1.0], [0.6, 0.2, 0.2]),
    ],
)
def test_rare_losses_are_waited_for(
    margin: float, gains: list[float], chances: list[float]
) -> None:
    rng = np.random.default_rng(5)
    promoted, runs = 0, 200
    for _ in range(runs):
        comparison = Comparison(margin=margin, maximum=1_500)
        for gain in rng.choice(gains, p=chances, size=1_500):
            verdict = comparison.update(seen(float(gain), 0.0))
            if verdict.final:
                break
        promoted += verdict.word == "promote"
    assert promoted / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


def test_equal_gains_decide_nothing() -> None:
    comparison = Comparison(minimum=20, maximum=60)
    verdicts = [comparison.update(seen(1.0, 0.5)) for _ in range(60)]
    assert {v.word for v in verdicts[:59]} == {"continue"}
    assert "only 0 of 59 gains differ" in verdicts[58].reason
    assert verdicts[59].word == "inconclusive"
