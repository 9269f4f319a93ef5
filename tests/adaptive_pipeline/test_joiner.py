"""The joiner: any order, any repeats, and what the counts say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from modelward.adaptive_pipeline import Gateway, Joiner, Label, Scorer, Serving, Store
from modelward.adaptive_pipeline.schema import joined
from modelward.core.errors import ConfigError, DataError


def gateway(store: Store, clock: Any = lambda: 0.0) -> Gateway:
    return Gateway(store, Serving(Scorer("1", lambda frame: frame["x"])), clock=clock)


def content(store: Store) -> dict[str, tuple[Any, int]]:
    with store.reading() as tx:
        return {row.request_id: (row.label, row.revision) for row in tx.execute(select(joined))}


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_any_order_and_any_repeats_join_the_same(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 8))
    events: list[tuple[str, int, int]] = [("predict", i, 0) for i in range(n)]
    events += [("label", i, r) for i in range(n + 2) for r in range(data.draw(st.integers(0, 2)))]
    again = data.draw(st.lists(st.sampled_from(events), max_size=10))
    order = data.draw(st.permutations(events + again))
    store = Store("sqlite://")
    serve, joiner = gateway(store), Joiner(store, horizon=1, clock=lambda: 0.0)
    for kind, i, revision in order:
        if kind == "predict":
            serve.predict({"x": i}, f"r{i}")
        else:
            joiner.add([Label(f"r{i}", f"label {i}.{revision}", revision)])
    joiner.sweep()
    assert joiner.sweep() == 0
    newest = {f"r{i}": r for kind, i, r in sorted(events, key=lambda e: e[2]) if kind == "label"}
    expected = {
        name: (f"label {name[1:]}.{revision}", revision)
        for name, revision in newest.items()
        if int(name[1:]) < n
    }
    assert content(store) == expected
    counts = joiner.counts()
    assert (counts.joined, counts.waiting) == (len(expected), n - len(expected))
    assert counts.parked == len(newest) - len(expected)
    assert counts.conflict == 0
    store.close()


def test_a_contradiction_is_counted_once_and_the_first_label_stands(store: Store) -> None:
    gateway(store).predict({"x": 1}, "r")
    joiner = Joiner(store)
    assert joiner.add([Label("r", 1), Label("r", 2), Label("r", 2)]) == 1
    joiner.add([Label("r", 2)])
    assert content(store) == {"r": (1, 0)}
    assert joiner.counts().conflict == 1


def test_a_correction_replaces_the_label_and_an_older_one_does_not(store: Store) -> None:
    gateway(store).predict({"x": 1}, "r")
    joiner = Joiner(store)
    joiner.add([Label("r", "a")])
    assert joiner.add([Label("r", "c", 2)]) == 0
    joiner.add([Label("r", "b", 1)])
    assert content(store) == {"r": ("c", 2)}
    assert joiner.counts().revised == 1


def test_past_the_horizon_partners_are_missing_or_orphans_and_still_join(store: Store) -> None:
    now = [0.0]
    joiner = Joiner(store, horizon=10, clock=lambda: now[0])
    gateway(store).predict({"x": 1}, "served")
    joiner.add([Label("labelled", 1)])
    counts = joiner.counts()
    assert (counts.waiting, counts.missing, counts.parked, counts.orphan) == (1, 0, 1, 0)
    now[0] = 11.0
    counts = joiner.counts()
    assert (counts.waiting, counts.missing, counts.parked, counts.orphan) == (0, 1, 0, 1)
    assert joiner.add([Label("served", 1)]) == 1
    gateway(store).predict({"x": 1}, "labelled")
    assert joiner.sweep() == 1
    counts = joiner.counts()
    assert (counts.joined, counts.missing, counts.orphan) == (2, 0, 0)


def test_numpy_labels_are_kept_as_plain_values(store: Store) -> None:
    gateway(store).predict({"x": 1}, "r")
    Joiner(store).add([Label("r", np.float64(0.5))])
    assert content(store) == {"r": (0.5, 0)}


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (Label("r", float("nan")), "finite number as a label, got nan"),
        (Label("r", None), "finite number as a label, got None"),
        (Label("", 1), "expected a request id of 1 to 128 characters"),
        (Label("r", 1, -1), "expected a revision >= 0, got -1"),
    ],
)
def test_a_bad_label_is_named_and_nothing_of_its_batch_is_kept(
    store: Store, label: Label, message: str
) -> None:
    joiner = Joiner(store)
    with pytest.raises(DataError, match=message):
        joiner.add([Label("good", 1), label])
    assert joiner.counts().parked == 0


def test_what_is_no_sqlite_database_is_named(tmp_path: Any) -> None:
    with pytest.raises(ConfigError, match="expected a SQLite URL, got one for 'postgresql'"):
        Store("postgresql://localhost/x")
    with pytest.raises(ConfigError, match="expected a database URL"):
        Store("pipeline.db")
    with pytest.raises(ConnectionError, match="expected a database that opens"):
        Store(f"sqlite:///{tmp_path}/no/such/folder/p.db")
    with pytest.raises(DataError, match="expected a horizon above 0"):
        Joiner(Store("sqlite://"), horizon=0)
