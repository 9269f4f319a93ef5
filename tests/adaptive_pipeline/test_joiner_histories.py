"""The joiner against a model of it in a few lines, over random histories."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from modelward.adaptive_pipeline import JoinCounts, Joiner, Label, Store
from modelward.adaptive_pipeline.store import joining, statements
from modelward.adaptive_pipeline.store.recording import Recorded, record
from modelward.adaptive_pipeline.store.schema import joined, labels, predictions

HORIZON, LATENESS = 10.0, 2.0


class Crash(Exception):
    """The process dies."""


@dataclass
class Model:
    """What should be so, worked out the slow way."""

    predictions: dict[str, tuple[float, bool]] = field(default_factory=dict)
    kept: dict[tuple[str, int], tuple[Any, float]] = field(default_factory=dict)
    conflicts: set[tuple[str, int, Any]] = field(default_factory=set)
    log: list[tuple[str, int, Any, bool]] = field(default_factory=list)
    orphans: set[tuple[str, int]] = field(default_factory=set)
    looked: set[tuple[str, int]] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    given: int = 0
    closed: float = float("-inf")
    watermark: float = float("-inf")

    def keep(self, batch: Iterable[Label], now: float) -> None:
        for label in batch:
            self.given += 1
            key = (label.request_id, label.revision)
            if self.kept.setdefault(key, (label.label, now))[0] != label.label:
                self.conflicts.add((*key, label.label))

    def join(self) -> None:
        order = {name: seq for seq, name in enumerate(self.predictions)}
        done = {(name, revision) for name, revision, _, _ in self.log}
        ready = [
            (arrived, order[name], revision, name, value)
            for (name, revision), (value, arrived) in self.kept.items()
            if name in order and not self.predictions[name][1] and (name, revision) not in done
        ]
        for _, _, revision, name, value in sorted(ready):
            self.log.append((name, revision, value, self.predictions[name][0] <= self.closed))
        self.looked |= self.kept.keys()
        self.seen |= self.predictions.keys()
        if self.predictions:
            latest = max(at for at, _ in self.predictions.values())
            self.watermark = max(self.watermark, latest - LATENESS)
            self.closed = max(self.closed, self.watermark - HORIZON)
        for key in self.looked:
            if key[0] not in order and self.kept[key][1] <= self.closed:
                self.orphans.add(key)

    def counts(self) -> JoinCounts:
        first: dict[str, bool] = {}
        for name, _, _, late in self.log:
            first.setdefault(name, late)
        fine = {name: at for name, (at, failed) in self.predictions.items() if not failed}
        bare = [at for name, at in fine.items() if name not in first]
        alone = [key for key in self.looked if key[0] not in fine or key[0] not in self.seen]
        given_up = [key for key in alone if key in self.orphans or key[0] in self.seen]
        return JoinCounts(
            joined=sum(not late for late in first.values()),
            late=sum(first.values()),
            waiting=sum(at > self.closed for at in bare),
            missing=sum(at <= self.closed for at in bare),
            failed=len(self.predictions) - len(fine),
            parked=len(alone) - len(given_up),
            orphan=len(given_up),
            revised=len({name for name, revision, _, _ in self.log if revision > 0}),
            conflict=len(self.conflicts),
            duplicates=self.given - len(self.kept) - len(self.conflicts),
        )


Event = tuple[str, Any]


def history(draw: random.Random, length: int) -> list[Event]:
    """Requests and labels in any order and number, joiners that die, clocks that jump."""
    names, now, events = [f"r{i}" for i in range(12)], 100.0, []
    for _ in range(length):
        kind = draw.choice(["predict", "predict", "add", "add", "keep", "sweep", "crash", "clock"])
        if kind == "predict":
            at = now + draw.uniform(-15, 1)
            batch = [
                (draw.choice(names), at, draw.random() < 0.1) for _ in range(draw.randint(1, 3))
            ]
            events.append((kind, batch))
        elif kind in {"add", "keep", "crash"}:
            events.append((kind, [_label(draw, names) for _ in range(draw.randint(0, 4))]))
        elif kind == "clock":
            now += draw.choice([0.5, 2.0, 8.0, -6.0])
            events.append((kind, now))
        else:
            events.append((kind, None))
    return [*events, ("sweep", None)]


def _label(draw: random.Random, names: list[str]) -> Label:
    return Label(draw.choice(names), draw.choice(["a", "b"]), draw.choice([0, 0, 0, 1, 2]))


def play(events: list[Event], store: Store) -> Model:
    now, model = [100.0], Model()
    joiner = Joiner(store, horizon=HORIZON, lateness=LATENESS, clock=lambda: now[0])
    for kind, what in events:
        if kind == "predict":
            _record(store, what)
            for name, at, failed in what:
                model.predictions.setdefault(name, (at, failed))
        elif kind == "clock":
            now[0] = what
        elif kind == "keep":
            joiner.keep(what)
            model.keep(what, now[0])
        elif kind == "crash":
            with mock.patch.object(joining, "close", side_effect=Crash), pytest.raises(Crash):
                joiner.add(what)
            joiner = Joiner(store, horizon=HORIZON, lateness=LATENESS, clock=lambda: now[0])
        else:
            before = {name for name, *_ in model.log}
            number = joiner.add(what) if kind == "add" else joiner.sweep()
            model.keep(what or [], now[0])
            model.join()
            assert number == len({name for name, *_ in model.log} - before)
        assert joiner.counts() == model.counts(), (kind, what)
    return model


def _record(store: Store, batch: list[tuple[str, float, bool]]) -> None:
    rows = [
        Recorded(name, at, "{}", "1", None if failed else "1", "boom" if failed else None)
        for name, at, failed in batch
    ]
    with store.transaction() as tx:
        record(tx, rows)


def check(store: Store, model: Model) -> None:
    query = (
        select(predictions.c.request_id, joined.c.revision, joined.c.label, joined.c.late)
        .join(predictions, predictions.c.seq == joined.c.seq)
        .order_by(joined.c.position)
    )
    with store.reading() as tx:
        assert [tuple(row) for row in tx.execute(query)] == model.log
        states = dict(
            tuple(row)
            for row in tx.execute(select(labels.c.state, func.count()).group_by(labels.c.state))
        )
    counts = model.counts()
    expected = {1: counts.parked, 2: len(model.log), 3: counts.orphan}
    assert states == {state: n for state, n in expected.items() if n}


@given(st.integers(0, 2**32), st.integers(1, 60))
@example(8581, 29)  # a label parked behind the horizon while others are joined
@settings(max_examples=60, deadline=None)
def test_any_history_joins_and_counts_as_the_model_says(seed: int, length: int) -> None:
    store = Store("sqlite://")
    check(store, play(history(random.Random(seed), length), store))
    store.close()


@pytest.mark.parametrize("seed", range(3))
def test_so_it_does_on_a_file_and_on_a_server(stores: Store, seed: int) -> None:
    check(stores, play(history(random.Random(seed), 120), stores))


def test_what_others_kept_is_joined_in_parts_and_then_the_time_moves_on(stores: Store) -> None:
    names = [f"r{i:03d}" for i in range(60)]
    joiner = Joiner(stores, horizon=HORIZON, clock=lambda: 100.0)
    _record(stores, [(name, 100.0, False) for name in names])
    joiner.sweep()
    joiner.keep([Label(name, 1) for name in names])
    _record(stores, [("new", 500.0, False)])
    # What is kept in time stays in time, also where it takes several transactions to join it.
    with (
        mock.patch.object(statements, "CHUNK", 25),
        mock.patch.object(statements, "take", _limited(25)),
    ):
        assert joiner.add([Label("new", 1)]) == 61
    assert joiner.counts() == JoinCounts(joined=61)
    assert joiner.watermark == 500.0


def _limited(n: int) -> Any:
    key = (labels.c.request_id, labels.c.revision)
    first = select(*key).where(labels.c.state == 0).order_by(labels.c.at, *key).limit(n)
    from sqlalchemy import tuple_, update

    return update(labels).where(tuple_(*key).in_(first)).values(state=4)
