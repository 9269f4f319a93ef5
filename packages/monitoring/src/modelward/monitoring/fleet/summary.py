"""What a fleet says of itself at a glance, and one page of its table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from modelward.monitoring.fleet.records import ModelStatus, Window


@dataclass(frozen=True, slots=True)
class StatusPage:
    """One page of the fleet's table: its rows, and how many there are on all pages."""

    rows: tuple[ModelStatus, ...]
    total: int
    offset: int = 0
    limit: int = 100

    def __iter__(self) -> Iterator[ModelStatus]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Give the page as plain JSON content."""
        return {
            "total": self.total,
            "offset": self.offset,
            "limit": self.limit,
            "models": [row.to_dict() for row in self.rows],
        }


@dataclass(frozen=True, slots=True)
class GroupSummary:
    """How many models of a group are in which state; `expected_loss` is the sum of the known ones."""

    group: str
    models: int
    alarmed: int
    cannot_say: int
    silent: int
    new: int
    steady: int
    expected_loss: float


@dataclass(frozen=True, slots=True)
class FleetSummary:
    """How many models are in which state, and when and how they were last judged.

    `incidents` counts the open ones. `q`, `window` and `assessed` are those of the newest
    assessment, None before the first. `groups` has one entry a group, the largest expected loss
    first.
    """

    models: int
    alarmed: int
    cannot_say: int
    silent: int
    new: int
    steady: int
    incidents: int
    expected_loss: float
    q: float | None
    window: Window | None
    assessed: datetime | None
    groups: tuple[GroupSummary, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain JSON content."""
        return asdict(self) | {
            "window": None if self.window is None else self.window.to_dict(),
            "assessed": None if self.assessed is None else self.assessed.isoformat(),
            "groups": [asdict(group) for group in self.groups],
        }
