"""Guardrails: what a challenger may not make worse, and by how much at most."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from modelward.adaptive_pipeline.comparison.observation import Observation
from modelward.core.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Guardrail(ABC):
    """A harm that is watched beside the gain, on the same requests.

    The harm is the challenger's measure minus the champion's. A challenger is promoted only when the
    harm is shown to be below `tolerance`, and rejected as soon as it is shown to be above. `weight`
    is its part of the error that rejecting may make.

    Raises `ConfigError` for a tolerance or weight that is not above 0.
    """

    tolerance: float
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.tolerance < math.inf and 0 < self.weight < math.inf):
            raise ConfigError(
                f"expected a tolerance and a weight above 0, got {self.tolerance}, {self.weight}"
            )

    @property
    def name(self) -> str:
        """What verdicts call it."""
        return type(self).__name__

    @property
    def bounded(self) -> bool:
        """Whether what it measures lies between 0 and 1, whatever the loss."""
        return False

    @abstractmethod
    def measure(self, seen: Observation) -> tuple[float | None, float | None]:
        """Give what is measured on champion and challenger; None where it was not."""


class ErrorRate(Guardrail):
    """The share of requests a version fails to answer.

    >>> ErrorRate(tolerance=0.01).name
    'ErrorRate'
    """

    @property
    def bounded(self) -> bool:
        """It does."""
        return True

    def measure(self, seen: Observation) -> tuple[float | None, float | None]:
        """Give 1 for a failure and 0 for an answer."""
        champion: float | None = float(seen.champion_failed)
        challenger: float | None = float(seen.challenger_failed)
        if seen.arm is not None:
            champion = champion if seen.arm == "champion" else None
            challenger = challenger if seen.arm == "challenger" else None
        return champion, challenger


class Latency(Guardrail):
    """The seconds a version takes for a request."""

    def measure(self, seen: Observation) -> tuple[float | None, float | None]:
        """Give the latencies."""
        if seen.arm == "champion":
            return seen.champion_latency, None
        if seen.arm == "challenger":
            return None, seen.challenger_latency
        return seen.champion_latency, seen.challenger_latency


@dataclass(frozen=True, slots=True, kw_only=True)
class Segments(Guardrail):
    """The loss in each declared segment, of which there may be any number.

    Segments are taken up as they appear; the k-th has 6 / (pi k)^2 of the error budget, which sums
    to the whole. A segment with fewer than `minimum` labels is not asked to show anything yet: it
    cannot, and would keep every challenger out.
    """

    minimum: int = 50

    def measure(self, seen: Observation) -> tuple[float | None, float | None]:
        """Give the losses."""
        return seen.champion, seen.challenger


KINDS: dict[str, type[Guardrail]] = {kind.__name__: kind for kind in (ErrorRate, Latency, Segments)}


def to_settings(guardrail: Guardrail) -> dict[str, Any]:
    """Give a guardrail as plain values."""
    fields = {name: getattr(guardrail, name) for name in ("tolerance", "weight")}
    if isinstance(guardrail, Segments):
        fields["minimum"] = guardrail.minimum
    return {"kind": guardrail.name, **fields}


def from_settings(settings: dict[str, Any]) -> Guardrail:
    """Make a guardrail from its plain values. Raises `ConfigError` for an unknown kind."""
    kind = KINDS.get(str(settings["kind"]))
    if kind is None:
        raise ConfigError(f"expected a guardrail of {', '.join(KINDS)}, got {settings['kind']!r}")
    return kind(**{key: value for key, value in settings.items() if key != "kind"})
