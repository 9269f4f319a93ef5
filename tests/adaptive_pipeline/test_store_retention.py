"""Retention: whole days go, and nothing that somebody still waits for or has not read."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from sqlalchemy import Table, func, select

from modelward.adaptive_pipeline import JoinCounts, Joiner, Label, Monitor, Scored, Store, feed
from modelward.adaptive_pipeline.store import retention, schema
from modelward.adaptive_pipeline.store.recording import Recorded, record
from modelward.adaptive_pipeline.store.retention import DAY, Expired

NOON = DAY / 2


def serve(store: Store, *rows: tuple[str, float]) -> None:
    with store.transaction() as tx:
        record(tx, [Recorded(name, at, "{}", "1", "1") for name, at in rows])
        for name, _ in rows:
            seq = tx.scalar(
                select(schema.predictions.c.seq).where(schema.predictions.c.request_id == name)
            )
            tx.execute(schema.shadows.insert().values(seq=seq, version="2", prediction=1))


def names(store: Store) -> list[str]:
    query = select(schema.predictions.c.request_id).order_by(schema.predictions.c.seq)
    with store.reading() as tx:
        return list(tx.execute(query).scalars())


def size(store: Store, table: Table) -> int:
    with store.reading() as tx:
        return int(tx.scalar(select(func.count()).select_from(table)) or 0)


def take(store: Store, monitor: Monitor) -> None:
    rows = feed.read(store, after=0)
    scored = [Scored(r.position, r.seq, r.at, r.row, r.revision, {"1": r.label}) for r in rows]
    with store.transaction() as tx:
        monitor.record(scored, connection=tx)


@pytest.fixture
def days(stores: Store) -> tuple[Store, Joiner]:
    """Three days of two requests each, labelled, revised and contradicted, seen from day 10."""
    now = [NOON]
    joiner = Joiner(stores, horizon=DAY, clock=lambda: now[0])
    for day in range(3):
        now[0] = day * DAY + NOON
        serve(stores, (f"labelled {day}", now[0]), (f"missing {day}", now[0]))
        name = f"labelled {day}"
        joiner.add([Label(name, 1.0), Label(name, 2.0), Label(name, 3.0, 1)])
        joiner.add([Label(f"nobody {day}", 1.0), Label(f"nobody {day}", 2.0)])
    take(stores, Monitor(stores, window=2 * DAY))
    serve(stores, ("now", 10 * DAY))
    joiner.sweep()
    return stores, joiner


def test_whole_days_go_with_all_that_belongs_to_them(days: tuple[Store, Joiner]) -> None:
    store, joiner = days
    before = joiner.counts()
    assert joiner.expire(before=2 * DAY + NOON) == Expired(requests=4, orphans=2)
    assert names(store) == ["labelled 2", "missing 2", "now"]
    sizes = {"labels": 3, "conflicts": 2, "joined": 2, "losses": 2, "shadows": 3}
    assert {name: size(store, schema.metadata.tables[name]) for name in sizes} == sizes
    assert joiner.counts() == before
    assert joiner.expire(before=2 * DAY + NOON) == Expired()


def test_windows_stay_also_where_a_correction_comes_for_what_is_left(
    days: tuple[Store, Joiner],
) -> None:
    store, joiner = days
    monitor = Monitor(store, window=2 * DAY)
    kept = monitor.windows("1", mature=False)
    assert [window.loss.n for window in kept] == [2, 1]
    assert joiner.expire(before=DAY).requests == 2  # half of the first window
    joiner.add([Label("labelled 1", 9.0, 2)])
    take(store, monitor)
    assert monitor.windows("1", mature=False) == kept


def test_what_the_horizon_has_not_passed_stays(days: tuple[Store, Joiner]) -> None:
    store, _ = days
    patient = Joiner(store, horizon=9 * DAY)
    assert patient.expire(before=100 * DAY) == Expired(requests=6, orphans=3)
    assert names(store) == ["now"]
    assert patient.expire(before=100 * DAY) == Expired()


def test_nothing_goes_before_the_first_horizon(stores: Store) -> None:
    joiner = Joiner(stores, horizon=DAY)
    assert joiner.expire(before=1e12) == Expired()
    serve(stores, ("a", NOON))
    joiner.sweep()
    assert joiner.expire(before=1e12) == Expired()
    assert names(stores) == ["a"]


def test_what_the_controller_has_not_read_stays(days: tuple[Store, Joiner]) -> None:
    store, joiner = days
    store.save_state("controller", {"cursor": 1})
    assert joiner.expire(before=3 * DAY) == Expired(requests=3, orphans=3)
    assert names(store) == ["labelled 0", "labelled 1", "labelled 2", "now"]
    store.save_state("controller", {"cursor": 6})
    assert joiner.expire(before=3 * DAY).requests == 3


def test_what_the_joiner_has_not_looked_at_stays(days: tuple[Store, Joiner]) -> None:
    store, joiner = days
    serve(store, ("old", NOON))
    assert joiner.expire(before=3 * DAY).requests == 6
    assert names(store) == ["now", "old"]
    assert joiner.add([Label("old", 1.0)]) == 1
    assert joiner.expire(before=3 * DAY).requests == 1


def test_it_goes_day_by_day_in_parts_and_on_after_a_stop(days: tuple[Store, Joiner]) -> None:
    store, joiner = days
    parts: list[int] = []
    delete = retention._delete

    def noted(tx: Any, rows: Any) -> None:
        if len(parts) == 2:
            parts.append(0)
            raise InterruptedError
        delete(tx, rows)
        parts.append(len(rows))

    with mock.patch.object(retention, "_delete", noted):
        with pytest.raises(InterruptedError):
            joiner.expire(before=3 * DAY, chunk=1)
        assert names(store) == ["labelled 1", "missing 1", "labelled 2", "missing 2", "now"]
        joiner.expire(before=3 * DAY, chunk=50)
    assert parts == [1, 1, 0, 2, 2]
    assert names(store) == ["now"]


def test_a_label_for_what_is_gone_is_an_orphan(days: tuple[Store, Joiner]) -> None:
    store, joiner = days
    joiner.expire(before=3 * DAY)
    before = joiner.counts()
    late = Joiner(store, horizon=DAY, clock=lambda: NOON)
    assert late.add([Label("labelled 0", 1.0), Label("missing 0", 1.0)]) == 0
    counts = joiner.counts()
    assert (counts.orphan, counts.parked) == (before.orphan + 2, before.parked)
    assert counts.joined == before.joined == 3
    assert counts == JoinCounts(joined=3, waiting=1, missing=3, orphan=5, conflict=6, revised=3)
