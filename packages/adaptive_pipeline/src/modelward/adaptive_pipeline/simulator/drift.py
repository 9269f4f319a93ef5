"""Schedules of drift: what share of the requests comes from a new world, at which time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from modelward.core.errors import ConfigError


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """A change of the world, from `start` to `end` (seconds; the same where it is sudden)."""

    start: float
    end: float


class DriftSchedule(Protocol):
    """When one world gives way to another; times are seconds since the start."""

    def share(self, at: float) -> float:
        """Give the share of requests that come from the new world."""
        ...

    def changes(self, until: float) -> list[Change]:
        """Name the changes that begin before a time, in order."""
        ...


@dataclass(frozen=True, slots=True)
class NoDrift:
    """The old world stays.

    >>> NoDrift().share(1e9), NoDrift().changes(1e9)
    (0.0, [])
    """

    def share(self, at: float) -> float:  # noqa: ARG002 - at any time
        """Give 0."""
        return 0.0

    def changes(self, until: float) -> list[Change]:  # noqa: ARG002
        """Name none."""
        return []


@dataclass(frozen=True, slots=True)
class Sudden:
    """The new world takes over at a moment.

    >>> drift = Sudden(at=900)
    >>> drift.share(899.9), drift.share(900)
    (0.0, 1.0)
    """

    at: float

    def __post_init__(self) -> None:
        if not 0 <= self.at < math.inf:
            raise ConfigError(f"expected a moment from 0 on, got at={self.at}")

    def share(self, at: float) -> float:
        """Give 0 before the moment, and 1 from it on."""
        return float(at >= self.at)

    def changes(self, until: float) -> list[Change]:
        """Name the one change."""
        return [Change(self.at, self.at)] if self.at < until else []


@dataclass(frozen=True, slots=True)
class Gradual:
    """More and more requests come from the new world, from `start` to `end`.

    >>> [Gradual(100, 200).share(at) for at in (100, 125, 200)]
    [0.0, 0.25, 1.0]
    """

    start: float
    end: float

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end < math.inf:
            raise ConfigError(
                f"expected 0 <= start < end, got start={self.start}, end={self.end}",
                hint="a change without a length is Sudden(at=...).",
            )

    def share(self, at: float) -> float:
        """Give the part of the way that lies behind."""
        return min(1.0, max(0.0, (at - self.start) / (self.end - self.start)))

    def changes(self, until: float) -> list[Change]:
        """Name the one change."""
        return [Change(self.start, self.end)] if self.start < until else []


@dataclass(frozen=True, slots=True)
class Recurring:
    """The two worlds take turns, `period` seconds each, the old one first.

    >>> [Recurring(100).share(at) for at in (0, 100, 200)]
    [0.0, 1.0, 0.0]
    """

    period: float

    def __post_init__(self) -> None:
        if not 0 < self.period < math.inf:
            raise ConfigError(f"expected a period above 0 seconds, got {self.period}")

    def share(self, at: float) -> float:
        """Give 0 in the first period, 1 in the second, and so on."""
        return float(math.floor(at / self.period) % 2)

    def changes(self, until: float) -> list[Change]:
        """Name the beginning of each period but the first."""
        last = math.ceil(until / self.period)
        return [Change(k * self.period, k * self.period) for k in range(1, last)]
