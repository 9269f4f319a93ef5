"""Sources: worlds that give requests, and know their truth and the best answer there is."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from modelward.adaptive_pipeline.simulator.drift import Change, DriftSchedule
from modelward.core.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Example:
    """One request: its row, its true label, and what a model that knows the world would answer."""

    row: dict[str, Any]
    label: Any
    best: Any


class Source(ABC):
    """A world. Your own needs `draw`, and `changes` where it changes by itself.

    `draw` takes all its randomness from the generator it is given, and the same number of values
    each time: then the same seed gives the same requests up to a change and without it.

    >>> from modelward.adaptive_pipeline.simulator import Sine, Sudden
    >>> world = Sine().then(Sine(phase=1.0), Sudden(at=900))
    >>> world.changes(until=1_000)
    [Change(start=900, end=900)]
    """

    @abstractmethod
    def draw(self, at: float, rng: np.random.Generator) -> Example:
        """Give the request made `at` seconds after the start."""

    def changes(self, until: float) -> list[Change]:  # noqa: ARG002 - it stays as it is
        """Name the changes that begin before a time, in order."""
        return []

    def then(self, other: Source, drift: DriftSchedule) -> Source:
        """Let another world take over, or take turns, as the drift says."""
        return Drifting(self, other, drift)


@dataclass(frozen=True, slots=True)
class Drifting(Source):
    """One world, and another into which it changes; see `Source.then`."""

    old: Source
    new: Source
    drift: DriftSchedule

    def draw(self, at: float, rng: np.random.Generator) -> Example:
        """Give a request of the one or the other."""
        return (self.new if rng.random() < self.drift.share(at) else self.old).draw(at, rng)

    def changes(self, until: float) -> list[Change]:
        """Name the changes of the two worlds and from one to the other."""
        own = self.drift.changes(until)
        return sorted({*own, *self.old.changes(until), *self.new.changes(until)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sine(Source):
    """A regression: `y = amplitude * sin(x + phase) + noise * e`, x uniform in (0, 2 pi), e normal.

    >>> example = Sine(noise=0.0).draw(0.0, np.random.default_rng(1))
    >>> example.label == example.best == math.sin(example.row["x"])
    True
    """

    phase: float = 0.0
    amplitude: float = 1.0
    noise: float = 0.1

    def __post_init__(self) -> None:
        if not (math.isfinite(self.phase + self.amplitude) and 0 <= self.noise < math.inf):
            raise ConfigError(f"expected finite numbers and noise >= 0, got {self}")

    def draw(self, at: float, rng: np.random.Generator) -> Example:  # noqa: ARG002 - at any time
        """Give a point of the noisy sine."""
        x, noise = float(rng.uniform(0.0, 2 * math.pi)), float(rng.normal())
        best = self.amplitude * math.sin(x + self.phase)
        return Example({"x": x}, best + self.noise * noise, best)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sea(Source):
    """A classification: 1 where `a + b <= threshold`, else 0; a share `noise` of labels is flipped.

    a, b and c are uniform in (0, 10); c means nothing.

    >>> Sea(threshold=20).draw(0.0, np.random.default_rng(1)).best
    1

    Source: Street and Kim, A streaming ensemble algorithm (SEA) for large-scale classification,
    KDD 2001, section 4.3; its concepts have thresholds 8, 9, 7 and 9.5, and its noise is 0.1.
    """

    threshold: float = 8.0
    noise: float = 0.1

    def __post_init__(self) -> None:
        if not (math.isfinite(self.threshold) and 0 <= self.noise <= 1):
            raise ConfigError(f"expected a finite threshold and noise from 0 to 1, got {self}")

    def draw(self, at: float, rng: np.random.Generator) -> Example:  # noqa: ARG002 - at any time
        """Give a point and its class."""
        a, b, c, flip = rng.random(4).tolist()
        best = int(10 * (a + b) <= self.threshold)
        return Example({"a": 10 * a, "b": 10 * b, "c": 10 * c}, best ^ (flip < self.noise), best)


class Sample(Source):
    """Your own labelled data: each request is one of its rows, drawn with replacement.

    One month's data and then another's make a drift as you have seen it. The best answer is taken to
    be the label, so that regret is measured against a loss of zero.

    Raises `DataError` when rows and labels are none, or not equally many.

    >>> import pandas as pd
    >>> Sample(pd.DataFrame({"x": [4.0]}), pd.Series([True])).draw(0.0, np.random.default_rng(1))
    Example(row={'x': 4.0}, label=True, best=True)
    """

    def __init__(self, X: pd.DataFrame, y: pd.Series) -> None:
        if not 0 < len(X) == len(y):
            raise DataError(f"expected as many labels as rows, and some, got {len(y)} and {len(X)}")
        self._rows = [{str(name): value for name, value in row.items()} for row in _rows(X)]
        self._labels = y.tolist()

    def draw(self, at: float, rng: np.random.Generator) -> Example:  # noqa: ARG002 - at any time
        """Give one of the rows."""
        which = int(rng.integers(len(self._rows)))
        return Example(dict(self._rows[which]), self._labels[which], self._labels[which])


def _rows(X: pd.DataFrame) -> list[dict[Any, Any]]:
    return X.to_dict("records")
