"""The gateway: what the caller gets, what is recorded, and what a challenger may not do."""

from __future__ import annotations

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import select

from modelward.adaptive_pipeline import (
    Gateway,
    Joiner,
    Label,
    Plan,
    Scorer,
    Serving,
    Store,
)
from modelward.adaptive_pipeline.store.schema import predictions
from modelward.core.errors import DataError, StateError

DOUBLE = Scorer("1", lambda frame: frame["x"] * 2, ("x",))


def broken(frame: pd.DataFrame) -> Any:
    raise ValueError("out of order")


def rows(store: Store, table: Any) -> list[Any]:
    with store.reading() as tx:
        return list(tx.execute(select(table)).all())


def test_the_champion_answers_and_is_recorded(store: Store) -> None:
    gateway = Gateway(store, Serving(DOUBLE), clock=lambda: 12.5)
    answer = gateway.predict({"x": 2})
    assert (answer.prediction, answer.version) == (4, "1")
    assert uuid.UUID(answer.request_id).version == 7
    (kept,) = rows(store, predictions)
    assert (kept.seq, kept.at, kept.row, kept.prediction, kept.version) == (
        1,
        12.5,
        {"x": 2},
        4,
        "1",
    )
    assert 0 < kept.latency < 5
    assert (kept.arm, kept.experiment, kept.probability, kept.fallback) == (None,) * 4


def split(challenger: Any, *, share: float = 0.5) -> Serving:
    plan = Plan(champion="1", challenger="2", mode="split", share=share, experiment="trial-1")
    return Serving(DOUBLE, Scorer("2", challenger, ("x",)), plan)


def test_units_are_divided_and_it_is_written_down(store: Store) -> None:
    gateway = Gateway(store, split(lambda frame: frame["x"] * 3, share=0.3))
    for user in range(300):
        for _ in range(2):  # the same user, the same arm
            gateway.predict({"x": 1}, unit=f"user-{user}")
    kept = rows(store, predictions)
    ours = [row for row in kept if row.arm == "challenger"]
    assert 600 * 0.3 - 60 < len(ours) < 600 * 0.3 + 60
    assert {row.prediction for row in ours} == {3}
    assert {(row.version, row.probability, row.experiment) for row in ours} == {
        ("2", 0.3, "trial-1")
    }
    assert {row.probability for row in kept if row.arm == "champion"} == {0.7}
    by_unit: dict[str, set[str]] = {}
    for row in kept:
        by_unit.setdefault(row.unit, set()).add(row.arm)
    assert all(len(arms) == 1 for arms in by_unit.values())


@pytest.mark.parametrize(
    ("predict", "message"),
    [
        (broken, "ValueError: out of order"),
        (lambda frame: [float("nan")], "DataError: expected a text or a finite number"),
        (lambda frame: [], "DataError: expected one answer for one row, got 0"),
        (lambda frame: [object()], "DataError: expected a text or a finite number"),
    ],
)
def test_a_challenger_that_fails_is_recorded_and_never_noticed(
    store: Store, predict: Any, message: str
) -> None:
    gateway = Gateway(store, split(predict, share=0.999_999))
    for _ in range(8):
        answer = gateway.predict({"x": 2})
        assert (answer.prediction, answer.version) == (4, "1")
    kept = rows(store, predictions)
    assert all(row.arm == "challenger" and row.version == "1" for row in kept)
    assert all(row.fallback.startswith(message) for row in kept[:5])
    assert {row.fallback for row in kept[5:]} == {"ServiceError: not asked: it failed too often"}


def test_a_challenger_that_hangs_costs_its_deadline_and_no_more(store: Store) -> None:
    gone = threading.Event()
    gateway = Gateway(store, split(lambda frame: gone.wait(30), share=0.999_999), deadline=0.05)
    try:
        assert gateway.predict({"x": 2}).prediction == 4
        (kept,) = rows(store, predictions)
        assert kept.fallback == "no answer within 0.05 seconds"
    finally:
        gone.set()


def test_a_swap_drops_no_request_and_mixes_no_two_models(store: Store) -> None:
    def model(version: str, factor: int) -> Serving:
        return Serving(Scorer(version, lambda frame: frame["x"] * factor, ("x",)))

    gateway = Gateway(store, model("1", 1))
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            gateway.serving = model("2", 2)
            gateway.serving = model("1", 1)

    with ThreadPoolExecutor(5) as pool:
        swapping = pool.submit(swap)
        answers = list(pool.map(lambda _: gateway.predict({"x": 7}), range(400)))
        stop.set()
        swapping.result()
    assert {(a.version, a.prediction) for a in answers} <= {("1", 7), ("2", 14)}
    assert len(rows(store, predictions)) == 400


def test_a_champion_that_fails_is_recorded_and_told(store: Store) -> None:
    gateway = Gateway(store, Serving(Scorer("1", broken)))
    with pytest.raises(StateError, match="version 1, got ValueError: out of order"):
        gateway.predict({"x": 2}, "r")
    (kept,) = rows(store, predictions)
    assert kept.error == "ValueError: out of order"
    joiner = Joiner(store)
    assert joiner.add([Label("r", 1)]) == 0  # there is no prediction to hold it against
    assert joiner.counts().failed == 1


def test_a_request_id_gives_the_same_answer_again_and_takes_no_other_row(store: Store) -> None:
    gateway = Gateway(store, Serving(DOUBLE))
    first = gateway.predict({"x": 2}, "r")
    gateway.serving = Serving(Scorer("2", lambda frame: frame["x"] * 100))
    assert gateway.predict({"x": 2}, "r") == first
    with pytest.raises(DataError, match="expected a new request id, got 'r'"):
        gateway.predict({"x": 3}, "r")
    assert len(rows(store, predictions)) == 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"y": 1}, r"missing \['x'\] and unknown \['y'\]"),
        ({"x": float("inf")}, "finite number as column 'x', got inf"),
        ({"x": None}, "finite number as column 'x', got None"),
        ({}, "expected a row as a mapping"),
        ([1.0], "expected a row as a mapping"),
    ],
)
def test_a_bad_row_is_named_and_nothing_recorded(store: Store, row: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Gateway(store, Serving(DOUBLE)).predict(row)
    assert rows(store, predictions) == []
