"""The gateway: what the caller gets, what is recorded, and what a challenger may not do."""

from __future__ import annotations

import uuid
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import select

from modelward.adaptive_pipeline import (
    AdaptivePipeline,
    Gateway,
    Joiner,
    Label,
    Scorer,
    Serving,
    Store,
)
from modelward.adaptive_pipeline.schema import predictions, shadows
from modelward.core.errors import DataError, StateError

DOUBLE = Scorer("1", lambda frame: frame["x"] * 2, ("x",))


def broken(frame: pd.DataFrame) -> Any:
    raise ValueError("out of order")


def rows(store: Store, table: Any) -> list[Any]:
    with store.reading() as tx:
        return list(tx.execute(select(table)).all())


def test_the_champion_answers_and_both_are_recorded(store: Store) -> None:
    triple = Scorer("2", lambda frame: frame["x"] * 3, ("x",))
    gateway = Gateway(store, Serving(DOUBLE, triple), clock=lambda: 12.5)
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
    (shadow,) = rows(store, shadows)
    assert (shadow.request_id, shadow.version, shadow.prediction) == (answer.request_id, "2", 6)


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
    gateway = Gateway(store, Serving(DOUBLE, Scorer("2", predict)))
    assert gateway.predict({"x": 2}).prediction == 4
    (shadow,) = rows(store, shadows)
    assert shadow.prediction is None
    assert shadow.error.startswith(message)


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


def test_over_http_the_header_wins_and_is_echoed(store: Store, call: Any) -> None:
    app = Gateway(store, Serving(DOUBLE)).app
    body = {"row": {"x": 2}, "request_id": "body"}
    answer = call(app, "POST", "/predict", json=body, headers={"X-Request-Id": "header"})
    assert answer.json() == {"request_id": "header", "prediction": 4, "version": "1"}
    assert answer.headers["X-Request-Id"] == "header"
    assert call(app, "POST", "/predict", json=body).json()["request_id"] == "body"
    fresh = call(app, "POST", "/predict", json={"row": {"x": 2}}).json()["request_id"]
    assert uuid.UUID(fresh).version == 7
    labels = [{"request_id": "body", "label": 1}, {"request_id": "later", "label": 2}]
    accepted = call(app, "POST", "/labels", json={"labels": labels})
    assert (accepted.status_code, accepted.json()) == (202, {"accepted": 2, "joined": 1})
    assert call(app, "GET", "/healthz").json() == {"status": "ok", "champion": "1"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/predict", b"{"),
        ("/predict", b'{"row": {"x": 1}, "colour": 1}'),
        ("/predict", b'{"row": {"x": [1]}}'),
        ("/predict", b'{"row": {"z": 1}}'),
        ("/predict", b'{"row": {"x": NaN}}'),
        ("/labels", b'{"labels": []}'),
        ("/labels", b'{"labels": [{"request_id": "r", "label": 1, "revision": -1}]}'),
    ],
)
def test_bad_bodies_are_refused_and_nothing_recorded(
    store: Store, call: Any, path: str, body: bytes
) -> None:
    app = Gateway(store, Serving(DOUBLE)).app
    headers = {"content-type": "application/json"}
    assert call(app, "POST", path, content=body, headers=headers).status_code == 422
    assert rows(store, predictions) == []


def test_errors_over_http_are_problem_details(store: Store, call: Any) -> None:
    app = Gateway(store, Serving(Scorer("1", broken))).app
    answer = call(app, "POST", "/predict", json={"row": {"x": 1}})
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["title"] == "Service Unavailable"
    assert "expected an answer from the champion" in answer.json()["detail"]


def test_labels_over_http_drive_the_whole_loop(store: Store, memory: Any, call: Any) -> None:
    pipeline = AdaptivePipeline(store=store, registry=memory, train=lambda data, context: None)
    app = pipeline.app
    call(app, "POST", "/predict", json={"row": {"x": 0.7}, "request_id": "r"})
    call(app, "POST", "/labels", json={"labels": [{"request_id": "r", "label": 0}]})
    assert pipeline.monitor.loss("1").mean == 1.0
