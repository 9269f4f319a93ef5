"""The health of a workflow over its runs: last success, failures, and what is overdue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

from modelward.monitoring.fleet.records import instant
from modelward.monitoring.infrastructure.records import WorkflowRun

LEAST_INTERVALS = 3
PATIENCE = 3.0
_BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class WorkflowHealth:
    """How a workflow stands, of the runs that are known; durations in seconds.

    `every` is the median time between the starts of its runs, from four runs on. It is `overdue`
    when its last success is older than three times that: a workflow that fell silent is found by
    what does not come.
    """

    name: str
    runs: int
    succeeded: int
    failed: int
    running: int
    retries: int
    last_state: str
    last_start: datetime | None
    last_success: datetime | None
    last_duration: float | None
    median_duration: float | None
    median_queue: float | None
    every: float | None
    overdue: bool

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain JSON content."""
        moments = {
            name: None if value is None else value.isoformat()
            for name, value in (
                ("last_start", self.last_start),
                ("last_success", self.last_success),
            )
        }
        return asdict(self) | moments


def workflow_health(
    runs: Iterable[WorkflowRun], *, at: datetime | str | float | None = None
) -> tuple[WorkflowHealth, ...]:
    """Give the health of each workflow: overdue first, then those whose last run failed, then by name.

    `at` is the moment to judge lateness by (default: now).

    >>> day = 86_400.0
    >>> runs = [WorkflowRun("load", str(i), "succeeded", started=i * day, ended=i * day + 60)
    ...         for i in range(5)]
    >>> [health.overdue for at in (5 * day, 9 * day) for health in workflow_health(runs, at=at)]
    [False, True]
    """
    now = datetime.now(UTC) if at is None else instant(at)
    by_name: dict[str, list[WorkflowRun]] = defaultdict(list)
    for run in runs:
        by_name[run.name].append(run)
    found = (_health(name, of_it, now) for name, of_it in by_name.items())
    return tuple(sorted(found, key=lambda h: (not h.overdue, h.last_state != "failed", h.name)))


def _health(name: str, runs: Sequence[WorkflowRun], now: datetime) -> WorkflowHealth:
    ordered = sorted(runs, key=lambda run: run.started or run.queued or _BEGINNING)
    starts = sorted(run.started for run in ordered if run.started is not None)
    successes = [run for run in ordered if run.state == "succeeded"]
    gaps = [(b - a).total_seconds() for a, b in pairwise(starts)]
    every = median(gaps) if len(gaps) >= LEAST_INTERVALS else None
    last_success = max((r.ended or r.started or _BEGINNING for r in successes), default=None)
    since = last_success or (starts[0] if starts else None)
    durations = [s for run in successes if (s := run.duration_seconds) is not None]
    queues = [s for run in ordered if (s := run.queue_seconds) is not None]
    late = bool(every and since and now - since > timedelta(seconds=PATIENCE * every))
    return WorkflowHealth(
        name=name,
        runs=len(ordered),
        succeeded=len(successes),
        failed=sum(run.state in {"failed", "lost"} for run in ordered),
        running=sum(run.state in {"queued", "running"} for run in ordered),
        retries=sum(run.retries for run in ordered),
        last_state=ordered[-1].state,
        last_start=starts[-1] if starts else None,
        last_success=last_success,
        last_duration=durations[-1] if durations else None,
        median_duration=median(durations) if durations else None,
        median_queue=median(queues) if queues else None,
        every=every,
        overdue=late,
    )
