"""Clocks that jump, and times without traffic: what is late and missing follows the true time."""

from __future__ import annotations

import pytest

from modelward.adaptive_pipeline import JoinCounts, Joiner, Label, Monitor, Scored, Store, feed
from modelward.adaptive_pipeline.store.recording import Recorded, record
from modelward.core.errors import DataError

YEAR = 3.15e7


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def joiner(store: Store, clock: Clock) -> Joiner:
    return Joiner(store, horizon=100, idle=10, clock=clock)


def serve(store: Store, **at: float) -> None:
    with store.transaction() as tx:
        record(tx, [Recorded(name, when, '{"x": 1}', "1", "1") for name, when in at.items()])


def stands(joiner: Joiner, **expected: int) -> None:
    assert joiner.counts() == JoinCounts(**expected)


def test_a_request_from_the_far_future_ends_nobody_elses_time(
    store: Store, joiner: Joiner, clock: Clock
) -> None:
    serve(store, a=1_000.0, b=1_000.0 + YEAR)
    joiner.sweep()
    assert joiner.watermark == 1_010.0
    clock.now = 1_050.0
    joiner.add([Label("a", 1), Label("b", 1)])
    stands(joiner, joined=2)
    without = Joiner(store, horizon=100, clock=clock)  # goes by what it sees alone
    serve(store, c=1_060.0, d=1_060.0 + YEAR)
    without.add([Label("c", 1)])
    without.add([Label("c", 1, revision=1)])
    assert without.watermark == 1_060.0 + YEAR


def test_without_traffic_what_is_due_becomes_missing(
    store: Store, joiner: Joiner, clock: Clock
) -> None:
    serve(store, a=1_000.0)
    joiner.sweep()
    clock.now = 1_109.0
    joiner.sweep()
    stands(joiner, waiting=1)
    clock.now = 1_130.0
    joiner.sweep()
    stands(joiner, missing=1)
    joiner.add([Label("a", 1)])
    stands(joiner, late=1)


def test_a_clock_that_was_a_year_ahead_for_a_while_leaves_no_trace_in_the_counts(
    store: Store, joiner: Joiner, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    serve(store, a=1_000.0, b=1_001.0, old=890.0)
    joiner.add([Label("a", 1)])
    stands(joiner, joined=1, waiting=1, missing=1)
    clock.now += YEAR
    joiner.sweep()
    stands(joiner, joined=1, missing=2)
    clock.now = 1_020.0
    serve(store, c=1_020.0)
    joiner.sweep()
    assert "ahead of the clock" in caplog.text
    stands(joiner, joined=1, waiting=2, missing=1)
    assert joiner.watermark == 1_020.0
    joiner.add([Label("b", 1), Label("c", 1), Label("old", 1)])
    stands(joiner, joined=3, late=1)


def test_what_was_late_by_a_wrong_clock_stays_late_and_is_counted_once(
    store: Store, joiner: Joiner, clock: Clock
) -> None:
    serve(store, a=1_000.0, b=1_000.0)
    joiner.sweep()
    clock.now += YEAR
    joiner.sweep()
    joiner.add([Label("a", 1)])
    stands(joiner, late=1, missing=1)
    clock.now = 1_010.0
    joiner.sweep()
    stands(joiner, late=1, waiting=1)
    clock.now = 1_200.0
    joiner.sweep()
    stands(joiner, late=1, missing=1)


def test_where_all_stands_still_nothing_is_written(
    store: Store, joiner: Joiner, clock: Clock
) -> None:
    serve(store, a=1_000.0)
    joiner.sweep()
    before = store.load_state("joiner")
    clock.now = 1_015.0  # within twice the idle time
    joiner.sweep()
    assert store.load_state("joiner") == before


def test_a_correction_after_the_horizon_reaches_the_window_and_a_first_label_does_not(
    store: Store, clock: Clock
) -> None:
    joiner, monitor = Joiner(store, horizon=100, clock=clock), Monitor(store, window=1_000.0)
    serve(store, a=1_000.0, b=1_001.0, c=1_002.0)
    joiner.add([Label("a", 1.0), Label("b", 2.0)])
    serve(store, later=5_000.0)
    joiner.sweep()
    joiner.add([Label("a", 4.0, revision=1), Label("c", 9.0), Label("c", 8.0, revision=1)])
    rows = feed.read(store, after=0)
    assert [(row.seq, row.revision, row.late) for row in rows] == [
        (1, 0, False),
        (2, 0, False),
        (1, 1, True),
        (3, 0, True),
        (3, 1, True),
    ]
    for part in (rows[:2], rows[2:]):
        scored = [
            Scored(r.position, r.seq, r.at, r.row, r.revision, {"1": r.label}, late=r.late)
            for r in part
        ]
        with store.transaction() as tx:
            monitor.record(scored, connection=tx)
    (window,) = monitor.windows("1", mature=False)
    assert (window.loss.n, window.loss.mean) == (2, 3.0)
    counts = joiner.counts()
    assert (counts.joined, counts.late, counts.revised) == (2, 1, 2)


@pytest.mark.parametrize("idle", [0.0, -1.0, float("inf"), float("nan")])
def test_an_odd_idle_time_is_named(store: Store, idle: float) -> None:
    with pytest.raises(DataError, match="an idle time above 0 seconds"):
        Joiner(store, idle=idle)
