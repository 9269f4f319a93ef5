"""The monitor: windows of event time equal what a recount gives, whatever came late or was revised."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from modelward.adaptive_pipeline import Joiner, Label, Monitor, Scored, Store, feed
from modelward.adaptive_pipeline.store.recording import Recorded, record
from modelward.adaptive_pipeline.store.schema import losses, windows
from modelward.core.errors import ConfigError
from modelward.core.metrics import Moments

WINDOW = 10.0


def serve(store: Store, rows: list[tuple[str, float, str]]) -> None:
    with store.transaction() as tx:
        record(
            tx,
            [
                Recorded(name, at, f'{{"place": "{place}", "x": 1}}', "1", "1")
                for name, at, place in rows
            ],
        )


def take(store: Store, monitor: Monitor, cursor: int) -> int:
    """Record what was joined since, as the controller does: the label is version 1's loss."""
    rows = feed.read(store, after=cursor)
    scored = [
        Scored(r.position, r.seq, r.at, r.row, r.revision, {"1": r.label, "2": r.label + 1.0})
        for r in rows
    ]
    with store.transaction() as tx:
        monitor.record(scored, connection=tx)
    return rows[-1].position if rows else cursor


@given(st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_the_windows_equal_a_recount(seed: int) -> None:
    store = Store("sqlite://")
    recount(store, random.Random(seed))
    store.close()


@pytest.mark.parametrize("seed", range(2))
def test_so_they_do_on_a_file_and_on_a_server(stores: Store, seed: int) -> None:
    recount(stores, random.Random(seed))


def recount(store: Store, draw: random.Random) -> None:
    joiner = Joiner(store, horizon=1e6, clock=lambda: 0.0)
    monitor = Monitor(store, window=WINDOW, segments=("place",))
    served: dict[str, tuple[float, str]] = {}
    kept: dict[tuple[str, int], float] = {}
    cursor = 0
    for _ in range(draw.randint(1, 8)):
        rows = [
            (f"r{len(served) + i}", draw.uniform(-5, 60), draw.choice(["north", "south"]))
            for i in range(draw.randint(0, 6))
        ]
        serve(store, rows)
        served |= {name: (at, place) for name, at, place in rows}
        for _ in range(draw.randint(0, 8)):
            name = f"r{draw.randint(0, len(served))}"
            label = Label(name, draw.uniform(0, 9), draw.choice([0, 0, 1, 2]))
            kept.setdefault((name, label.revision), label.label)
            joiner.keep([label])
        joiner.sweep()
        cursor = take(store, monitor, cursor)
    standing = {name: loss for (name, _), loss in sorted(kept.items()) if name in served}
    expected: dict[tuple[str, float], list[float]] = defaultdict(list)
    for name, loss in standing.items():
        at, place = served[name]
        start = math.floor(at / WINDOW) * WINDOW
        expected["", start].append(loss)
        expected[f"place={place}", start].append(loss)
    for more, version in enumerate(("1", "2")):
        for segment in ("", "place=north", "place=south"):
            found = monitor.windows(version, segment, mature=False)
            assert [w.start for w in found] == sorted(s for g, s in expected if g == segment)
            for window in found:
                moments = Moments.of([x + more for x in expected[segment, window.start]])
                assert window.loss.n == moments.n
                assert window.loss.mean == pytest.approx(moments.mean, rel=1e-12, abs=1e-12)
                assert window.loss.m2 == pytest.approx(moments.m2, rel=1e-9, abs=1e-9)
    assert sorted(loss for _, loss in monitor.series("1")) == sorted(standing.values())
    assert monitor.versions() == (["1", "2"] if standing else [])


def test_a_window_is_mature_when_the_watermark_has_passed_it_by_the_horizon(store: Store) -> None:
    joiner, monitor = Joiner(store, horizon=30), Monitor(store, window=WINDOW, horizon=30)
    serve(store, [("a", 5.0, "x"), ("b", 15.0, "x")])
    joiner.add([Label("a", 1.0), Label("b", 3.0)])
    take(store, monitor, 0)
    assert monitor.windows("1") == []
    for at, mature in [(39.9, 0), (40.0, 1), (49.0, 1), (50.0, 2)]:
        serve(store, [(f"at {at}", at, "x")])
        joiner.sweep()
        assert len(monitor.windows("1")) == mature
    first = monitor.windows("1")[0]
    assert (first.segment, first.start, first.end, first.loss) == ("", 0.0, 10.0, Moments.of([1.0]))


def test_the_same_joins_again_change_nothing(store: Store) -> None:
    joiner, monitor = Joiner(store), Monitor(store, window=WINDOW)
    serve(store, [("a", 5.0, "x"), ("b", 6.0, "x")])
    joiner.add([Label("a", 1.0)])
    take(store, monitor, 0)
    joiner.add([Label("b", 2.0)])
    take(store, monitor, 0)
    take(store, monitor, 0)
    assert monitor.windows("1", mature=False)[0].loss == Moments.of([1.0, 2.0])


def test_what_a_transaction_takes_back_was_never_there(store: Store) -> None:
    joiner, monitor = Joiner(store), Monitor(store, window=WINDOW, segments=("place",))
    serve(store, [("a", 5.0, "north")])
    joiner.add([Label("a", 1.0)])
    row = feed.read(store, after=0)[0]
    scored = [Scored(row.position, row.seq, row.at, row.row, row.revision, {"1": 1.0})]

    def fail() -> None:
        with store.transaction() as tx:
            monitor.record(scored, connection=tx)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert monitor.windows("1", mature=False) == []
    take(store, monitor, 0)
    assert monitor.windows("1", "place=north", mature=False)[0].loss.n == 1


def test_a_column_has_fifty_segments_and_the_others_together(store: Store) -> None:
    joiner = Joiner(store)
    serve(store, [(f"r{i}", 5.0, f"p{i:02d}") for i in range(60)] + [("long", 5.0, "y" * 200)])
    joiner.add([Label(f"r{i}", 1.0) for i in range(60)])
    cursor = take(store, Monitor(store, window=WINDOW, segments=("place",)), 0)
    monitor = Monitor(store, window=WINDOW, segments=("place", "no such column"))
    joiner.add([Label("long", 1.0)])
    serve(store, [("again", 15.0, "p49"), ("new", 15.0, "p55")])
    joiner.add([Label("again", 1.0), Label("new", 1.0)])
    take(store, monitor, cursor)
    with store.reading() as tx:
        names = set(tx.execute(select(windows.c.segment)).scalars())
    assert names == {"", "place=other"} | {f"place=p{i:02d}" for i in range(50)}
    assert [w.loss.n for w in monitor.windows("1", "place=other", mature=False)] == [11, 1]
    assert [w.loss.n for w in monitor.windows("1", "place=p49", mature=False)] == [1, 1]


def test_a_batch_takes_as_many_statements_as_it_touches_windows_not_rows(store: Store) -> None:
    from sqlalchemy import event

    joiner, monitor, said = Joiner(store), Monitor(store, window=WINDOW, segments=("place",)), []
    serve(store, [(f"r{i}", 5.0, "x") for i in range(500)])
    joiner.add([Label(f"r{i}", 1.0) for i in range(500)])
    event.listen(store.engine, "before_cursor_execute", lambda *a: said.append(a[2]))
    take(store, monitor, 0)
    assert len(said) < 15
    assert monitor.windows("1", "place=x", mature=False)[0].loss.n == 500


def test_a_huge_loss_is_kept_and_does_not_stop_the_windows(store: Store) -> None:
    joiner, monitor = Joiner(store), Monitor(store, window=WINDOW)
    serve(store, [("a", 5.0, "x"), ("b", 5.0, "x")])
    joiner.add([Label("a", 1e300), Label("b", 1.0)])
    take(store, monitor, 0)
    with store.reading() as tx:
        assert tx.scalar(select(func.max(losses.c.loss))) == 1e300
    assert monitor.windows("1", mature=False)[0].loss.n == 2


def test_windows_of_two_lengths_are_not_mixed(store: Store) -> None:
    joiner = Joiner(store)
    serve(store, [("a", 5.0, "x"), ("b", 5.0, "x")])
    joiner.add([Label("a", 1.0)])
    cursor = take(store, Monitor(store, window=10), 0)
    joiner.add([Label("b", 1.0)])
    with pytest.raises(ConfigError, match=r"expected windows of 10 seconds, .*got 20"):
        take(store, Monitor(store, window=20), cursor)
    take(store, Monitor(store, window=10), cursor)
    window = Monitor(store, window=20).windows("1", mature=False)[0]  # to read them, any will do
    assert (window.start, window.end, window.loss.n) == (0.0, 10.0, 2)


def test_windows_by_count_follow_the_order_of_service(store: Store) -> None:
    joiner, monitor = Joiner(store), Monitor(store)
    serve(store, [(f"r{i}", float(i), "x") for i in range(5)])
    joiner.add([Label(f"r{i}", float(i)) for i in (4, 2, 0, 1, 3)])
    take(store, monitor, 0)
    found = monitor.by_count("1", size=2)
    assert [(w.first, w.last, w.loss.mean) for w in found] == [
        (1, 2, 0.5),
        (3, 4, 2.5),
        (5, 5, 4.0),
    ]
    assert monitor.loss("1", first=2, last=3).mean == 1.5
    joiner.add([Label("r1", 9.0, revision=1)])
    take(store, monitor, 5)
    assert [w.loss.mean for w in monitor.by_count("1", size=2)] == [4.5, 2.5, 4.0]
    (first, second) = monitor.by_count("1", size=2, most=2)  # so that a long log gives no more
    assert (first.first, first.last, second.first, second.last) == (1, 3, 4, 5)
    assert sum(w.loss.n for w in (first, second)) == 5
    with pytest.raises(ConfigError, match="at least 2 requests, got 1"):
        monitor.by_count("1", size=1)


@pytest.mark.parametrize("wrong", [{"window": 0}, {"horizon": -1}, {"window": math.inf}])
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="above 0 seconds"):
        Monitor(Store("sqlite://"), **wrong)
