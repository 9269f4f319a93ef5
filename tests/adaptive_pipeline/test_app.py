"""The gateway over HTTP: what is echoed, what is refused and how, who may ask."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select

from modelward.adaptive_pipeline import (
    AdaptivePipeline,
    Gateway,
    Scorer,
    Serving,
    Store,
    create_app,
)
from modelward.adaptive_pipeline.gateway.app import serve
from modelward.adaptive_pipeline.store.schema import labels as label_table
from modelward.adaptive_pipeline.store.schema import predictions
from modelward.core.errors import ConfigError

DOUBLE = Scorer("1", lambda frame: frame["x"] * 2, ("x",))


def rows(store: Store, table: Any = predictions) -> list[Any]:
    with store.reading() as tx:
        return list(tx.execute(select(table)).all())


@pytest.mark.parametrize("durability", ["batch", "sync"])
def test_the_header_wins_and_is_echoed(store: Store, call: Any, durability: Any) -> None:
    gateway = Gateway(store, Serving(DOUBLE), durability=durability)
    app = gateway.app
    body = {"row": {"x": 2}, "request_id": "body"}
    answer = call(app, "POST", "/predict", json=body, headers={"X-Request-Id": "header"})
    assert answer.json() == {"request_id": "header", "prediction": 4, "version": "1"}
    assert answer.headers["X-Request-Id"] == "header"
    assert call(app, "POST", "/predict", json=body).json()["request_id"] == "body"
    fresh = call(app, "POST", "/predict", json={"row": {"x": 2}}).json()["request_id"]
    assert uuid.UUID(fresh).version == 7
    gateway.close()
    assert {row.request_id for row in rows(store)} == {"header", "body", fresh}
    accepted = call(
        app,
        "POST",
        "/labels",
        json={"labels": [{"request_id": "body", "label": 1}, {"request_id": "later", "label": 2}]},
    )
    assert (accepted.status_code, accepted.json()) == (202, {"accepted": 2, "joined": 1})
    one = call(app, "POST", "/labels", json={"label": 4}, headers={"X-Request-Id": "header"})
    assert one.json() == {"accepted": 1, "joined": 1}


def test_many_rows_at_once(store: Store, call: Any) -> None:
    gateway = Gateway(store, Serving(DOUBLE))
    body = {"rows": [{"x": 1}, {"x": 2}], "request_ids": ["a", "b"]}
    answer = call(gateway.app, "POST", "/predict", json=body).json()["predictions"]
    assert [(a["request_id"], a["prediction"]) for a in answer] == [("a", 2), ("b", 4)]
    named = call(
        gateway.app,
        "POST",
        "/predict",
        json={"rows": [{"x": 1}, {"x": 2}]},
        headers={"X-Request-Id": "many"},
    )
    assert [a["request_id"] for a in named.json()["predictions"]] == ["many/0", "many/1"]
    assert named.headers["X-Request-Id"] == "many"
    gateway.close()
    assert len(rows(store)) == 4


@pytest.mark.parametrize("durability", ["batch", "sync"])
def test_the_same_request_again_gets_the_same_answer(
    store: Store, call: Any, durability: Any
) -> None:
    gateway = Gateway(store, Serving(DOUBLE), durability=durability)
    body = {"row": {"x": 2}, "request_id": "r"}
    first = call(gateway.app, "POST", "/predict", json=body).json()
    gateway.serving = Serving(Scorer("2", lambda frame: frame["x"] * 100, ("x",)))
    assert call(gateway.app, "POST", "/predict", json=body).json() == first
    other = call(gateway.app, "POST", "/predict", json={"row": {"x": 3}, "request_id": "r"})
    assert other.status_code == 409
    gateway.close()
    assert len(rows(store)) == 1
    if durability == "sync":  # also after a restart, and by another replica
        again = Gateway(store, Serving(DOUBLE), durability="sync")
        assert call(again.app, "POST", "/predict", json=body).json() == first
        assert (
            call(again.app, "POST", "/predict", json={"row": {"x": 3}, "request_id": "r"})
        ).status_code == 409
        again.close()


@pytest.mark.parametrize(
    ("path", "body", "status", "detail"),
    [
        ("/predict", b"{", 400, "expected JSON"),
        ("/predict", b"", 400, "expected JSON"),
        ("/predict", b"[1]", 422, "expected a JSON object, got list"),
        ("/predict", b'{"row": {"x": 1}, "colour": 1}', 422, "got also ['colour']"),
        ("/predict", b'{"row": {"x": [1]}}', 422, "column 'x'"),
        ("/predict", b'{"row": {"z": 1}}', 422, "missing ['x'] and unknown ['z']"),
        ("/predict", b'{"row": {"x": NaN}}', 400, "got NaN or Infinity"),
        ("/predict", b'{"row": {"x": -Infinity}}', 400, "got NaN or Infinity"),
        ("/predict", b'{"row": {"x": 1e999}}', 422, "finite number as column 'x', got inf"),
        ("/predict", b'{"row": {"x": 1}, "rows": []}', 422, "either 'row' or 'rows'"),
        ("/predict", b'{"rows": []}', 422, "a list of 1 to 1,000 rows"),
        ("/predict", b'{"rows": [{"x": 1}], "request_ids": ["a", "b"]}', 422, "a list of 1"),
        ("/predict", b'{"row": {"x": 1}, "request_id": ""}', 422, "printable characters"),
        ("/predict", b'{"row": {"x": 1}, "request_id": 5}', 422, "printable characters"),
        ("/predict", b'{"row": {"x": 1}, "model": "other"}', 404, "expected the model 'cut'"),
        ("/labels", b'{"labels": []}', 422, "a list of 1 to 10,000 labels"),
        ("/labels", b'{"labels": [{"request_id": "r"}]}', 422, "'request_id' and 'label'"),
        (
            "/labels",
            b'{"labels": [{"request_id": "r", "label": 1, "revision": -1}]}',
            422,
            "revision",
        ),
        ("/labels", b'{"label": {"a": 1}, "request_id": "r"}', 422, "label"),
    ],
)
def test_bad_bodies_are_told_in_words_and_leave_nothing(
    store: Store, call: Any, path: str, body: bytes, status: int, detail: str
) -> None:
    gateway = Gateway(store, Serving(DOUBLE))
    app = create_app(gateway, model="cut")
    headers = {} if b"request_id" in body else {"X-Request-Id": "mine"}  # the header would win
    answer = call(app, "POST", path, content=body, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    one = path == "/labels" and b'"label": {' in body
    echoed = "mine" if headers else "r" if one else None
    assert answer.headers.get("X-Request-Id") == answer.json().get("request_id") == echoed
    assert detail in answer.json()["detail"]
    gateway.close()
    assert rows(store) == rows(store, label_table) == []


def test_ten_megabytes_are_refused_before_they_are_read(store: Store, call: Any) -> None:
    app = Gateway(store, Serving(DOUBLE)).app
    body = b'{"row": {"x": 1' + b" " * 10_000_000 + b"}}"
    assert call(app, "POST", "/predict", content=body).status_code == 413

    async def dribble() -> Any:
        for _ in range(20):
            yield b" " * 100_000

    assert call(app, "POST", "/predict", content=dribble()).status_code == 413


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
BODIES = st.dictionaries(
    st.sampled_from(["row", "rows", "request_id", "unit", "labels", "label", "revision", "x"]),
    JSONS | st.dictionaries(st.just("x"), JSONS, max_size=1),
    max_size=4,
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(["/predict", "/labels"]), BODIES)
def test_no_body_whatever_breaks_it(call: Any, path: str, body: dict[str, Any]) -> None:
    store = Store("sqlite://")
    gateway = Gateway(store, Serving(DOUBLE))
    answer = call(gateway.app, "POST", path, content=json.dumps(body).encode())
    assert answer.status_code in {200, 202, 400, 409, 422}
    gateway.close()
    store.close()


def test_a_failing_champion_is_a_problem_and_a_record(store: Store, call: Any) -> None:
    def broken(frame: Any) -> Any:
        raise ValueError("out of order")

    gateway = Gateway(store, Serving(Scorer("1", broken)))
    answer = call(gateway.app, "POST", "/predict", json={"row": {"x": 1}})
    assert answer.status_code == 503
    assert answer.json()["title"] == "Service Unavailable"
    assert "expected an answer from the champion" in answer.json()["detail"]
    gateway.close()
    (kept,) = rows(store)
    assert kept.error == "ValueError: out of order"


def test_metrics_are_read_back(store: Store, call: Any) -> None:
    gateway = Gateway(store, Serving(DOUBLE))
    app = create_app(gateway, metrics=lambda: "more 1\n")
    for _ in range(3):
        call(app, "POST", "/predict", json={"row": {"x": 1}})
    call(app, "POST", "/predict", json={"row": {}})
    text = call(app, "GET", "/metrics").text
    samples = {
        (s.name, *sorted(s.labels.items())): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }
    assert samples["modelward_pipeline_requests_total", ("status", "ok"), ("version", "1")] == 3
    assert samples["modelward_pipeline_requests_total", ("status", "422"), ("version", "")] == 1
    assert samples["modelward_pipeline_request_seconds_count",] == 3
    assert samples["more",] == 1
    gateway.close()


def test_health_and_readiness(store: Store, call: Any) -> None:
    from modelward.adaptive_pipeline.testing import MemoryRegistry, Threshold

    registry = MemoryRegistry()
    gateway = Gateway(store, registry=registry)
    assert call(gateway.app, "GET", "/healthz").status_code == 200
    waiting = call(gateway.app, "GET", "/readyz")
    assert waiting.status_code == 503
    assert call(gateway.app, "POST", "/predict", json={"row": {"x": 1}}).status_code == 503
    registry.register(Threshold(0.5), alias="champion", columns=["x"])
    gateway.follower.every = 0.0  # type: ignore[union-attr]
    ready = call(gateway.app, "GET", "/readyz")
    assert (ready.status_code, ready.json()["champion"]) == (200, "1")
    gateway.close()


def test_the_api_is_described(store: Store, call: Any) -> None:
    schema = call(Gateway(store, Serving(DOUBLE)).app, "GET", "/openapi.json").json()
    body = schema["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    assert {"row", "rows", "request_id", "unit"} <= set(body["schema"]["properties"])
    assert call(Gateway(store, Serving(DOUBLE)).app, "GET", "/docs").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer s3cret"},
        {"X-API-Key": "s3cret"},
        {"Authorization": "Basic YW55Ym9keTpzM2NyZXQ="},  # as a browser sends anybody:s3cret
    ],
    ids=["bearer", "key", "password"],
)
def test_a_key_is_asked_for(store: Store, call: Any, headers: dict[str, str]) -> None:
    app = create_app(Gateway(store, Serving(DOUBLE)), key="s3cret", page=lambda: "<p>page</p>")
    for path in ("/", "/metrics", "/docs"):
        refused = call(app, "GET", path)
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"].startswith("Basic")  # a browser asks for it
        assert call(app, "GET", path, headers={"X-API-Key": "other"}).status_code == 401
        assert call(app, "GET", path, headers=headers).status_code == 200
    assert call(app, "GET", "/healthz").status_code == 200


def test_no_address_but_loopback_without_a_key(store: Store) -> None:
    with pytest.raises(ConfigError, match=r"an API key to listen on 0\.0\.0\.0"):
        serve(Gateway(store, Serving(DOUBLE)).app, host="0.0.0.0")


def test_labels_over_http_drive_the_whole_loop(store: Store, memory: Any, call: Any) -> None:
    pipeline = AdaptivePipeline(store=store, registry=memory, train=lambda data, context: None)
    app = pipeline.app
    call(app, "POST", "/predict", json={"row": {"x": 0.7}, "request_id": "r"})
    pipeline.gateway.writer.close()
    call(app, "POST", "/labels", json={"labels": [{"request_id": "r", "label": 0}]})
    pipeline.step()
    assert pipeline.monitor.loss("1").mean == 1.0
    assert "Adaptive pipeline" in call(app, "GET", "/").text


def test_a_pipeline_answers_for_its_own_model_alone(store: Store, memory: Any, call: Any) -> None:
    loop = AdaptivePipeline(store=store, registry=memory, train=lambda data, context: None)
    body = {"row": {"x": 0.7}}
    other = call(loop.app, "POST", "/predict", json=body | {"model": "other" * 1_000})
    assert other.status_code == 404
    assert other.json()["detail"].startswith("expected the model 'memory', got 'otherother")
    assert len(other.json()["detail"]) < 200
    assert call(loop.app, "POST", "/predict", json=body | {"model": "memory"}).status_code == 200
    loop.close()
