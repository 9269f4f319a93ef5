"""What the monitor takes and gives: scored joins, and windows of losses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelward.core.metrics import Moments


@dataclass(frozen=True, slots=True)
class Window:
    """Moments of one version's loss over the labelled requests `first` to `last` (by seq)."""

    version: str
    first: int
    last: int
    loss: Moments


@dataclass(frozen=True, slots=True)
class EventWindow:
    """Moments of one version's loss over the requests served from `start` to before `end` (Unix s).

    `segment` is "" for all requests, else `column=value`.
    """

    version: str
    segment: str
    start: float
    end: float
    loss: Moments


@dataclass(frozen=True, slots=True)
class Scored:
    """One join and the loss of each version on it; `at` is its event time (Unix seconds).

    A `late` one counts where it corrects a label of the same request that came in time.
    """

    position: int
    seq: int
    at: float
    row: Mapping[str, Any]
    revision: int
    losses: Mapping[str, float]
    late: bool = False
