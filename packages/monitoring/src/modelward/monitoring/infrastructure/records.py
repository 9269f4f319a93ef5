"""The words of infrastructure: one run of a workflow, one look at a machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from modelward.core.errors import DataError
from modelward.monitoring.fleet.records import LONGEST_NAME, instant

RunState = Literal["queued", "running", "succeeded", "failed", "lost"]
"""`lost`: it began, and never said how it ended."""
RUN_STATES = ("queued", "running", "succeeded", "failed", "lost")


@dataclass(frozen=True, slots=True)
class WorkflowRun:
    """One run of a workflow. `source` and `run_id` together tell runs apart.

    `queued`, `started` and `ended` are moments in UTC, None where not known or not yet. Raises
    `DataError` for an empty or too long name, an unknown state or an end before the start.
    """

    name: str
    run_id: str
    state: RunState
    queued: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    retries: int = 0
    source: str = ""
    error: str = ""

    def __post_init__(self) -> None:
        for what in (self.name, self.run_id):
            if not what or len(what) > LONGEST_NAME:
                raise DataError(
                    f"expected a name and a run id of 1 to {LONGEST_NAME} characters, "
                    f"got {len(what)}"
                )
        if self.state not in RUN_STATES:
            raise DataError(f"expected a state of {', '.join(RUN_STATES)}, got {self.state!r}")
        for moment in ("queued", "started", "ended"):
            if (value := getattr(self, moment)) is not None:
                object.__setattr__(self, moment, instant(value))
        if self.started is not None and self.ended is not None and self.ended < self.started:
            raise DataError(
                f"expected the end of '{self.name}' not before its start, got {self.started} "
                f"and {self.ended}"
            )

    @property
    def duration_seconds(self) -> float | None:
        """How long it ran; None while it runs or where it is not known."""
        if self.started is None or self.ended is None:
            return None
        return (self.ended - self.started).total_seconds()

    @property
    def queue_seconds(self) -> float | None:
        """How long it waited before it started; None where it is not known."""
        if self.queued is None or self.started is None:
            return None
        return max(0.0, (self.started - self.queued).total_seconds())

    def to_dict(self) -> dict[str, Any]:
        """Give the fields and both durations as plain JSON content."""
        moments = {
            name: None if value is None else value.isoformat()
            for name, value in (
                ("queued", self.queued),
                ("started", self.started),
                ("ended", self.ended),
            )
        }
        return {
            "name": self.name,
            "run_id": self.run_id,
            "state": self.state,
            **moments,
            "duration_seconds": self.duration_seconds,
            "queue_seconds": self.queue_seconds,
            "retries": self.retries,
            "source": self.source,
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class ResourceSample:
    """What a machine had and used at one moment; `values` by name, the unit at the name's end.

    Names are those of `sample_resources`: `cpu_ratio`, `memory_used_bytes`, ….
    """

    host: str
    at: datetime
    values: Mapping[str, float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", instant(self.at))
