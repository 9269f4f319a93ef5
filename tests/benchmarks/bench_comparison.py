"""False promotions, power and cost of a comparison that is looked at after each label.

The world of the field notes: y = sin(x) + noise, squared loss. Champion and challenger are as good as
each other (one is out of phase by 0.1, the other by -0.1), or the challenger alone knows of a shift.
Many experiments run at once as arrays, by the library's formulas; some of them run once more through
`Comparison` itself, which must decide alike. Times are of the processor, per label.
"""

from __future__ import annotations

import json
import math
import os
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from modelward.adaptive_pipeline.comparison import (
    Comparison,
    ErrorRate,
    Latency,
    Observation,
    Segments,
)
from modelward.adaptive_pipeline.sequences import AsymptoticSequence, margin

SHORT = os.environ.get("MODELWARD_BENCH") == "short"
RUNS, LENGTH = (100, 1_000) if SHORT else (2_000, 5_000)
POWER_RUNS, POWER_LENGTH = (10, 4_000) if SHORT else (1_000, 20_000)
CHECKED = 2 if SHORT else 20
UPDATES = 5_000 if SHORT else 100_000
CHUNK = 100
ALPHA, MINIMUM, DIFFERING = 0.05, 100, 20
LOSSES, GAINS = (0, 1), (-1, 0, 1)  # of one who is right or wrong, of two
NEVER = 10**9
Array = np.ndarray[Any, np.dtype[np.float64]]


# The rules, each: gains of experiments in rows -> after how many labels each is promoted.


def first(hits: Array) -> Array:
    return np.where(hits.any(axis=1), hits.argmax(axis=1) + 1, NEVER)


def promoted(better: Array, worse: Array) -> Array:
    """Whichever comes first ends the experiment."""
    at, out = first(better), first(worse)
    return np.where(at < out, at, NEVER)


def moments(gains: Array) -> tuple[Array, Array, Array]:
    n = np.arange(1, gains.shape[1] + 1)
    means = np.cumsum(gains, axis=1) / n
    variance = (np.cumsum(gains * gains, axis=1) - n * means**2) / np.maximum(n - 1, 1)
    return n, means, np.sqrt(np.maximum(variance, 0))


def enough(values: Array, kinds: tuple[int, ...], counted: Any = True) -> Any:
    """Where so many of the values counted differ from the most common one that variance is known."""
    of_a_kind = [np.cumsum((values == kind) & counted, axis=1) for kind in kinds]
    differing = np.sum(of_a_kind, axis=0) - np.max(of_a_kind, axis=0)
    return differing >= DIFFERING


def asymptotic(gains: Array, ready: Any = True) -> Array:
    n, means, std = moments(gains)
    rho2 = AsymptoticSequence(alpha=ALPHA, n_best=500).rho2
    radius, ready = std * margin(n, alpha=ALPHA, rho2=rho2), ready & (n >= MINIMUM)
    # Where nothing varied, rounding alone is above 0.
    return promoted(ready & (means - radius > 1e-12), ready & (means + radius < -1e-12))


def betting(gains: Array, bound: float) -> Array:
    """Both capitals against a gain of 0, with the stakes of `BettingTest`."""
    y = (gains / bound + 1) / 2
    t = np.arange(1, y.shape[1] + 1)
    guess = (0.5 + np.cumsum(y, axis=1)) / (t + 1)
    squares = np.cumsum((y - guess) ** 2, axis=1)
    zero = np.zeros((len(y), 1))
    edge = np.hstack([zero + 0.5, guess[:, :-1]]) - 0.5
    variance = (0.25 + np.hstack([zero, squares[:, :-1]])) / t
    bet = np.clip(edge / (edge**2 + variance), -1, 1)
    won = np.log1p(bet * (y - 0.5))
    up = np.cumsum(np.where(edge >= 0, won, 0), axis=1)
    down = np.cumsum(np.where(edge < 0, won, 0), axis=1)
    rich, ready = math.log(2 / ALPHA), t >= MINIMUM
    return promoted(
        ready & (np.maximum.accumulate(up, axis=1) >= rich),
        ready & (np.maximum.accumulate(down, axis=1) >= rich),
    )


def lower_mean(gains: Array) -> Array:
    return np.where(gains[:, :500].mean(axis=1) > 0, 500, NEVER)


def peeked(gains: Array) -> Array:
    """A t-test at 2.5 % one-sided, looked at each 100 labels."""
    n, means, std = moments(gains)
    t = means * np.sqrt(n) / np.maximum(std, 1e-12)
    looks = n % 100 == 0
    return promoted(looks & (t > 1.96), looks & (t < -1.96))


# The worlds: experiments in rows; each a pair of arrays, the losses of champion and challenger.


def sine(
    rng: np.random.Generator, shape: tuple[int, int], drift: float | None, noise: float
) -> Any:
    x, e = rng.uniform(0, 2 * np.pi, shape), rng.normal(0, noise, shape)
    if drift is None:  # equally good
        truth = np.sin(x) + e
        return (np.sin(x - 0.1) - truth) ** 2, (np.sin(x + 0.1) - truth) ** 2
    truth = np.sin(x + drift) + e
    return (np.sin(x) - truth) ** 2, e**2


def errors(
    rng: np.random.Generator, shape: tuple[int, int], rates: tuple[float, float], shared: float
) -> Any:
    """0/1 losses; a `shared` part of the requests is as hard for one model as for the other."""
    u, v = rng.random(shape), rng.random(shape)
    v = np.where(rng.random(shape) < shared, u, v)
    return (u < rates[0]).astype(float), (v < rates[1]).astype(float)


def split(rng: np.random.Generator, champion: Array, challenger: Array) -> tuple[Array, Array]:
    """Serve each request by one of the two: the pseudo-outcomes, and who served."""
    ours = rng.random(champion.shape) < 0.5
    means = []
    for losses, served in ((champion, ~ours), (challenger, ours)):
        mean = np.cumsum(losses * served, axis=1) / np.maximum(np.cumsum(served, axis=1), 1)
        means.append(np.hstack([np.zeros((len(mean), 1)), mean[:, :-1]]))
    a, b = means
    weighted = np.where(ours, -(challenger - b), champion - a) / 0.5
    return a - b + weighted, ours


def chunks(runs: int) -> Iterator[int]:
    yield from (min(CHUNK, runs - start) for start in range(0, runs, CHUNK))


def check(champion: Array, challenger: Array, ours: Array | None, when: Array, **how: Any) -> None:
    """Run some of the experiments through the class itself."""
    for i in range(min(len(when), CHECKED)):
        comparison = Comparison(maximum=NEVER, **how)
        at = NEVER
        for n, (a, b) in enumerate(
            zip(champion[i].tolist(), challenger[i].tolist(), strict=True), 1
        ):
            if ours is None:
                seen = Observation(champion=a, challenger=b)
            elif ours[i, n - 1]:
                seen = Observation(champion=None, challenger=b, arm="challenger", probability=0.5)
            else:
                seen = Observation(champion=a, challenger=None, arm="champion", probability=0.5)
            verdict = comparison.update(seen)
            if verdict.final:
                at = n if verdict.word == "promote" else NEVER
                break
        if at != when[i]:
            raise SystemExit(
                f"experiment {i}: the class decides at {at}, the formulas at {when[i]}"
            )


def percent(part: float) -> float:
    return round(100 * part, 2)


def false_promotions(rng: np.random.Generator) -> dict[str, float]:
    found: dict[str, list[Array]] = {}

    def note(name: str, when: Array) -> Array:
        found.setdefault(name, []).append(when < NEVER)
        return when

    for k, runs in enumerate(chunks(RUNS)):
        shape = (runs, LENGTH)
        a, b = sine(rng, shape, None, 1.0)
        paired = note("A/A paired, asymptotic", asymptotic(a - b))
        note("A/A 'lower mean after 500 labels'", lower_mean(a - b))
        note("A/A t-test peeked each 100 (nominal 2.5)", peeked(a - b))
        gains, ours = split(rng, a, b)
        arms = note("A/A arms, asymptotic", asymptotic(gains))
        if k == 0:
            check(a, b, None, paired)
            check(a, b, ours, arms, design="ab")
        for rate in (0.5, 0.1, 0.02):
            a, b = errors(rng, shape, (rate, rate), 0.0)
            gains, ours = split(rng, a, b)
            kind = f"A/A errors at {rate:g}"
            paired = note(f"{kind} paired, betting", betting(a - b, 1))
            note(f"{kind} paired, asymptotic", asymptotic(a - b, enough(a - b, GAINS)))
            arms = note(f"{kind} arms, betting", betting(gains, 2))
            if k == 0:
                check(a, b, None, paired)
                check(a, b, ours, arms, design="ab")
    return {
        f"{name}, false promotions, %": percent(np.concatenate(each).mean())
        for name, each in found.items()
    }


def power(rng: np.random.Generator) -> dict[str, float]:
    found: dict[str, list[Array]] = {}
    for k, runs in enumerate(chunks(POWER_RUNS)):
        shape = (runs, POWER_LENGTH)
        for drift, noise in ((0.1, 0.1), (0.3, 1.0), (0.15, 1.0)):
            a, b = sine(rng, shape, drift, noise)
            name = f"drift {drift:g}, noise {noise:g}"
            found.setdefault(f"{name} paired", []).append(asymptotic(a - b))
            found.setdefault(f"{name} arms", []).append(asymptotic(split(rng, a, b)[0]))
        for rates, shared in (
            ((0.3, 0.2), 0.0),
            ((0.3, 0.2), 0.8),
            ((0.5, 0.45), 0.0),
            ((0.02, 0.01), 0.5),
        ):
            a, b = errors(rng, shape, rates, shared)
            gains, ours = split(rng, a, b)
            both = enough(a, LOSSES, ~ours) & enough(b, LOSSES, ours)
            name = f"errors {rates[0]:g} to {rates[1]:g}, {100 * shared:g} % shared,"
            for design, served, statistic, when in (
                ("paired", None, "betting", betting(a - b, 1)),
                ("paired", None, "asymptotic", asymptotic(a - b, enough(a - b, GAINS))),
                ("ab", ours, "betting", betting(gains, 2)),
                ("ab", ours, "asymptotic", asymptotic(gains, both)),
            ):
                if k == 0:
                    check(a, b, served, when, design=design, statistic=statistic)
                kind = "paired" if served is None else "arms"
                found.setdefault(f"{name} {kind}, {statistic}", []).append(when)
    figures: dict[str, float] = {}
    for name, parts in found.items():
        when = np.concatenate(parts)
        figures[f"{name}, promoted, %"] = percent((when < NEVER).mean())
        figures[f"{name}, promoted within 5000, %"] = percent((when <= 5_000).mean())
        median = float(np.quantile(when, 0.5, method="higher"))
        if median < NEVER:
            figures[f"{name}, median labels"] = median
    return figures


RAILS = (ErrorRate(tolerance=0.02), Latency(tolerance=0.05), Segments(tolerance=0.1))


def drawn(design: str, loss: Callable[[], float]) -> Observation:
    arm = random.choice(("champion", "challenger")) if design == "ab" else None
    ours, theirs = arm != "challenger", arm != "champion"
    return Observation(
        champion=loss() if ours else None,
        challenger=loss() if theirs else None,
        champion_latency=random.random() if ours else None,
        challenger_latency=random.random() if theirs else None,
        arm=arm,
        probability=0.5 if arm else None,
        segments=(f"a={random.randrange(5)}",),
    )


def cost() -> dict[str, float]:
    random.seed(0)
    losses: dict[str, Callable[[], float]] = {
        "asymptotic": lambda: random.gauss(0, 1) ** 2,
        "betting": lambda: float(random.random() < 0.3),
    }
    figures = {}
    for design in ("paired", "ab"):
        for statistic, loss in losses.items():
            seen = [drawn(design, loss) for _ in range(UPDATES)]
            for rails in ((), RAILS):
                comparison = Comparison(design=design, guardrails=rails, maximum=NEVER)  # type: ignore[arg-type]
                start = time.process_time()
                for each in seen:
                    comparison.update(each)
                used = (time.process_time() - start) / len(seen)
                name = f"update {'paired' if design == 'paired' else 'arms'}, {statistic}"
                figures[f"{name}{', three guardrails' if rails else ''}, us"] = round(1e6 * used, 2)
    return figures


def main() -> None:
    rng = np.random.default_rng(0)
    print(json.dumps(false_promotions(rng) | power(rng) | cost()))


if __name__ == "__main__":
    main()
