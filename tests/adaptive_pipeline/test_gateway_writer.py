"""The writer: shared commits, a database that is away, rows it will not take, a full queue."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, select

from modelward.adaptive_pipeline import Gateway, Scorer, Serving, Store
from modelward.adaptive_pipeline.gateway.writer import Writer
from modelward.adaptive_pipeline.store.recording import Recorded
from modelward.adaptive_pipeline.store.schema import predictions
from modelward.core.errors import ServiceError

DOUBLE = Scorer("1", lambda frame: frame["x"] * 2, ("x",))


@pytest.fixture
def impatient(tmp_path: Path) -> Any:
    """A store that waits for a lock for a moment alone."""
    made = Store(f"sqlite:///{tmp_path / 'pipeline.db'}", busy_timeout=0.05)
    yield made
    made.close()


def row(name: str) -> Recorded:
    return Recorded(name, 0.0, '{"x": 1}', "1", "2")


def names(store: Store) -> list[str]:
    with store.reading() as tx:
        return list(tx.scalars(select(predictions.c.request_id).order_by(predictions.c.seq)))


def until(condition: Callable[[], bool]) -> None:
    end, never = time.monotonic() + 20, threading.Event()
    while not condition():
        assert time.monotonic() < end, "it does not come"
        never.wait(0.005)


def commits(store: Store) -> list[Any]:
    seen: list[Any] = []
    event.listen(store.engine, "commit", seen.append)
    return seen


def test_rows_are_written_in_order_by_few_commits(store: Store) -> None:
    writer, seen = Writer(store), commits(store)
    for number in range(1_200):
        writer.put(row(f"r{number}"))
    writer.close()
    assert names(store) == [f"r{number}" for number in range(1_200)]
    assert len(seen) <= 8  # 500 rows at most each, and what the intervals divide


def test_batch_writes_by_itself_when_nothing_more_comes(store: Store) -> None:
    writer = Writer(store, interval=0.01)
    writer.put(row("r"))
    until(lambda: names(store) == ["r"])
    writer.close()


def test_sync_tells_each_when_it_is_written_and_shares_commits(store: Store) -> None:
    writer, seen, told = Writer(store, durability="sync"), commits(store), []
    held = threading.Event()

    def first(outcome: str) -> None:
        held.wait(20)  # the others come meanwhile
        told.append(outcome)

    writer.put(row("r0"), first)
    until(lambda: len(seen) == 1)
    for number in range(1, 100):
        writer.put(row(f"r{number}"), told.append)
    held.set()
    until(lambda: len(told) == 100)
    assert set(told) == {"written"}
    assert len(seen) == 2
    writer.close()


def test_sync_waits_for_the_disk(store: Store) -> None:
    with store.reading() as tx:
        assert tx.exec_driver_sql("PRAGMA synchronous").scalar() == 1  # NORMAL
    Writer(store, durability="sync")
    with store.reading() as tx:
        assert tx.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL


@pytest.mark.parametrize("durability", ["batch", "sync"])
def test_a_locked_database_is_waited_for_and_nothing_is_lost(
    impatient: Store, durability: Any
) -> None:
    writer, told = Writer(impatient, durability=durability, interval=0.01), []
    locking = sqlite3.connect(str(impatient.engine.url.database), isolation_level=None)
    locking.execute("BEGIN EXCLUSIVE")
    for number in range(50):
        writer.put(row(f"r{number}"), told.append)
    until(lambda: writer.failure is not None)
    assert (writer.waiting, told) == (50, [])
    writer.put(row("r50"), told.append)
    locking.execute("ROLLBACK")
    locking.close()
    until(lambda: len(told) == 51)
    assert writer.failure is None
    writer.close()
    assert names(impatient) == [f"r{number}" for number in range(51)]


def test_a_server_that_drops_its_connections_loses_nothing(postgres: str) -> None:
    store, other = Store(postgres), Store(postgres)
    writer, told = Writer(store, durability="sync"), []
    end_all = (
        "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation "
        "WHERE c.oid = 'predictions'::regclass AND l.pid <> pg_backend_pid()"
    )
    with other.transaction() as tx:
        tx.exec_driver_sql("LOCK TABLE predictions IN ACCESS EXCLUSIVE MODE")
        for number in range(20):
            writer.put(row(f"r{number}"), told.append)
        until(lambda: bool(tx.exec_driver_sql(end_all).all()))  # the one who waits for the lock
        until(lambda: writer.failure is not None)
    until(lambda: len(told) == 20)
    writer.close()
    assert names(store) == [f"r{number}" for number in range(20)]
    assert writer.repeated == writer.refused == 0
    store.close()
    other.close()


def test_a_database_that_is_away_for_too_long_takes_no_more(impatient: Store) -> None:
    writer = Writer(impatient, interval=0.0, patience=0.2)
    locking = sqlite3.connect(str(impatient.engine.url.database), isolation_level=None)
    locking.execute("BEGIN EXCLUSIVE")
    writer.put(row("first"))

    def full() -> bool:
        try:
            writer.put(row("more"))
        except ServiceError as error:
            return "wait to be written" in str(error)
        return False

    until(full)
    with pytest.raises(ServiceError, match=r"within 0\.1 seconds, got: expected the database"):
        writer.close(timeout=0.1)
    locking.execute("ROLLBACK")
    locking.close()
    writer.close()
    assert names(impatient) == ["first", "more"]
    assert writer.repeated > 0  # of "more", which was given again and again


def test_a_full_queue_takes_no_more(store: Store) -> None:
    writer = Writer(store, interval=30.0, limit=3)
    for number in range(3):
        writer.put(row(f"r{number}"))
    with pytest.raises(ServiceError, match="got 3 that wait to be written"):
        writer.put(row("r3"))
    writer.close()  # without waiting for the interval
    assert names(store) == ["r0", "r1", "r2"]


def test_a_row_that_cannot_be_written_keeps_no_other_waiting(store: Store) -> None:
    writer, told = Writer(store), {}
    for name, text in [("a", "1"), ("b", None), ("c", "3")]:
        bad = row(name)._replace(row=text)  # type: ignore[arg-type] - a row must not be NULL
        writer.put(bad, lambda outcome, name=name: told.update({name: outcome}))
    writer.close()
    assert told == {"a": "written", "b": "refused", "c": "written"}
    assert names(store) == ["a", "c"]
    assert writer.refused == 1


def test_it_goes_on_after_it_was_closed(store: Store) -> None:
    writer = Writer(store)
    for name in ("a", "b"):
        writer.put(row(name))
        writer.close()
    writer.close()
    assert names(store) == ["a", "b"]


def test_a_locked_database_over_http(impatient: Store, call: Any) -> None:
    """Batch goes on answering and is not ready; sync says when to come again."""
    batch = Gateway(impatient, Serving(DOUBLE), interval=0.0)
    sync = Gateway(impatient, Serving(DOUBLE), durability="sync", patience=0.2)
    locking = sqlite3.connect(str(impatient.engine.url.database), isolation_level=None)
    locking.execute("BEGIN EXCLUSIVE")
    body = {"row": {"x": 2}}
    assert call(batch.app, "POST", "/predict", json=body).status_code == 200
    late = call(sync.app, "POST", "/predict", json={**body, "request_id": "again"})
    assert (late.status_code, late.headers["Retry-After"]) == (503, "1")
    assert "same id" in late.json()["detail"]
    until(lambda: batch.writer.failure is not None)
    assert call(batch.app, "GET", "/readyz").status_code == 503
    labels = call(batch.app, "POST", "/labels", json={"request_id": "r", "label": 1})
    assert (labels.status_code, labels.headers["Retry-After"]) == (503, "1")
    locking.execute("ROLLBACK")
    locking.close()
    sync.writer.patience = 20.0
    again = call(sync.app, "POST", "/predict", json={**body, "request_id": "again"})
    assert again.json() == {"request_id": "again", "prediction": 4, "version": "1"}
    batch.close()
    sync.close()
    with impatient.reading() as tx:
        assert tx.scalar(select(func.count()).select_from(predictions)) == 2
