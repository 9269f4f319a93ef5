"""The writer's promises under a database held by another process, a full queue, and its own end."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from modelward.adaptive_pipeline import Gateway, Scorer, Serving, Store
from modelward.adaptive_pipeline.gateway.writer import Writer
from modelward.adaptive_pipeline.store.recording import Recorded
from modelward.adaptive_pipeline.store.schema import predictions

DOUBLE = Scorer("1", lambda frame: frame["x"] * 2, ("x",))

HOLDER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
database.execute("ROLLBACK")
"""


@pytest.fixture
def impatient(tmp_path: Path) -> Iterator[Store]:
    """A store that waits for a lock for a moment alone."""
    made = Store(f"sqlite:///{tmp_path / 'pipeline.db'}", busy_timeout=0.05)
    yield made
    made.close()


@contextmanager
def held(store: Store) -> Iterator[None]:
    """Let another process write, and not come to an end."""
    command = [sys.executable, "-c", HOLDER, str(store.engine.url.database)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield
        finally:
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.wait(20) == 0


def until(condition: Callable[[], bool]) -> None:
    end, never = time.monotonic() + 20, threading.Event()
    while not condition():
        assert time.monotonic() < end, "it does not come"
        never.wait(0.005)


def row(name: str) -> Recorded:
    return Recorded(name, 0.0, '{"x": 1}', "1", "2")


def names(store: Store) -> list[str]:
    with store.reading() as tx:
        return list(tx.scalars(select(predictions.c.request_id).order_by(predictions.c.seq)))


def count(store: Store, name: str) -> int:
    query = select(func.count()).where(predictions.c.request_id == name)
    with store.reading() as tx:
        return int(tx.scalar(query) or 0)


def test_batch_answers_while_another_process_holds_the_database(
    impatient: Store, call: Any
) -> None:
    gateway = Gateway(impatient, Serving(DOUBLE), interval=0.0)
    app = gateway.app
    with held(impatient):
        for number in range(60):
            body = {"row": {"x": number}, "request_id": f"r{number}"}
            answer = call(app, "POST", "/predict", json=body)
            assert (answer.status_code, answer.json()["prediction"]) == (200, 2 * number)
        until(lambda: gateway.writer.failure is not None)
        assert gateway.writer.waiting == 60
        assert names(impatient) == []
    until(lambda: gateway.writer.waiting == 0)
    gateway.close()
    assert names(impatient) == [f"r{number}" for number in range(60)]


def test_sync_answers_once_another_process_lets_go(impatient: Store, call: Any) -> None:
    gateway = Gateway(impatient, Serving(DOUBLE), durability="sync", patience=20.0)
    app = gateway.app
    with ThreadPoolExecutor(1) as pool:
        with held(impatient):
            asked = pool.submit(call, app, "POST", "/predict", json={"row": {"x": 2}})
            until(lambda: gateway.writer.failure is not None)
            assert not asked.done()
        assert asked.result(20).json()["prediction"] == 4
    gateway.close()
    assert len(names(impatient)) == 1


def test_a_full_queue_is_told_over_http_and_empties_again(impatient: Store, call: Any) -> None:
    gateway = Gateway(impatient, Serving(DOUBLE), interval=0.0, limit=5)
    app = gateway.app

    def ask(name: str) -> Any:
        return call(app, "POST", "/predict", json={"row": {"x": 1}, "request_id": name})

    with held(impatient):
        assert [ask(f"r{number}").status_code for number in range(5)] == [200] * 5
        full = ask("r5")
        assert (full.status_code, full.headers["Retry-After"]) == (503, "1")
        assert full.headers["content-type"] == "application/problem+json"
        assert "got 5 that wait to be written" in full.json()["detail"]
        assert ask("r0").status_code == 200  # known: there is nothing to write
    until(lambda: gateway.writer.waiting == 0)
    assert ask("r5").status_code == 200
    gateway.close()
    assert names(impatient) == [f"r{number}" for number in range(6)]


def test_sync_tells_nobody_before_the_row_can_be_read(store: Store) -> None:
    """Another connection finds the row at the moment its caller is told."""
    writer, other, found = Writer(store, durability="sync"), Store(store.url), []
    for number in range(30):
        name = f"r{number}"
        writer.put(row(name), lambda _, name=name: found.append(count(other, name)))
    writer.close()
    assert found == [1] * 30
    other.close()


def test_ids_that_come_again_are_counted_and_the_first_stays(stores: Store) -> None:
    writer, told = Writer(stores, durability="sync"), []
    for text in ("2", "3", "4"):
        writer.put(row("same")._replace(prediction=text), told.append)
        writer.close()  # each in a commit of its own
    writer.put(row("other"), told.append)
    writer.close()
    assert told == ["written", "repeated", "repeated", "written"]
    assert writer.repeated == 2
    assert names(stores) == ["same", "other"]
    with stores.reading() as tx:
        assert tx.scalar(select(predictions.c.prediction)) == 2


def test_rows_given_while_it_closes_are_written_and_none_is_forgotten(store: Store) -> None:
    """Some give rows, another closes again and again: what was taken comes into the store."""
    writer, stop = Writer(store, interval=0.0), threading.Event()

    def give(client: int) -> None:
        for number in range(300):
            writer.put(row(f"{client}/{number}"))

    def close() -> None:
        while not stop.is_set():
            writer.close()

    with ThreadPoolExecutor(4) as pool:
        closing = pool.submit(close)
        for done in [pool.submit(give, client) for client in range(3)]:
            done.result(60)
        stop.set()
        closing.result(60)
    until(lambda: writer.waiting == 0)  # without another row or another close
    assert len(names(store)) == 900
    writer.put(row("after"))
    writer.close()
    assert names(store)[-1] == "after"
