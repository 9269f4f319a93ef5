"""Keeping incidents, so that each is told once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from modelward.core.errors import DataError
from modelward.monitoring.fleet.incidents import Tracked
from modelward.monitoring.fleet.records import Incident, Window, instant
from modelward.monitoring.fleet.store.database import Database
from modelward.monitoring.fleet.store.events import event_content, event_of
from modelward.monitoring.fleet.store.schema import incidents


def keep_incidents(database: Database, tx: Connection, tracked: Sequence[Tracked]) -> None:
    """Keep incidents; a silence stays."""
    rows = [_row(each) for each in tracked]
    database.upsert(tx, incidents, rows, by=["id"], keep=["silenced_until"])


def tracked_incidents(tx: Connection) -> list[Tracked]:
    """Give the open incidents, as they are kept."""
    query = select(incidents).where(incidents.c.is_open.is_(True))
    return [
        Tracked(
            _incident(row),
            row.kind,
            frozenset((source, name) for source, name in row.content["identity"]),
        )
        for row in tx.execute(query)
    ]


def read_incidents(
    tx: Connection, *, is_open: bool | None = True, limit: int = 1_000
) -> tuple[Incident, ...]:
    """Give the incidents, the largest expected loss first."""
    query = select(incidents)
    if is_open is not None:
        query = query.where(incidents.c.is_open.is_(is_open))
    loss = func.coalesce(incidents.c.expected_loss, 0.0)
    ordered = query.order_by(loss.desc(), incidents.c.first_began.desc(), incidents.c.id)
    found = [_incident(row) for row in tx.execute(ordered.limit(limit))]
    found.sort(key=lambda i: (-(i.expected_loss or 0.0), -len(i.members)))
    return tuple(found)


def forget_member(database: Database, tx: Connection, model: str) -> None:
    """Take a model out of the open incidents; one without any other is closed."""
    changed = []
    for each in tracked_incidents(tx):
        left = tuple(name for name in each.incident.members if name != model)
        if left != each.incident.members:
            gone = replace(each.incident, members=left or each.incident.members, open=bool(left))
            changed.append(replace(each, incident=gone))
    keep_incidents(database, tx, changed)


def silence_incident(tx: Connection, incident: str, until: datetime | None) -> None:
    """Note until when an incident is not to be told. Raises `DataError` for an unknown one."""
    ours = update(incidents).where(incidents.c.id == incident)
    known = tx.scalar(select(incidents.c.id).where(incidents.c.id == incident))
    if known is None:
        raise DataError(f"expected the id of an incident, got {incident[:80]!r}")
    tx.execute(ours.values(silenced_until=until))


def _row(each: Tracked) -> dict[str, Any]:
    incident = each.incident
    return {
        "id": incident.id,
        "kind": each.kind,
        "is_open": incident.open,
        "first_began": incident.first.start,
        "last_ended": incident.last.end,
        "expected_loss": incident.expected_loss,
        "silenced_until": incident.silenced_until,
        "content": {
            "title": incident.title,
            "columns": list(incident.columns),
            "identity": sorted(each.columns),
            "members": list(incident.members),
            "first": [incident.first.start.isoformat(), incident.first.end.isoformat()],
            "last": [incident.last.start.isoformat(), incident.last.end.isoformat()],
            "rule": incident.rule,
            "before": [event_content(event) for event in incident.before],
            "suggestion": incident.suggestion,
        },
    }


def _incident(row: Any) -> Incident:
    content = row.content
    return Incident(
        id=row.id,
        title=content["title"],
        columns=tuple(content["columns"]),
        members=tuple(content["members"]),
        first=_window(content["first"]),
        last=_window(content["last"]),
        rule=content["rule"],
        before=tuple(event_of(event) for event in content["before"]),
        suggestion=content["suggestion"],
        expected_loss=row.expected_loss,
        open=bool(row.is_open),
        silenced_until=row.silenced_until,
    )


def _window(ends: list[str]) -> Window:
    return Window(instant(ends[0]), instant(ends[1]))
