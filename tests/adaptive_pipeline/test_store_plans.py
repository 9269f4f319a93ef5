"""No step of the loop reads a whole table: what each costs depends on its batch, not on the log."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event

from modelward.adaptive_pipeline import Joiner, Label, Monitor, Scored, Store, feed
from modelward.adaptive_pipeline.store.recording import Recorded, record

LARGE = {"predictions", "labels", "joined", "losses", "shadows", "conflicts"}


def serve(store: Store, *names: str, at: float = 0.0) -> None:
    with store.transaction() as tx:
        record(tx, [Recorded(name, at, '{"x": 1}', "1", "1") for name in names])


def scans(store: Store, said: list[tuple[str, Any]]) -> set[str]:
    """The plans of SQLite that go through a large table from end to end."""
    found = set()
    with store.reading() as tx:
        for statement, parameters in list(said):
            if not statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
                continue
            one = parameters[0] if isinstance(parameters, list) else parameters
            for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", one).all():
                words = str(row[3]).split()
                if words[0] == "SCAN" and words[1] in LARGE:
                    found.add(f"{row[3]}: {statement}")
    return found


@pytest.fixture
def said(store: Store) -> list[tuple[str, Any]]:
    made: list[tuple[str, Any]] = []
    event.listen(store.engine, "before_cursor_execute", lambda *a: made.append((a[2], a[3])))
    return made


def test_the_joiner_goes_by_indices(store: Store, said: list[tuple[str, Any]]) -> None:
    joiner = Joiner(store, horizon=10, clock=lambda: 0.0)
    serve(store, "a", "b")
    joiner.add([Label("a", 1), Label("a", 2), Label("early", 1), Label("a", 1, 1)])
    joiner.keep([Label("b", 1)])
    serve(store, "early", "c", at=50.0)
    joiner.sweep()
    joiner.counts()
    assert any("UPDATE labels" in statement for statement, _ in said)
    assert scans(store, said) == set()


def test_the_monitor_goes_by_indices(store: Store, said: list[tuple[str, Any]]) -> None:
    joiner, monitor = Joiner(store, clock=lambda: 0.0), Monitor(store, segments=("x",))
    serve(store, "a", "b")
    joiner.add([Label("a", 1), Label("b", 2), Label("a", 1, 1)])
    rows = feed.read(store, after=0)
    scored = [Scored(r.position, r.seq, r.at, r.row, r.revision, {"1": r.label}) for r in rows]
    with store.transaction() as tx:
        monitor.record(scored, connection=tx)
    assert len(monitor.windows("1", "x=1", mature=False)) == 1
    assert scans(store, said) == set()


def test_retention_goes_by_indices(store: Store, said: list[tuple[str, Any]]) -> None:
    joiner = Joiner(store, horizon=10, clock=lambda: 0.0)
    serve(store, "a")
    joiner.add([Label("a", 1), Label("nobody", 1)])
    serve(store, "b", at=1e6)
    joiner.sweep()
    assert joiner.expire(before=1e6).requests == 1
    assert scans(store, said) == set()
