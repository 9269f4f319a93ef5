"""Systems with a known boundary, for examples, tests and benchmarks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modelward.validation.domain import (
    Domain,
    Feature,
    FeatureCategorical,
    FeatureContinuous,
    FeatureInteger,
    Output,
)

FOUR_BRANCH_FEATURES: tuple[Feature, ...] = (
    FeatureContinuous("x1", -6.0, 6.0),
    FeatureContinuous("x2", -6.0, 6.0),
)
FOUR_BRANCH_OUTPUT = Output("y", threshold=0.0, orientation="upper")


@dataclass(frozen=True)
class Problem:
    """A system whose noise-free answer `truth` is known; `noise` makes a run of it."""

    name: str
    features: tuple[Feature, ...]
    output: Output
    truth: Callable[..., float]
    noise: Callable[[float, np.random.Generator], float] | None = field(default=None)

    @property
    def domain(self) -> Domain:
        """The space of the inputs."""
        return Domain(self.features)

    def system(self, *, seed: int = 0) -> Callable[..., float]:
        """Give the system as a function of the features; only its noise depends on the seed."""
        rng = np.random.default_rng(seed)
        if self.noise is None:
            return self.truth
        noise = self.noise
        return lambda **values: noise(self.truth(**values), rng)

    def fails(self, points: list[dict[str, Any]]) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Tell which points truly fail, shape (n,)."""
        return self.output.fails(np.array([float(self.truth(**point)) for point in points]))


def four_branch(x1: float, x2: float) -> float:
    """Give the four-branch limit state, which fails below 0: on 71 % of [-6, 6]^2.

    >>> four_branch(0.0, 0.0)
    3.0

    Source: Waarts, Structural reliability using finite element methods (2000).
    """
    bowl = 3.0 + 0.1 * (x1 - x2) ** 2
    along = (x1 + x2) / math.sqrt(2.0)
    gap = 6.0 / math.sqrt(2.0)
    return min(bowl - along, bowl + along, x1 - x2 + gap, x2 - x1 + gap)


def five_features(**values: float) -> float:
    """Give the noise-free answer of the five-feature model, which fails above 0.4.

    A running value is turned through each feature's angle in degrees; it is answered where some
    feature lies in (20, 30) or above 40, and is 0 elsewhere.

    Source: the interface example of the tool VALICY.
    """
    target, kept = 1.0, False
    for value in values.values():
        target = math.cos(math.radians(value)) + math.sin(math.radians(value)) * target
        kept = kept or 20 < value < 30 or value > 40
    return target if kept else 0.0


def five_features_noisy(rng: np.random.Generator) -> Callable[..., float]:
    """Give the five-feature model with its noise: uniform within 0.01 at each step."""

    def system(**values: float) -> float:
        target, kept = 1.0, False
        for value in values.values():
            angle = math.radians(value)
            target = math.cos(angle) + math.sin(angle) * target + rng.uniform(-0.01, 0.01)
            kept = kept or 20 < value < 30 or value > 40
        return target if kept else 0.0

    return system


_ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
_A = np.array(
    [
        [10, 3, 17, 3.5, 1.7, 8],
        [0.05, 10, 17, 0.1, 8, 14],
        [3, 3.5, 1.7, 10, 17, 8],
        [17, 8, 0.05, 10, 0.1, 14],
    ]
)
_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann6(**values: float) -> float:
    """Give Hartmann's function of six features in [0, 1], which fails below -0.8 on 8.5 %.

    Source: Dixon and Szegoe, Towards global optimisation 2 (1978).
    """
    x = np.fromiter(values.values(), dtype=np.float64)
    return -float(_ALPHA @ np.exp(-(_A * np.square(x - _P)).sum(1)))


def mixed_rules(**values: Any) -> float:
    """Give 1 where one of three rules over five reals, a whole number and two levels holds, else 0."""
    u1, u2, u3, u4, i, a, b = (values[k] for k in ("u1", "u2", "u3", "u4", "i", "a", "b"))
    first = a == "a1" and u1 > 0.6 and u2 < 0.5 and b != "b0"
    second = b == "b3" and i >= 7 and u3 < 0.6
    third = math.hypot(u1 - 0.25, u4 - 0.75) < 0.18 and a != "a2"
    return float(first or second or third)


def himmelblau(x: float, y: float) -> float:
    """Give Himmelblau's function, with four minima of 0."""
    return (x * x + y - 11) ** 2 + (x + y * y - 7) ** 2


def branin(x: float, y: float) -> float:
    """Give Branin's function, with three minima of 0.398."""
    b, c, t = 5.1 / (4 * math.pi**2), 5 / math.pi, 1 / (8 * math.pi)
    return (y - b * x * x + c * x - 6) ** 2 + 10 * (1 - t) * math.cos(x) + 10


def borehole(**values: float) -> float:
    """Give the flow of water through a borehole; features beyond its eight are without effect.

    Source: Harper and Gupta, Sensitivity/uncertainty analysis of a borehole scenario (1983).
    """
    rw, r, tu, hu, tl, hl, length, kw = (
        values[k] for k in ("rw", "r", "tu", "hu", "tl", "hl", "length", "kw")
    )
    log = math.log(r / rw)
    return (
        2 * math.pi * tu * (hu - hl) / (log * (1 + 2 * length * tu / (log * rw**2 * kw) + tu / tl))
    )


def _flip(y: float, rng: np.random.Generator) -> float:
    """Fail with probability Phi(-y / 0.6), as -1; pass as 1."""
    from scipy.special import ndtr

    return -1.0 if rng.random() < ndtr(-y / 0.6) else 1.0


_UNIT: tuple[Feature, ...] = tuple(FeatureContinuous(f"x{i}", 0.0, 1.0) for i in range(1, 7))
_FIVE = tuple(
    FeatureContinuous(f"feature_{i}", 0.0, upper) for i, upper in enumerate((180, 180, 90, 90, 180))
)
_MIXED: tuple[Feature, ...] = (
    *(FeatureContinuous(f"u{i}", 0.0, 1.0) for i in range(1, 6)),
    FeatureInteger("i", 0, 9),
    FeatureCategorical("a", ("a0", "a1", "a2")),
    FeatureCategorical("b", ("b0", "b1", "b2", "b3")),
)
_BOREHOLE = (
    FeatureContinuous("rw", 0.05, 0.15),
    FeatureContinuous("r", 100, 50_000, scale="log"),
    FeatureContinuous("tu", 63_070, 115_600),
    FeatureContinuous("hu", 990, 1_110),
    FeatureContinuous("tl", 63.1, 116),
    FeatureContinuous("hl", 700, 820),
    FeatureContinuous("length", 1_120, 1_680),
    FeatureContinuous("kw", 9_855, 12_045),
    FeatureContinuous("spare1", 0, 1),
    FeatureContinuous("spare2", 0, 1),
)
_SQUARE = (FeatureContinuous("x", -5.0, 5.0), FeatureContinuous("y", -5.0, 5.0))
_BRANIN = (FeatureContinuous("x", -5.0, 10.0), FeatureContinuous("y", 0.0, 15.0))


def _jitter(y: float, rng: np.random.Generator) -> float:
    return y + rng.uniform(-0.01, 0.01)


PROBLEMS: dict[str, Problem] = {
    p.name: p
    for p in (
        Problem("four-branch", FOUR_BRANCH_FEATURES, FOUR_BRANCH_OUTPUT, four_branch),
        Problem(
            "Himmelblau", _SQUARE, Output("z", threshold=40.0, orientation="upper"), himmelblau
        ),
        Problem("Branin", _BRANIN, Output("z", threshold=20.0, orientation="upper"), branin),
        Problem("five features", _FIVE, Output("output_0", threshold=0.4), five_features, _jitter),
        Problem("Hartmann-6", _UNIT, Output("y", threshold=-0.8, orientation="upper"), hartmann6),
        Problem("borehole 10-D", _BOREHOLE, Output("flow", threshold=130.0), borehole),
        Problem("mixed rules", _MIXED, Output("bad", threshold=0.5), mixed_rules),
        Problem("noisy four-branch", FOUR_BRANCH_FEATURES, FOUR_BRANCH_OUTPUT, four_branch, _flip),
    )
}
"""Problems by name, as the benchmarks measure them."""
