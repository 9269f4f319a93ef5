"""The joiner: any order, any repeats, and what the counts say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sqlalchemy import select

from modelward.adaptive_pipeline import Gateway, JoinCounts, Joiner, Label, Scorer, Serving, Store
from modelward.adaptive_pipeline.store.recording import Recorded, record
from modelward.adaptive_pipeline.store.schema import joined, predictions
from modelward.core.errors import DataError


def serve(store: Store, *names: str, at: float = 0.0, error: str | None = None) -> None:
    rows = [Recorded(name, at, '{"x": 1}', "1", None if error else "1", error) for name in names]
    with store.transaction() as tx:
        record(tx, rows)


def content(store: Store) -> dict[str, tuple[Any, int]]:
    """What stands: the label of the highest revision of each request."""
    query = (
        select(predictions.c.request_id, joined.c.label, joined.c.revision)
        .join(predictions, predictions.c.seq == joined.c.seq)
        .order_by(joined.c.revision)
    )
    with store.reading() as tx:
        return {name: (label, revision) for name, label, revision in tx.execute(query)}


def test_it_joins_what_the_gateway_recorded(store: Store) -> None:
    Gateway(store, Serving(Scorer("1", lambda frame: frame["x"]))).predict({"x": 1}, "r")
    assert Joiner(store).add([Label("r", np.float64(0.5))]) == 1
    assert content(store) == {"r": (0.5, 0)}


def test_a_contradiction_is_counted_once_and_the_first_label_stands(store: Store) -> None:
    serve(store, "r")
    joiner = Joiner(store)
    assert joiner.add([Label("r", 1), Label("r", 2), Label("r", 2)]) == 1
    joiner.add([Label("r", 2), Label("r", 1.0), Label("r", True)])
    assert content(store) == {"r": (1, 0)}
    counts = joiner.counts()
    assert (counts.joined, counts.conflict, counts.duplicates) == (1, 2, 3)


def test_each_revision_is_one_join_and_the_highest_stands(store: Store) -> None:
    serve(store, "r")
    joiner = Joiner(store)
    joiner.add([Label("r", "a")])
    assert joiner.add([Label("r", "c", 2)]) == 0
    joiner.add([Label("r", "b", 1)])
    assert content(store) == {"r": ("c", 2)}
    assert joiner.counts() == JoinCounts(joined=1, revised=1)
    with store.reading() as tx:
        log = tx.execute(select(joined.c.position, joined.c.revision).order_by("position")).all()
    assert [tuple(row) for row in log] == [(1, 0), (2, 2), (3, 1)]


def test_a_prediction_past_the_horizon_is_missing_until_its_late_label(store: Store) -> None:
    joiner = Joiner(store, horizon=10)
    serve(store, "old", at=100)
    joiner.sweep()
    assert joiner.counts() == JoinCounts(waiting=1)
    serve(store, "edge", at=100.5)
    serve(store, "new", at=110)
    joiner.sweep()
    assert joiner.counts() == JoinCounts(waiting=2, missing=1)
    assert joiner.add([Label("old", 1), Label("edge", 1)]) == 2
    assert joiner.counts() == JoinCounts(joined=1, late=1, waiting=1)
    with store.reading() as tx:
        assert tx.execute(select(joined.c.late).order_by(joined.c.seq)).scalars().all() == [
            True,
            False,
        ]


def test_a_label_kept_in_time_is_not_late_when_the_joiner_was_away(store: Store) -> None:
    joiner = Joiner(store, horizon=10)
    serve(store, "a", at=100)
    assert joiner.keep([Label("a", 1)]) == 1
    assert joiner.counts() == JoinCounts(waiting=1)
    serve(store, "b", at=200)
    assert joiner.sweep() == 1
    assert joiner.counts() == JoinCounts(joined=1, waiting=1)


def test_lateness_keeps_the_watermark_behind_and_it_never_goes_back(store: Store) -> None:
    joiner = Joiner(store, horizon=10, lateness=5)
    assert joiner.watermark is None
    serve(store, "a", at=100)
    joiner.sweep()
    assert joiner.watermark == 95
    serve(store, "b", at=50)
    joiner.sweep()
    assert joiner.watermark == 95
    assert joiner.counts() == JoinCounts(waiting=1, missing=1)  # b came too late to be waited for
    serve(store, "c", at=111)
    joiner.sweep()
    assert joiner.counts() == JoinCounts(waiting=2, missing=1)  # 111 - 5 - 10 has not reached a
    assert Joiner(store, horizon=10, lateness=1_000).sweep() == 0
    serve(store, "d", at=112)
    Joiner(store, horizon=10, lateness=1_000).sweep()
    assert joiner.watermark == 106


def test_a_parked_label_becomes_an_orphan_and_still_joins(store: Store) -> None:
    now = [100.0]
    joiner = Joiner(store, horizon=10, clock=lambda: now[0])
    joiner.add([Label("early", 1), Label("early", 2, 1)])
    assert joiner.counts() == JoinCounts(parked=2)
    serve(store, "other", at=111)
    joiner.sweep()
    assert joiner.counts() == JoinCounts(waiting=1, orphan=2)
    serve(store, "early", at=111)
    assert joiner.sweep() == 1
    assert joiner.counts() == JoinCounts(joined=1, revised=1, waiting=1)


def test_a_label_for_a_failed_request_is_an_orphan(store: Store) -> None:
    joiner = Joiner(store, clock=lambda: 0.0)
    joiner.add([Label("early", 1)])
    serve(store, "early", "failed", error="boom")
    assert joiner.add([Label("failed", 1)]) == 0
    assert joiner.counts() == JoinCounts(failed=2, orphan=2)


def test_the_order_of_joining_is_arrival_then_service_then_revision(store: Store) -> None:
    now = [5.0]
    joiner = Joiner(store, clock=lambda: now[0])
    joiner.keep([Label("c", 1), Label("a", 1, 1), Label("a", 1)])
    now[0] = 4.0
    joiner.keep([Label("b", 1)])
    serve(store, "a", "b", "c")
    joiner.sweep()
    query = select(joined.c.seq, joined.c.revision).order_by(joined.c.position)
    with store.reading() as tx:
        assert [tuple(row) for row in tx.execute(query)] == [(2, 0), (1, 0), (1, 1), (3, 0)]


@pytest.mark.parametrize("value", [0.1 + 0.2, 1e22, 12345678901234567890, "1", "", True, -0.0])
def test_a_label_comes_back_as_it_was_given(store: Store, value: Any) -> None:
    serve(store, "r")
    joiner = Joiner(store)
    joiner.add([Label("r", value)])
    joiner.add([Label("r", value)])
    found, _ = content(store)["r"]
    assert (found, type(found)) == (value, type(value))
    assert joiner.counts() == JoinCounts(joined=1, duplicates=1)


def test_a_long_contradiction_is_counted_by_its_digest(store: Store) -> None:
    joiner = Joiner(store)
    for text in ("a" * 9_000, "b" * 9_000, "b" * 9_000, "c" * 9_000):
        joiner.add([Label("r", text)])
    counts = joiner.counts()
    assert (counts.parked, counts.conflict, counts.duplicates) == (1, 2, 1)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (Label("r", float("nan")), "finite number as a label, got nan"),
        (Label("r", None), "finite number as a label, got None"),
        (Label("", 1), "expected a request id of 1 to 128 characters"),
        (Label("a\0b", 1), "expected a request id of printable characters"),
        (Label("\udc80", 1), "expected a request id of printable characters"),
        (Label("r", 1, -1), "expected a revision >= 0, got -1"),
        (Label("r", 1, 2**31), "expected a revision >= 0"),
    ],
)
def test_a_bad_label_is_named_and_nothing_of_its_batch_is_kept(
    store: Store, label: Label, message: str
) -> None:
    joiner = Joiner(store)
    with pytest.raises(DataError, match=message):
        joiner.add([Label("good", 1), label])
    assert joiner.counts() == JoinCounts()


def test_settings_that_mean_nothing_are_refused() -> None:
    with pytest.raises(DataError, match="expected a horizon above 0"):
        Joiner(Store("sqlite://"), horizon=0)
    with pytest.raises(DataError, match="expected a lateness of 0"):
        Joiner(Store("sqlite://"), lateness=-1)
