"""Events, runs of workflows, and looks at machines: what may explain an alarm."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, or_, select

from modelward.core.errors import DataError
from modelward.monitoring.fleet.records import LONGEST_NAME, Event, instant
from modelward.monitoring.fleet.store.database import Database
from modelward.monitoring.fleet.store.names import checked, key
from modelward.monitoring.fleet.store.schema import events, resource_samples, workflow_runs
from modelward.monitoring.infrastructure.records import ResourceSample, WorkflowRun

KINDS = ("deployment", "retraining", "data", "note")


def tell_events(database: Database, tx: Connection, told: Iterable[Event]) -> None:
    """Keep events; the same again is kept once."""
    rows = {}
    for event in told:
        if event.kind not in KINDS:
            raise DataError(f"expected an event of {', '.join(KINDS)}, got {event.kind!r}")
        at = instant(event.at)
        content = event_content(event)
        parts = [event.kind, at.isoformat(), event.text, event.model or "", event.version or ""]
        rows[key(*parts, event.source)] = {
            "event_key": key(*parts, event.source),
            "at": at,
            "kind": event.kind,
            "model_key": None if event.model is None else key(event.model),
            "content": content,
        }
    database.upsert(tx, events, list(rows.values()), by=["event_key"])


def read_events(
    tx: Connection,
    *,
    model: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int = 200,
) -> tuple[Event, ...]:
    """Give the events, the newest first; of a model: its own, and those that concern all."""
    query = select(events).order_by(events.c.at.desc(), events.c.id.desc()).limit(limit)
    if model is not None:
        query = query.where(or_(events.c.model_key.is_(None), events.c.model_key == key(model)))
    if since is not None:
        query = query.where(events.c.at >= since)
    if until is not None:
        query = query.where(events.c.at <= until)
    return tuple(event_of(row.content) for row in tx.execute(query))


def event_content(event: Event) -> dict[str, Any]:
    """Give an event as plain JSON content."""
    return {
        "kind": event.kind,
        "at": instant(event.at).isoformat(),
        "text": event.text,
        "model": event.model,
        "version": event.version,
        "columns": list(event.columns),
        "source": event.source,
    }


def event_of(content: dict[str, Any]) -> Event:
    """Rebuild an event from its content."""
    more = {"at": instant(content["at"]), "columns": tuple(content["columns"])}
    return Event(**(content | more))


def keep_runs(
    database: Database, tx: Connection, runs: Sequence[WorkflowRun], *, now: datetime
) -> None:
    """Keep runs; the same run again replaces what was known of it."""
    rows: dict[str, dict[str, Any]] = {}
    for run in runs:
        run_key = key(run.name, run.source, run.run_id)
        moments = [m for m in (run.queued, run.started, run.ended) if m is not None]
        rows[run_key] = {
            "run_key": run_key,
            "name_key": key(run.name),
            "name": checked(run.name, what="the name of a workflow"),
            "run_id": checked(run.run_id, what="the id of a run"),
            "state": run.state,
            "queued": run.queued,
            "started": run.started,
            "ended": run.ended,
            "at": max(moments, default=now),
            "retries": run.retries,
            "source": checked(run.source, what="the source of a run", longest=LONGEST_NAME),
            "error": run.error.replace("\0", "\N{REPLACEMENT CHARACTER}")
            .encode("utf-8", "replace")
            .decode(),
        }
    database.upsert(tx, workflow_runs, list(rows.values()), by=["run_key"])


def read_runs(
    tx: Connection, *, name: str | None = None, since: datetime | None = None, limit: int = 1_000
) -> tuple[WorkflowRun, ...]:
    """Give the runs, the newest first."""
    query = select(workflow_runs).order_by(workflow_runs.c.at.desc(), workflow_runs.c.id.desc())
    if name is not None:
        query = query.where(workflow_runs.c.name_key == key(name))
    if since is not None:
        query = query.where(workflow_runs.c.at >= since)
    return tuple(
        WorkflowRun(
            name=row.name,
            run_id=row.run_id,
            state=row.state,
            queued=row.queued,
            started=row.started,
            ended=row.ended,
            retries=row.retries,
            source=row.source,
            error=row.error,
        )
        for row in tx.execute(query.limit(limit))
    )


def keep_samples(database: Database, tx: Connection, samples: Sequence[ResourceSample]) -> None:
    """Keep looks at machines; the same moment of the same host again is replaced."""
    rows = {
        (sample.host, sample.at): {
            "host_key": key(sample.host),
            "host": checked(sample.host, what="the name of a host"),
            "at": sample.at,
            "content": {str(name): float(value) for name, value in sample.values.items()},
        }
        for sample in samples
    }
    database.upsert(tx, resource_samples, list(rows.values()), by=["host_key", "at"])


def read_samples(
    tx: Connection, *, host: str | None = None, since: datetime | None = None, limit: int = 1_000
) -> tuple[ResourceSample, ...]:
    """Give looks at machines, the newest first."""
    query = select(resource_samples).order_by(resource_samples.c.at.desc())
    if host is not None:
        query = query.where(resource_samples.c.host_key == key(host))
    if since is not None:
        query = query.where(resource_samples.c.at >= since)
    return tuple(
        ResourceSample(row.host, row.at, row.content) for row in tx.execute(query.limit(limit))
    )


def forget_events(tx: Connection, before: datetime) -> None:
    """Delete events, runs and looks at machines from before a moment."""
    for table in (events, workflow_runs, resource_samples):
        tx.execute(delete(table).where(table.c.at < before))
