"""What the worker leaves for those who look: certainty over time, who leads, where it fails."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, case, delete, func, insert, select, update

from modelward.core.database import has_ended
from modelward.validation.server.errors import ClaimLostError
from modelward.validation.server.store.database import Database
from modelward.validation.server.store.schema import (
    explanations,
    jobs,
    runs,
    snapshots,
    workers,
)

ALIVE_SECONDS = 15.0
"""A worker that has not been seen for so long is taken for gone."""
MOST_SNAPSHOTS = 500


@dataclass(frozen=True, slots=True)
class Standing:
    """How a job stands: what a worker must know to see whether there is work."""

    job: int
    stopped: bool
    learnt: int
    told: int
    ready: int
    leased: int


def recent(database: Database, *, seconds: float) -> list[int]:
    """Give the jobs that were made, or told something, within the last seconds."""
    since = time.time() - seconds
    told = select(runs.c.job_id).where(runs.c.told >= since).distinct()
    made = select(jobs.c.id).where(jobs.c.created >= since)
    with database.reading() as tx:
        return sorted({*tx.scalars(told), *tx.scalars(made)})


def standings(database: Database, ids: Sequence[int] | None = None) -> list[Standing]:
    """Say how jobs stand: those of the ids, or all that go on."""
    states = ("told", "ready", "leased")
    columns = [func.sum(case((runs.c.state == state, 1), else_=0)) for state in states]
    query = select(jobs.c.id, jobs.c.stopped.is_not(None), jobs.c.learnt, *columns)
    wanted = jobs.c.stopped.is_(None) if ids is None else jobs.c.id.in_(ids)
    query = query.outerjoin(runs).where(wanted).group_by(jobs.c.id, jobs.c.stopped, jobs.c.learnt)
    with database.reading() as tx:
        rows = tx.execute(query.order_by(jobs.c.id)).all()
    return [
        Standing(int(job), bool(stopped), int(learnt), *(int(n or 0) for n in counts))
        for job, stopped, learnt, *counts in rows
    ]


def claim(database: Database, job: int, *, worker: str, seconds: float) -> int | None:
    """Take a job that no other worker has; give the token of it, or None."""
    now = time.time()

    def act(tx: Connection) -> int | None:
        row = tx.execute(select(jobs).where(jobs.c.id == job).with_for_update()).one_or_none()
        if row is None or (
            row.worker_until >= now and row.worker != worker and not has_ended(row.worker)
        ):
            return None
        token = int(row.worker_token) + 1
        values = {"worker": worker, "worker_until": now + seconds, "worker_token": token}
        tx.execute(update(jobs).where(jobs.c.id == job).values(**values))
        return token

    return database.written(act)


def hold(tx: Connection, job: int, token: int, *, seconds: float | None = None) -> None:
    """See within a transaction that a job is still this worker's, and keep it so until its end.

    With `seconds` the claim is prolonged (0: given back). Raises `ClaimLostError` when another has it.
    """
    mine = (jobs.c.id == job, jobs.c.worker_token == token)
    if seconds is not None:
        until = time.time() + seconds if seconds > 0 else 0.0
        held = tx.execute(update(jobs).where(*mine).values(worker_until=until)).rowcount
    else:
        held = tx.execute(select(jobs.c.id).where(*mine).with_for_update()).first() is not None
    if not held:
        raise ClaimLostError(f"expected job {job} to be this worker's, got another in its place")


def note(
    tx: Connection, job: int, told: int, *, certainty: dict[str, Any], standings: dict[str, Any]
) -> None:
    """Note how certain it is after so many told runs, and who leads."""
    tx.execute(delete(snapshots).where(snapshots.c.job_id == job, snapshots.c.told == told))
    row = {"job_id": job, "told": told, "at": time.time()}
    tx.execute(insert(snapshots).values(**row, certainty=certainty, standings=standings))


def explain(tx: Connection, job: int, told: int, content: dict[str, Any]) -> None:
    """Keep where it fails, in place of what was kept before."""
    tx.execute(delete(explanations).where(explanations.c.job_id == job))
    row = {"job_id": job, "told": told, "at": time.time(), "content": content}
    tx.execute(insert(explanations).values(**row))


def history(tx: Connection, job: int) -> list[dict[str, Any]]:
    """Give the snapshots of a job in order, at most some hundred of them: evenly, and the last."""
    counts = list(
        tx.scalars(
            select(snapshots.c.told).where(snapshots.c.job_id == job).order_by(snapshots.c.told)
        )
    )
    step = len(counts) // MOST_SNAPSHOTS + 1
    chosen = counts[::-1][::step]
    query = select(snapshots).where(snapshots.c.job_id == job, snapshots.c.told.in_(chosen))
    return [dict(row) for row in tx.execute(query.order_by(snapshots.c.told)).mappings()]


def latest(tx: Connection, job: int) -> dict[str, Any] | None:
    """Give the newest snapshot of a job."""
    query = select(snapshots).where(snapshots.c.job_id == job).order_by(snapshots.c.told.desc())
    row = tx.execute(query.limit(1)).mappings().one_or_none()
    return None if row is None else dict(row)


def explanation(tx: Connection, job: int) -> dict[str, Any] | None:
    """Give where it fails, as the worker saw it last."""
    query = select(explanations).where(explanations.c.job_id == job)
    row = tx.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)


def beat(database: Database, worker: str) -> None:
    """Say that a worker lives."""
    with database.writing() as tx:
        tx.execute(delete(workers).where(workers.c.seen < time.time() - 20 * ALIVE_SECONDS))
        database.upsert(tx, workers, [{"name": worker, "seen": time.time()}], by=["name"])


def alive(tx: Connection) -> int:
    """Give how many workers live."""
    since = time.time() - ALIVE_SECONDS
    return int(tx.scalar(select(func.count()).where(workers.c.seen >= since)) or 0)
