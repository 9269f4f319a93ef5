"""Telling: each outcome is kept once, however often and however late it comes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from modelward.validation.server.errors import ConflictError, NotFoundError
from modelward.validation.server.store.database import Database
from modelward.validation.server.store.schema import runs

KEPT, AGAIN, REPEAT = "kept", "again", "repeat"
"""An outcome is new; was told before just so; or is a second, other one of a run that ran twice."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came back from a run: `results` by output name, or why there are none.

    `lease` is the token under which the run was given out, where the teller knows it.
    """

    number: int
    results: dict[str, float] | None
    crash: str | None
    failed: bool
    lease: str | None = None


def tell(database: Database, job: int, outcomes: Sequence[Outcome]) -> list[str]:
    """Keep outcomes, all or none, and say of each what became of it.

    A run whose lease had run out is told all the same, and marked as late. Where it was given out
    again and both tell, the first counts; the other, if it differs, is kept as field data of the
    same point. Raises `NotFoundError` for a number the job has not, `ConflictError` for a second
    result that differs under the same lease, or without one.
    """
    # In one order for all, so that two tellers never wait for each other in a circle.
    order = sorted(range(len(outcomes)), key=lambda i: outcomes[i].number)

    def act(tx: Connection) -> list[str]:
        now, became = time.time(), [""] * len(outcomes)
        for i in order:
            became[i] = _one(tx, job, outcomes[i], now)
        return became

    return database.written(act)


def _one(tx: Connection, job: int, outcome: Outcome, now: float) -> str:
    mine = (runs.c.job_id == job, runs.c.number == outcome.number)
    row = tx.execute(select(runs).where(*mine).with_for_update()).one_or_none()
    if row is None:
        raise NotFoundError(
            f"expected a run of this job, got none with the number {outcome.number}"
        )
    if row.state == "told":
        return _second(tx, row, outcome, now)
    another = outcome.lease is not None and outcome.lease != row.lease
    over = row.lease_until is None or row.lease_until < now
    tx.execute(
        update(runs)
        .where(runs.c.id == row.id)
        .values(
            state="told",
            results=outcome.results,
            crash=outcome.crash,
            failed=outcome.failed,
            told=now,
            late=another or (over and row.attempts > 0),
            # Whose result it is that counts, should the other holder tell as well.
            lease=outcome.lease or row.lease,
        )
    )
    return KEPT


def _second(tx: Connection, row: Any, outcome: Outcome, now: float) -> str:
    if (row.results, row.crash) == (outcome.results, outcome.crash):
        return AGAIN
    if outcome.lease is None or outcome.lease == row.lease:
        raise ConflictError(
            f"expected one outcome of run {outcome.number}, got {outcome.results or outcome.crash} "
            f"after {row.results or row.crash} was told",
            hint="a point that was measured again is field data.",
        )
    entry = f"{outcome.lease}/{outcome.number}"
    known = select(runs.c.id).where(runs.c.job_id == row.job_id, runs.c.entry_key == entry)
    if tx.execute(known).first() is None:
        field = {"point": row.point, "results": outcome.results, "crash": outcome.crash}
        tx.execute(insert(runs).values(**_field(row.job_id, field, outcome.failed, entry, now)))
    return REPEAT


def enter(
    database: Database, job: int, rows: Sequence[tuple[Mapping[str, Any], bool]], *, request: str
) -> int:
    """Keep field data: points with `results` or `crash`, and whether each failed.

    A `request` that comes again changes nothing. Gives how many rows are kept under it.
    """
    entries = [f"{request}/{i}" for i in range(len(rows))]

    def act(tx: Connection) -> int:
        first = (runs.c.job_id == job, runs.c.entry_key == entries[0])
        if tx.execute(select(runs.c.id).where(*first)).first() is None:
            now = time.time()
            tx.execute(
                insert(runs),
                [
                    _field(job, row, failed, entry, now)
                    for (row, failed), entry in zip(rows, entries, strict=True)
                ],
            )
        return len(rows)

    if not rows:
        return 0
    try:
        return database.written(act)
    except IntegrityError:
        return len(rows)  # the same request, at the same moment: the other one kept it


def _field(
    job: int, row: Mapping[str, Any], failed: bool, entry: str, now: float
) -> dict[str, Any]:
    return {
        "job_id": job,
        "kind": "field",
        "state": "told",
        "attempts": 0,
        "late": False,
        "point": row["point"],
        "results": row.get("results"),
        "crash": row.get("crash"),
        "failed": failed,
        "told": now,
        "entry_key": entry,
    }
