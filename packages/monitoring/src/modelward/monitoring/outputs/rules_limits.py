"""When an alert fires: limits for the whole fleet, and tiers of models by what an error costs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from modelward.core.errors import ConfigError

if TYPE_CHECKING:
    from modelward.monitoring.fleet.records import Model

_DURATION = re.compile(r"(?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_TOP_SHARE = 0.9


def seconds(duration: str) -> int:
    """Give a duration as Prometheus writes it in seconds. Raises `ConfigError` for any other text.

    >>> seconds("1h30m"), seconds("0s")
    (5400, 0)
    """
    if not _DURATION.fullmatch(duration):
        raise ConfigError(
            f"expected a duration as Prometheus writes it, got {duration!r}",
            hint="for example 30s, 5m, 1h30m or 2d.",
        )
    return sum(int(n) * _UNITS[unit] for n, unit in re.findall(r"(\d+)([smhd])", duration))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """The models whose criticality is `above` or more (and below that of the next tier).

    An incident is told once it lasted `hold`; a model is silent after `silent` times its own limit,
    and what nothing can be said of is told after `unjudged`. Raises `ConfigError` for values out of
    range.
    """

    name: str
    above: float = 0.0
    severity: str = "warning"
    hold: str = "5m"
    silent: float = 2.0
    unjudged: str = "1d"

    def __post_init__(self) -> None:
        for what in (self.name, self.severity):
            if not _NAME.fullmatch(what):
                raise ConfigError(
                    f"expected a tier's name and severity in small letters, got {what!r}"
                )
        if not 0 <= self.above < float("inf") or not 0 < self.silent < float("inf"):
            raise ConfigError(
                f"expected above >= 0 and silent > 0 for the tier '{self.name}', got {self.above} "
                f"and {self.silent}"
            )
        for duration in (self.hold, self.unjudged):
            seconds(duration)


NORMAL = Tier(name="normal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """When the alerts that are not about one model fire.

    `assessed`: how old the newest assessment may be; `hold`: how long the rest has to last;
    `never`: how long a model may be in the catalogue without a window. `queue`: how long a run may
    wait (median); `patience`: how many of its intervals a workflow may miss; `disk` and `memory`:
    the largest shares in use; `host`: how long a machine may be unseen.

    Raises `ConfigError` for values out of range.
    """

    assessed: str = "2d"
    never: str = "2d"
    hold: str = "5m"
    queue: str = "1h"
    patience: float = 3.0
    disk: float = 0.9
    memory: float = 0.95
    host: str = "15m"

    def __post_init__(self) -> None:
        for duration in (self.assessed, self.never, self.hold, self.queue, self.host):
            seconds(duration)
        for name in ("disk", "memory"):
            if not 0 < getattr(self, name) < 1:
                raise ConfigError(
                    f"expected {name} as a share between 0 and 1, got {getattr(self, name)}"
                )
        if not 0 < self.patience < float("inf"):
            raise ConfigError(f"expected patience above 0, got {self.patience}")


def checked_tiers(tiers: Iterable[Tier]) -> tuple[Tier, ...]:
    """Give the tiers, the lowest first. Raises `ConfigError` where they do not cover all models."""
    found = tuple(sorted(tiers, key=lambda tier: tier.above))
    edges, names = [tier.above for tier in found], [tier.name for tier in found]
    if not found or edges[0] != 0:
        raise ConfigError(
            f"expected a tier from 0 on, got tiers from {edges or 'none'}",
            hint="without one, models of small criticality would never be told of.",
        )
    if len(set(edges)) != len(edges) or len(set(names)) != len(names):
        raise ConfigError(f"expected tiers of their own name and edge, got {names} from {edges}")
    return found


def tiers_of(models: Sequence[Model]) -> tuple[Tier, ...]:
    """Make tiers of a catalogue: the tenth with the largest criticality is told at once.

    Where that tenth is no more critical than the middle of all, there is one tier.

    >>> from modelward.monitoring.fleet.records import Model
    >>> [tier.name for tier in tiers_of([Model("a"), Model("b"), Model("c", criticality=9.0)])]
    ['normal', 'critical']
    """
    known = np.array([model.criticality for model in models])
    if known.size == 0:
        return (NORMAL,)
    edge = float(np.quantile(known, _TOP_SHARE, method="higher"))
    if edge <= float(np.median(known)):
        return (NORMAL,)
    critical = Tier(
        name="critical", above=edge, severity="critical", hold="0s", silent=1.0, unjudged="1h"
    )
    return (NORMAL, critical)


def limits_of(models: Sequence[Model]) -> Limits:
    """Take from a catalogue how often it has to be judged: before its first model could fall silent."""
    waits = [model.silent_after for model in models if model.silent_after > 0]
    if not waits:
        return Limits()
    return Limits(assessed=f"{max(60, int(min(waits) * 3_600))}s")
