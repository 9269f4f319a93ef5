"""How long after its request a label comes."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np

from modelward.core.errors import ConfigError


class Delay(ABC):
    """A distribution of seconds, or of never."""

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> float | None:
        """Give a delay in seconds, or None for a label that never comes."""


def _check(delay: object, *, holds: bool) -> None:
    if not holds:
        raise ConfigError(f"expected finite seconds in order, none below 0, got {delay}")


@dataclass(frozen=True, slots=True)
class Fixed(Delay):
    """Always the same.

    >>> Fixed(30).draw(np.random.default_rng(0))
    30.0
    """

    seconds: float = 0.0

    def __post_init__(self) -> None:
        _check(self, holds=0 <= self.seconds < math.inf)

    def draw(self, rng: np.random.Generator) -> float:  # noqa: ARG002 - nothing is left to chance
        """Give the delay."""
        return float(self.seconds)


@dataclass(frozen=True, slots=True)
class Uniform(Delay):
    """Anything from `low` to `high`, equally often.

    >>> 20 <= Uniform(20, 60).draw(np.random.default_rng(0)) <= 60
    True
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        _check(self, holds=0 <= self.low <= self.high < math.inf)

    def draw(self, rng: np.random.Generator) -> float:
        """Give a delay."""
        return float(rng.uniform(self.low, self.high))


@dataclass(frozen=True, slots=True)
class Exponential(Delay):
    """Without memory: however long one has waited, `mean` seconds are still to be expected.

    >>> Exponential(60).draw(np.random.default_rng(0)) > 0
    True
    """

    mean: float

    def __post_init__(self) -> None:
        _check(self, holds=0 < self.mean < math.inf)

    def draw(self, rng: np.random.Generator) -> float:
        """Give a delay."""
        return float(rng.exponential(self.mean))


@dataclass(frozen=True, slots=True)
class LogNormal(Delay):
    """Half come within `median` seconds, a few very late; `sigma` is the spread of the logarithm.

    >>> LogNormal(60, sigma=0.5).draw(np.random.default_rng(0)) > 0
    True
    """

    median: float
    sigma: float = 1.0

    def __post_init__(self) -> None:
        _check(self, holds=0 < self.median < math.inf and 0 <= self.sigma < math.inf)

    def draw(self, rng: np.random.Generator) -> float:
        """Give a delay."""
        return self.median * math.exp(self.sigma * float(rng.normal()))


@dataclass(frozen=True, slots=True)
class Never(Delay):
    """A `share` never comes; the others come as `otherwise` says.

    >>> Never(share=1.0).draw(np.random.default_rng(0)) is None
    True
    """

    share: float
    otherwise: Delay = field(default_factory=Fixed)

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ConfigError(f"expected a share from 0 to 1, got {self.share}")

    def draw(self, rng: np.random.Generator) -> float | None:
        """Give a delay, or None."""
        never, delay = rng.random() < self.share, self.otherwise.draw(rng)
        return None if never else delay
