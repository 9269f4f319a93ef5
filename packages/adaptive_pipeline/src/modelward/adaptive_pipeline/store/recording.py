"""Recording: many predictions at once, with as little between them and the disk as possible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection

_ALONE = "SELECT pg_advisory_xact_lock('predictions'::regclass::oid::bigint)"


class Recorded(NamedTuple):
    """One answered request, as it is written: the fields of the table `predictions` without `seq`.

    `row` and `prediction` are JSON texts, encoded by who has them at hand; a failed answer has an
    `error` and no prediction.
    """

    request_id: str
    at: float
    row: str
    version: str
    prediction: str | None = None
    error: str | None = None
    latency: float | None = None
    experiment: str | None = None
    unit: str | None = None
    arm: str | None = None
    probability: float | None = None
    fallback: str | None = None


def record(connection: Connection, rows: Sequence[Recorded]) -> int:
    """Write predictions, and give how many were new: a request id that is known stays as it was.

    >>> from modelward.adaptive_pipeline import Store
    >>> store, row = Store("sqlite://"), Recorded("r1", 0.0, '{"x": 1}', "1", "2.5")
    >>> with store.transaction() as tx:
    ...     record(tx, [row, row])
    1
    """
    if not rows:
        return 0
    mark = "%s" if connection.dialect.name == "postgresql" else "?"
    columns = ", ".join(f'"{name}"' for name in Recorded._fields)
    marks = ", ".join([mark] * len(Recorded._fields))
    statement = f"INSERT INTO predictions ({columns}) VALUES ({marks}) ON CONFLICT DO NOTHING"  # noqa: S608 - our own names
    return int(connection.exec_driver_sql(statement, list(rows)).rowcount)


def newest(connection: Connection) -> int:
    """Give the number up to which every prediction is there to be read; none below comes later.

    On PostgreSQL numbers are given out before they are committed: this waits for those who record
    just now (see `schema.RECORDING`), so call it in a short transaction of its own.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_ALONE)
    return int(connection.exec_driver_sql("SELECT max(seq) FROM predictions").scalar() or 0)
