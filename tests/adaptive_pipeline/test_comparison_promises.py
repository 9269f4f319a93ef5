"""The promises of the comparison, by Monte Carlo: false verdicts at most as often as said, at any look.

Thousands of experiments at once, as arrays, by the formulas; the class is held to the same arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from modelward.adaptive_pipeline.comparison import Comparison, ErrorRate, Latency, Observation
from modelward.adaptive_pipeline.sequences import AsymptoticSequence, BettingTest, margin

ALPHA, MINIMUM = 0.05, 100
NEVER = 10**9
pytestmark = pytest.mark.slow


def capitals(y: np.ndarray, value: float) -> tuple[np.ndarray, np.ndarray]:
    """For runs of numbers in [0, 1]: the logarithms of both capitals against `value`."""
    t, total = np.arange(1, y.shape[1] + 1), np.cumsum(y, axis=1)
    guess = (0.5 + total) / (t + 1)
    squares = np.cumsum((y - guess) ** 2, axis=1)
    none = np.zeros((len(y), 1))
    edge = np.hstack([none + 0.5, guess[:, :-1]]) - value
    variance = (0.25 + np.hstack([none, squares[:, :-1]])) / t
    bet = edge / (variance + edge**2)
    up, down = np.clip(bet, 0, 0.5 / value), np.clip(bet, -0.5 / (1 - value), 0)
    gains = y - value
    return np.cumsum(np.log1p(up * gains), axis=1), np.cumsum(np.log1p(down * gains), axis=1)


def first(hits: np.ndarray) -> np.ndarray:
    return np.where(hits.any(axis=1), hits.argmax(axis=1) + 1, NEVER)


def promoted(better: np.ndarray, worse: np.ndarray) -> np.ndarray:
    at, out = first(better), first(worse)
    return np.where(at < out, at, NEVER)


def betting(gains: np.ndarray, bound: float) -> np.ndarray:
    """After how many labels each run promotes, at a margin of 0."""
    up, down = capitals((gains / bound + 1) / 2, 0.5)
    late, rich = np.arange(1, gains.shape[1] + 1) >= MINIMUM, math.log(2 / ALPHA)
    most = [np.maximum.accumulate(side, axis=1) >= rich for side in (up, down)]
    return promoted(most[0] & late, most[1] & late)


def asymptotic(gains: np.ndarray) -> np.ndarray:
    n = np.arange(1, gains.shape[1] + 1)
    means = np.cumsum(gains, axis=1) / n
    variance = (np.cumsum(gains**2, axis=1) - n * means**2) / np.maximum(n - 1, 1)
    rho2 = AsymptoticSequence(alpha=ALPHA, n_best=500).rho2
    radius = np.sqrt(np.maximum(variance, 0)) * margin(n, alpha=ALPHA, rho2=rho2)
    late = n >= MINIMUM
    return promoted(late & (means > radius), late & (means < -radius))


Losses = tuple[np.ndarray, np.ndarray]


def normal(rng: np.random.Generator, shape: tuple[int, int]) -> Losses:
    common = rng.normal(1.0, 1.0, shape)
    return common + rng.normal(0, 0.5, shape), common + rng.normal(0, 1.0, shape)


def heavy(rng: np.random.Generator, shape: tuple[int, int]) -> Losses:
    """Squares of Student's t with 5 degrees of freedom: their variance is finite, no more is."""
    return rng.standard_t(5, shape) ** 2, rng.standard_t(5, shape) ** 2


def errors(rate: float, shared: float = 0.0) -> Callable[..., Losses]:
    def draw(rng: np.random.Generator, shape: tuple[int, int]) -> Losses:
        u = rng.random(shape)
        v = np.where(rng.random(shape) < shared, u, rng.random(shape))
        return (u < rate).astype(float), (v < rate).astype(float)

    return draw


def arms(rng: np.random.Generator, losses: Losses, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Each request is served by one: the pseudo-outcomes by their definition, and who served."""
    ours, means = rng.random(losses[0].shape) < share, []
    for loss, served in zip(losses, (~ours, ours), strict=True):
        mean = np.cumsum(loss * served, axis=1) / np.maximum(np.cumsum(served, axis=1), 1)
        means.append(np.hstack([np.zeros((len(mean), 1)), mean[:, :-1]]))
    a, b = means
    weighted = np.where(ours, -(losses[1] - b) / share, (losses[0] - a) / (1 - share))
    return a - b + weighted, ours


def by_class(losses: Losses, ours: np.ndarray | None, share: float, **how: Any) -> list[int]:
    """The same through the class: after how many labels each of these runs promotes."""
    found = []
    for i, pair in enumerate(zip(losses[0].tolist(), losses[1].tolist(), strict=True)):
        comparison, at = Comparison(maximum=NEVER, **how), NEVER
        for n, (a, b) in enumerate(zip(*pair, strict=True)):
            if ours is None:
                seen = Observation(champion=a, challenger=b)
            elif ours[i, n]:
                seen = Observation(champion=None, challenger=b, arm="challenger", probability=share)
            else:
                seen = Observation(
                    champion=a, challenger=None, arm="champion", probability=1 - share
                )
            verdict = comparison.update(seen)
            if verdict.final:
                at = n + 1 if verdict.word == "promote" else NEVER
                break
        found.append(at)
    return found


WORLDS: dict[str, Callable[..., Losses]] = {
    "normal": normal,
    "heavy": heavy,
    "errors at 0.5": errors(0.5),
    "errors at 0.1": errors(0.1),
    "errors at 0.02": errors(0.02),
    "errors at 0.1, shared": errors(0.1, 0.8),
}


@pytest.mark.parametrize("design", ["paired", "ab"])
@pytest.mark.parametrize("world", WORLDS)
def test_equal_models_are_promoted_at_most_half_alpha_of_the_time(world: str, design: Any) -> None:
    """2,000 experiments, looked at after each of 2,000 labels.

    Heavy tails seen through an uneven split are far from the limit in which this holds: there it is
    alpha, not half of it.
    """
    rng, share, found = np.random.default_rng(12), 0.3, []
    bets = world.startswith("errors")
    for part in range(8):
        losses = WORLDS[world](rng, (250, 2_000))
        gains, ours = losses[0] - losses[1], None
        if design == "ab":
            gains, ours = arms(rng, losses, share)
        bound = 1.0 if design == "paired" else 1 / share
        when = betting(gains, bound) if bets else asymptotic(gains)
        found.append(when < NEVER)
        if part == 0:
            some = 6
            kept = None if ours is None else ours[:some]
            decided = by_class((losses[0][:some], losses[1][:some]), kept, share, design=design)
            assert decided == when[:some].tolist()
    false = np.concatenate(found).mean()
    level = ALPHA if world == "heavy" else ALPHA / 2 + 2 * math.sqrt(0.025 * 0.975 / 2_000)
    assert false <= level
    assert false > 0  # the simulation can see a false promotion


def test_the_asymptotic_sequence_breaks_where_losses_are_rare_and_huge() -> None:
    """One request in 1,000 costs 1,000 times what the others gain: nothing shows it before it comes.

    What the documentation warns of. The betting sequence, told the range, keeps its promise.
    """
    rng, shape = np.random.default_rng(4), (1_000, 1_500)
    gains = np.where(rng.random(shape) < 0.001, -0.999, 0.001) + rng.normal(0, 1e-3, shape)
    assert (asymptotic(gains) < NEVER).mean() > 0.8
    assert (betting(np.clip(gains, -1, 1), 1.0) < NEVER).mean() <= ALPHA / 2


DRAWS: dict[str, tuple[Callable[..., np.ndarray], float]] = {  # numbers in [0, 1], and their mean
    "coin": (lambda rng, shape: (rng.random(shape) < 0.5).astype(float), 0.5),
    "rare": (lambda rng, shape: (rng.random(shape) < 0.02).astype(float), 0.02),
    "gains": (
        lambda rng, shape: (1 + (rng.random(shape) < 0.1) - (rng.random(shape) < 0.1)) / 2,
        0.5,
    ),
    "beta": (lambda rng, shape: rng.beta(0.3, 2.7, shape), 0.1),
}


@pytest.mark.parametrize("kind", DRAWS)
def test_the_capital_against_the_truth_gets_rich_at_most_alpha_of_the_time(kind: str) -> None:
    """2,000 streams of 2,000 numbers: what the coverage of the betting bounds rests on."""
    rng, found = np.random.default_rng(7), []
    draw, mean = DRAWS[kind]
    for _ in range(4):
        y = draw(rng, (500, 2_000))
        up, down = capitals(y, mean)
        found += [np.stack([side.max(axis=1) >= math.log(2 / ALPHA) for side in (up, down)])]
    rich = np.concatenate(found, axis=1).mean(axis=1)
    assert rich.sum() <= ALPHA
    assert (rich > 0).all()
    for row, one, two in zip(y[:5], up, down, strict=False):  # and it is the class's capital
        test = BettingTest(low=0.0, high=1.0, value=mean)
        for number in row:
            test.update(number)
        assert test.state["capital"] == pytest.approx([one[-1], two[-1]], abs=1e-6)


def test_a_guardrail_at_its_tolerance_is_passed_and_broken_at_most_at_the_levels() -> None:
    """Harm exactly as tolerated, 2,000 times: failures by betting, latency by the asymptotic test."""
    rng, shape, tolerance = np.random.default_rng(8), (2_000, 1_500), 0.05
    failures = (rng.random(shape) < tolerance).astype(float)
    up, down = capitals((failures + 1) / 2, (tolerance + 1) / 2)
    assert (down.max(axis=1) >= -math.log(ALPHA)).mean() <= ALPHA  # passed
    assert (up.max(axis=1) >= -math.log(ALPHA / 2)).mean() <= ALPHA / 2  # rejected; half the weight
    slower = rng.exponential(0.02 + tolerance, shape) - rng.exponential(0.02, shape)
    n = np.arange(1, shape[1] + 1)
    means = np.cumsum(slower, axis=1) / n
    variance = (np.cumsum(slower**2, axis=1) - n * means**2) / np.maximum(n - 1, 1)
    rho2 = AsymptoticSequence(alpha=ALPHA, n_best=500, sided=1).rho2
    for level, side in ((ALPHA, -1), (ALPHA / 2, 1)):
        radius = np.sqrt(variance) * margin(n, alpha=level, rho2=rho2, sided=1)
        shown = (side * (means - tolerance) >= radius) & (n >= MINIMUM)
        assert 0 < shown.any(axis=1).mean() <= level

    rails = (ErrorRate(tolerance=tolerance), Latency(tolerance=tolerance))
    for i in range(3):  # and the class finds the same at the end of the run
        comparison = Comparison(guardrails=rails, maximum=NEVER, max_failures=NEVER)
        for failed, late in zip(failures[i].tolist(), slower[i].tolist(), strict=True):
            seen = Observation(
                champion=0.5,
                challenger=None if failed else 0.4,
                challenger_failed=bool(failed),
                champion_latency=1.0,
                challenger_latency=1.0 + late,
            )
            verdict = comparison.update(seen)
        errors, latency = verdict.guards
        assert errors.passed == (down[i].max() >= -math.log(ALPHA))
        assert errors.harmful == (up[i].max() >= -math.log(ALPHA / 2))
        assert latency.harm == pytest.approx(means[i, -1])
        wide = math.sqrt(variance[i, -1]) * float(margin(shape[1], alpha=ALPHA, rho2=rho2, sided=1))
        assert latency.passed == (means[i, -1] + wide <= tolerance)
