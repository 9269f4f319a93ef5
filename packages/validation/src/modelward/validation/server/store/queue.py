"""The queue of a job: points put in by the worker, given out on leases, told when they come back."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, insert, or_, select, update

from modelward.validation.server.store.database import Database
from modelward.validation.server.store.schema import runs

MOST = 1_000
"""Runs of one request."""


def lease(
    database: Database, job: int, number: int, *, seconds: float, holder: str, request: str | None
) -> list[Row[Any]]:
    """Give out up to `number` runs for `seconds`: first those whose lease ran out, then new ones.

    Each is given to one caller at a time: rows under way to another are passed over. A `request` that
    comes again, because its answer was lost, gets the same runs while they are leased.
    """

    def act(tx: Connection) -> list[Row[Any]]:
        now = time.time()
        if request is not None:
            mine = (runs.c.job_id == job, runs.c.lease_key == request, runs.c.holder == holder)
            before = tx.execute(
                select(runs).where(*mine, runs.c.state == "leased").order_by(runs.c.number)
            ).all()
            if before:
                return list(before)
        found = _free(tx, job, "leased", number, now)
        if len(found) < number:
            found += _free(tx, job, "ready", number - len(found), now)
        if not found:
            return []
        # One token for all of them: a run is known by its number and it.
        tx.execute(
            update(runs)
            .where(runs.c.id.in_(found))
            .values(
                state="leased",
                lease=secrets.token_hex(16),
                lease_key=request,
                lease_until=now + seconds,
                holder=holder,
                attempts=runs.c.attempts + 1,
            )
        )
        return list(tx.execute(select(runs).where(runs.c.id.in_(found)).order_by(runs.c.number)))

    return database.written(act)


def _free(tx: Connection, job: int, state: str, number: int, now: float) -> list[int]:
    query = select(runs.c.id).where(runs.c.job_id == job, runs.c.state == state)
    if state == "leased":
        query = query.where(runs.c.lease_until < now)
    query = query.order_by(runs.c.number).limit(number).with_for_update(skip_locked=True)
    return [int(each) for each in tx.scalars(query)]


def renew(
    database: Database, job: int, numbers: Sequence[int], token: str, *, seconds: float
) -> int:
    """Keep leases for another `seconds` (0: give the runs back); give how many were still held."""
    back = seconds <= 0
    values: dict[str, Any] = {"lease_until": time.time() + seconds}
    if back:
        values = {"state": "ready", "lease": None, "lease_key": None, "lease_until": None}
    held = (
        runs.c.job_id == job,
        runs.c.number.in_(numbers),
        runs.c.lease == token,
        runs.c.state == "leased",
    )
    return database.written(
        lambda tx: tx.execute(update(runs).where(*held).values(**values)).rowcount
    )


def put(tx: Connection, job: int, rows: Sequence[Mapping[str, Any]]) -> None:
    """Put proposals into the queue; each has `number`, `kind`, `point` and `proposal`."""
    fixed = {"job_id": job, "state": "ready", "attempts": 0, "late": False}
    if rows:
        tx.execute(insert(runs), [{**fixed, **row} for row in rows])


def counts(tx: Connection, job: int) -> dict[str, int]:
    """Give how many runs are `ready`, `leased` and `told`."""
    query = select(runs.c.state, func.count()).where(runs.c.job_id == job).group_by(runs.c.state)
    found = {str(state): int(n) for state, n in tx.execute(query)}
    return {state: found.get(state, 0) for state in ("ready", "leased", "told")}


def all_counts(tx: Connection, job_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """Give the counts of several jobs."""
    query = select(runs.c.job_id, runs.c.state, func.count()).where(runs.c.job_id.in_(job_ids))
    found = {job: {"ready": 0, "leased": 0, "told": 0} for job in job_ids}
    for job, state, n in tx.execute(query.group_by(runs.c.job_id, runs.c.state)):
        found[int(job)][str(state)] = int(n)
    return found


def listed(
    tx: Connection,
    job: int,
    *,
    after: int = -1,
    limit: int | None = 100,
    state: str | None = None,
    kind: str | None = None,
    failed: bool | None = None,
) -> list[Row[Any]]:
    """Give runs with a number above `after`, in order; field data has one once it was learnt."""
    query = select(runs).where(runs.c.job_id == job, runs.c.number > after)
    if state is not None:
        query = query.where(runs.c.state == state)
    if kind is not None:
        query = query.where(runs.c.kind == kind)
    if failed is not None:
        query = query.where(runs.c.failed == failed)
    return list(tx.execute(query.order_by(runs.c.number).limit(limit)))


def news(tx: Connection, job: int) -> tuple[set[int], list[int]]:
    """Give the numbers of all told runs, and the ids of field data that waits for a number."""
    told = (runs.c.job_id == job, runs.c.state == "told")
    numbers = tx.scalars(select(runs.c.number).where(*told, runs.c.number.is_not(None)))
    waiting = tx.scalars(
        select(runs.c.id).where(*told, runs.c.number.is_(None)).order_by(runs.c.id)
    )
    return {int(n) for n in numbers}, [int(i) for i in waiting]


def take(tx: Connection, job: int, numbers: Sequence[int], ids: Sequence[int]) -> list[Row[Any]]:
    """Give told runs by their numbers, and by their ids."""
    found: list[Row[Any]] = []
    for start in range(0, max(len(numbers), len(ids)), 500):
        some, others = numbers[start : start + 500], ids[start : start + 500]
        wanted = or_(runs.c.number.in_(some), runs.c.id.in_(others))
        found += tx.execute(select(runs).where(runs.c.job_id == job, wanted)).all()
    return sorted(found, key=lambda row: (row.number is None, row.number or 0, row.id))
