"""Retention: whole days of events are deleted when nobody needs them any more."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, exists, select, tuple_

from modelward.adaptive_pipeline.store.joining import Line
from modelward.adaptive_pipeline.store.schema import (
    ORPHAN,
    UNJOINED,
    conflicts,
    joined,
    labels,
    losses,
    predictions,
    shadows,
    state,
)

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.store.store import Store

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Expired:
    """What was deleted: requests (with all about them), and labels that never had one."""

    requests: int = 0
    orphans: int = 0


def expire(store: Store, *, before: float, chunk: int = 1_000) -> Expired:
    """Delete what belongs to whole days (UTC, event time) before a time, the oldest first.

    A transaction deletes at most `chunk` requests, all of one day, so that nobody waits for long. It
    may be stopped at any point and done again. Days that the horizon has not passed stay, and so do
    requests whose label the controller has not read.
    """
    with store.reading() as tx:
        past = Line.load(tx).past
    if not math.isfinite(past):
        return Expired()
    end = min(before, past) // DAY * DAY
    requests = orphans = 0
    while n := _requests(store, end, chunk):
        requests += n
    while n := _orphans(store, end, chunk):
        orphans += n
    return Expired(requests, orphans)


def _requests(store: Store, end: float, chunk: int) -> int:
    with store.transaction() as tx:
        line = Line.lock(store, tx)
        rows = _ended(tx, line, end, chunk)
        if rows:
            _delete(tx, rows)
            mark = rows[-1].at // DAY * DAY + DAY
            line.expired = mark if line.expired is None else max(mark, line.expired)
            line.save(store, tx)
    return len(rows)


def _ended(tx: Connection, line: Line, end: float, chunk: int) -> Sequence[Any]:
    """Give requests of one day that nothing is waiting for."""
    controller = tx.scalar(select(state.c.value).where(state.c.key == "controller")) or {}
    unread = exists().where(
        joined.c.seq == predictions.c.seq, joined.c.position > controller.get("cursor", math.inf)
    )
    query = (
        select(predictions.c.seq, predictions.c.request_id, predictions.c.at)
        .where(predictions.c.at < end, predictions.c.seq <= line.cursor, ~unread)
        .order_by(predictions.c.at)
        .limit(chunk)
    )
    rows = tx.execute(query).all()
    return [row for row in rows if row.at // DAY == rows[0].at // DAY]


def _delete(tx: Connection, rows: Sequence[Any]) -> None:
    seqs, names = [row.seq for row in rows], [row.request_id for row in rows]
    positions = select(joined.c.position).where(joined.c.seq.in_(seqs))
    tx.execute(delete(losses).where(losses.c.position.in_(positions)))
    for table in (joined, shadows):
        tx.execute(delete(table).where(table.c.seq.in_(seqs)))
    for table in (labels, conflicts, predictions):
        tx.execute(delete(table).where(table.c.request_id.in_(names)))


def _orphans(store: Store, end: float, chunk: int) -> int:
    """Delete labels that were given up, and what contradicts them."""
    with store.transaction() as tx:
        Line.lock(store, tx)
        rows = tx.execute(
            select(labels.c.request_id, labels.c.revision)
            .where(UNJOINED, labels.c.state == ORPHAN, labels.c.at < end)
            .order_by(labels.c.at)
            .limit(chunk)
        ).all()
        for table in (labels, conflicts) if rows else ():
            key = tuple_(table.c.request_id, table.c.revision)
            tx.execute(delete(table).where(key.in_([tuple(row) for row in rows])))
    return len(rows)
