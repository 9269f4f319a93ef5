"""Faults: what happens to requests and labels on their way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from modelward.adaptive_pipeline.simulator.delays import Delay, Exponential
from modelward.adaptive_pipeline.simulator.events import Truth
from modelward.core.errors import ConfigError


class Fault:
    """Something that goes wrong; each kind overrides what it concerns.

    `labels` draws equally often from its generator for each request, whatever the other faults did
    to it: switching one on or off changes nothing but what it does itself.
    """

    early = 0.0
    """How many seconds a label may come earlier than without the fault."""

    def request(self, at: float) -> float | None:
        """Say when a request made at a time is served; None: not at all."""
        return at

    def labels(
        self,
        told: Sequence[Truth],
        other: Any,  # noqa: ARG002 - a label that was another request's
        rng: np.random.Generator,  # noqa: ARG002
    ) -> list[Truth]:
        """Say what is delivered of the labels of one request."""
        return list(told)


def _share(fault: object, share: float) -> None:
    if not 0 <= share <= 1:
        raise ConfigError(f"expected a share from 0 to 1, got {fault}")


@dataclass(frozen=True, slots=True)
class Duplicates(Fault):
    """A share of the labels comes once more, `after` a while."""

    share: float = 0.2
    after: Delay = field(default_factory=lambda: Exponential(60.0))

    def __post_init__(self) -> None:
        _share(self, self.share)

    def labels(self, told: Sequence[Truth], other: Any, rng: np.random.Generator) -> list[Truth]:  # noqa: ARG002
        """Add the copies."""
        again, after = rng.random() < self.share, self.after.draw(rng)
        if not again or after is None:
            return list(told)
        return [*told, *(replace(one, at=one.at + after, copy=True) for one in told)]


@dataclass(frozen=True, slots=True)
class Loss(Fault):
    """A share of the labels is lost on the way, with all their copies."""

    share: float = 0.05

    def __post_init__(self) -> None:
        _share(self, self.share)

    def labels(self, told: Sequence[Truth], other: Any, rng: np.random.Generator) -> list[Truth]:  # noqa: ARG002
        """Leave out what is lost."""
        return [] if rng.random() < self.share else list(told)


@dataclass(frozen=True, slots=True)
class Revisions(Fault):
    """A share of the labels is wrong at first (another request's) and corrected `after` a while."""

    share: float = 0.05
    after: Delay = field(default_factory=lambda: Exponential(600.0))

    def __post_init__(self) -> None:
        _share(self, self.share)

    def labels(self, told: Sequence[Truth], other: Any, rng: np.random.Generator) -> list[Truth]:
        """Put the wrong label first."""
        wrong, after = rng.random() < self.share, self.after.draw(rng)
        if not wrong or after is None:
            return list(told)
        late = [replace(one, at=one.at + after, revision=one.revision + 1) for one in told]
        return [*(replace(one, label=other) for one in told if one.revision == 0), *late]


@dataclass(frozen=True, slots=True)
class Shuffle(Fault):
    """Labels come out of order: up to `within` seconds earlier or later, even before the request."""

    within: float = 60.0

    def __post_init__(self) -> None:
        if not 0 <= self.within < math.inf:
            raise ConfigError(f"expected seconds from 0 on, got {self}")

    @property
    def early(self) -> float:  # type: ignore[override]
        """How many seconds earlier a label may come."""
        return self.within

    def labels(self, told: Sequence[Truth], other: Any, rng: np.random.Generator) -> list[Truth]:  # noqa: ARG002
        """Move them in time."""
        shift = float(rng.uniform(-self.within, self.within))
        return [replace(one, at=max(0.0, one.at + shift)) for one in told]


@dataclass(frozen=True, slots=True)
class Outage(Fault):
    """From `start` to before `end` nothing comes of the `labels`, or of the `requests`.

    What was due then comes all at once at `end`, or never when it is `lost`. The label of a request
    that was lost is still sent: it ends as an orphan.

    >>> Outage(10, 20, of="requests").request(15.0)
    20
    """

    start: float
    end: float
    of: Literal["labels", "requests"] = "labels"
    lost: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end < math.inf:
            raise ConfigError(f"expected 0 <= start < end, got {self}")
        if self.of not in {"labels", "requests"}:
            raise ConfigError(f"expected an outage of 'labels' or 'requests', got {self.of!r}")

    def request(self, at: float) -> float | None:
        """Hold a request back, or lose it."""
        return self._passes(at) if self.of == "requests" else at

    def labels(self, told: Sequence[Truth], other: Any, rng: np.random.Generator) -> list[Truth]:  # noqa: ARG002
        """Hold the labels back, or lose them."""
        if self.of == "requests":
            return list(told)
        times = [(one, self._passes(one.at)) for one in told]
        return [replace(one, at=at) for one, at in times if at is not None]

    def _passes(self, at: float) -> float | None:
        if not self.start <= at < self.end:
            return at
        return None if self.lost else self.end


@dataclass(frozen=True, slots=True)
class SetBack(Fault):
    """At a moment the pipeline's clock is set back by `seconds`, once."""

    at: float
    seconds: float

    def __post_init__(self) -> None:
        if not 0 <= self.at < math.inf or not 0 < self.seconds < math.inf:
            raise ConfigError(f"expected a moment from 0 on and seconds above 0, got {self}")
