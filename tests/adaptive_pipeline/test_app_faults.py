"""The gateway over HTTP when callers err, repeat themselves, or come together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from modelward.adaptive_pipeline import Gateway, Scorer, Serving, Store, create_app
from modelward.adaptive_pipeline.gateway.app import serve
from modelward.adaptive_pipeline.store.schema import predictions
from modelward.core.errors import ConfigError, ServiceError

DOUBLE = Scorer("1", lambda frame: frame["x"] * 2, ("x",))
ADDING = Scorer("1", lambda frame: frame["x"].astype(float) + 1, ("x",))


def rows(store: Store) -> list[Any]:
    with store.reading() as tx:
        return list(tx.execute(select(predictions).order_by(predictions.c.seq)).all())


def together(app: Any, bodies: Sequence[dict[str, Any]]) -> list[httpx.Response]:
    """Send all at once."""

    async def send() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await asyncio.gather(*(client.post("/predict", json=body) for body in bodies))

    return asyncio.run(send())


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("GET", "/predict", 405)]
)
def test_every_error_is_a_problem(
    store: Store, call: Any, method: str, path: str, status: int
) -> None:
    answer = call(Gateway(store, Serving(DOUBLE)).app, method, path)
    assert answer.status_code == answer.json()["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    if status == 405:
        assert answer.headers["allow"] == "POST"


def test_one_bad_row_of_many_and_none_is_answered(store: Store, call: Any) -> None:
    gateway = Gateway(store, Serving(DOUBLE))
    body = {"rows": [{"x": 1}, {"x": 2}, {"y": 3}]}
    assert call(gateway.app, "POST", "/predict", json=body).status_code == 422
    gateway.close()
    assert rows(store) == []


def test_a_column_of_another_kind_is_named(store: Store, call: Any) -> None:
    gateway = Gateway(store, Serving(ADDING))
    assert call(gateway.app, "POST", "/predict", json={"row": {"x": 1}}).json()["prediction"] == 2
    answer = call(gateway.app, "POST", "/predict", json={"row": {"x": "many"}})
    assert answer.status_code == 422
    assert "a text in column 'x' (a number expected)" in answer.json()["detail"]
    gateway.close()
    assert [row.error is None for row in rows(store)] == [True, False]


@pytest.mark.parametrize("durability", ["batch", "sync"])
def test_the_same_id_at_the_same_time_is_answered_once(store: Store, durability: Any) -> None:
    gateway = Gateway(store, Serving(DOUBLE), durability=durability)
    asked = [{"row": {"x": n % 2}, "request_id": "r"} for n in range(20)]
    answers = together(gateway.app, asked)
    first = [answer for n, answer in enumerate(answers) if n % 2 == 0]
    assert {answer.status_code for answer in first} == {200}
    assert {answer.text for answer in first} == {first[0].text}
    assert {answer.status_code for n, answer in enumerate(answers) if n % 2} == {409}
    gateway.close()
    assert len(rows(store)) == 1


def test_two_replicas_and_one_id_give_one_answer(store: Store, call: Any) -> None:
    """With sync, what another replica wrote a moment ago is what the caller gets."""
    gateway = Gateway(store, Serving(DOUBLE), durability="sync")
    other = Gateway(store, Serving(Scorer("2", lambda frame: frame["x"] * 100, ("x",))))

    def slow(frame: Any) -> Any:
        other.predict({"x": 2}, "r")  # while this one is at work
        return frame["x"] * 2

    gateway.serving = Serving(Scorer("1", slow, ("x",)))
    body = {"row": {"x": 2}, "request_id": "r"}
    assert call(gateway.app, "POST", "/predict", json=body).json()["prediction"] == 200
    gateway.close()
    assert [row.version for row in rows(store)] == ["2"]


def test_an_id_found_to_be_known_at_writing_is_counted(store: Store, call: Any) -> None:
    """With batch, one restart is enough to forget: the first record stays, and the repeat is counted."""
    for version in ("1", "2"):
        gateway = Gateway(store, Serving(Scorer(version, DOUBLE.predict, ("x",))))
        call(gateway.app, "POST", "/predict", json={"row": {"x": 2}, "request_id": "r"})
        gateway.close()
    assert [row.version for row in rows(store)] == ["1"]
    text = call(gateway.app, "GET", "/metrics").text
    assert "modelward_pipeline_repeated_requests_total 1.0" in text


def test_a_swap_under_load_drops_no_request(store: Store) -> None:
    gateway = Gateway(store, Serving(DOUBLE))
    app = gateway.app

    async def load() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            found: list[httpx.Response] = []

            async def one() -> None:
                body = {"row": {"x": 1}}
                found.extend([await client.post("/predict", json=body) for _ in range(20)])

            async def swap() -> None:
                for number in range(2, 42):
                    factor = number
                    scorer = Scorer(str(number), lambda frame, by=factor: frame["x"] * by, ("x",))
                    gateway.serving = Serving(scorer)
                    await asyncio.sleep(0)

            await asyncio.gather(*(one() for _ in range(10)), swap())
            return found

    answers = asyncio.run(load())
    assert len(answers) == 200
    for answer in answers:
        found = answer.json()
        assert found["prediction"] == (2 if found["version"] == "1" else int(found["version"]))
    gateway.close()
    assert len(rows(store)) == 200


def test_a_clock_that_goes_back_does_no_harm(store: Store, call: Any) -> None:
    times = iter([100.0, 50.0, -5.0, 50.0])
    gateway = Gateway(store, Serving(DOUBLE), clock=lambda: next(times))
    for number in range(4):
        body = {"row": {"x": 1}, "request_id": f"r{number}"}
        assert call(gateway.app, "POST", "/predict", json=body).status_code == 200
    gateway.close()
    assert [(row.request_id, row.at) for row in rows(store)] == [
        ("r0", 100.0),
        ("r1", 50.0),
        ("r2", -5.0),
        ("r3", 50.0),
    ]


@pytest.mark.parametrize("bad", ["\ud800", "\0"])
def test_an_odd_answer_of_the_champion_is_recorded_as_text_or_error(
    stores: Store, call: Any, bad: str
) -> None:
    gateway = Gateway(stores, Serving(Scorer("1", lambda frame: [bad] * len(frame))))
    answer = call(gateway.app, "POST", "/predict", json={"row": {"x": 1}})
    assert answer.status_code in {200, 503}
    gateway.close()
    assert gateway.writer.refused == 0
    assert len(rows(stores)) == 1


def test_an_error_no_database_takes_is_written_without_what_is_odd(
    stores: Store, call: Any
) -> None:
    def broken(_: Any) -> Any:
        raise ValueError("NUL \0 and half a pair \ud800 in it")

    gateway = Gateway(stores, Serving(Scorer("1", broken)))
    assert call(gateway.app, "POST", "/predict", json={"row": {"x": "\0"}}).status_code == 503
    gateway.close()
    (kept,) = rows(stores)
    assert kept.error == "ValueError: NUL  and half a pair ? in it"


def test_its_own_numbers_are_given_while_the_store_is_away(
    store: Store, call: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def away() -> str:
        raise ServiceError("expected the database to answer, got nothing")

    app = create_app(Gateway(store, Serving(DOUBLE)), metrics=away)
    with caplog.at_level(logging.WARNING):
        answer = call(app, "GET", "/metrics")
    assert answer.status_code == 200
    assert "modelward_pipeline_unwritten_requests 0.0" in answer.text
    assert "only the gateway's own numbers" in caplog.text


def test_serving_with_a_key_asks_for_it(
    store: Store, call: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where the app was made without: a key that nobody is asked for would be a trap."""
    import uvicorn

    served: list[Any] = []
    monkeypatch.setattr(uvicorn, "run", lambda app, **_: served.append(app))
    caplog.set_level("INFO")
    for app in (
        Gateway(store, Serving(DOUBLE)).app,
        create_app(Gateway(store, Serving(DOUBLE)), key="s3cret"),
    ):
        serve(app, host="0.0.0.0", key="s3cret")
    assert "starts at http://0.0.0.0:8000/" in caplog.text
    for app in served:
        assert call(app, "GET", "/metrics").status_code == 401
        key = {"X-API-Key": "s3cret"}
        assert call(app, "GET", "/metrics", headers=key).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "127.0.0.1:8000", "Origin": "http://127.0.0.1:8000"}, 200),
        ({"Host": "models.example.org"}, 200),  # named
        ({"Host": "elsewhere.example.org"}, 421),  # a name that was made to mean this machine
        ({"Origin": "https://elsewhere.example.org"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_without_a_key_other_sites_are_kept_out(
    store: Store,
    call: Any,
    monkeypatch: pytest.MonkeyPatch,
    headers: dict[str, str],
    status: int,
) -> None:
    """A page open in a browser here must not be able to send labels, as a form may without asking."""
    import uvicorn

    served: list[Any] = []
    monkeypatch.setattr(uvicorn, "run", lambda app, **_: served.append(app))
    serve(Gateway(store, Serving(DOUBLE)).app, names=["models.example.org"])
    sent = {"Host": "localhost", "Content-Type": "text/plain", **headers}
    answer = call(served[0], "POST", "/predict", headers=sent, content='{"row": {"x": 1.0}}')
    assert answer.status_code == status
    assert call(served[0], "GET", "/healthz", headers=sent).status_code == 200


def test_an_empty_key_is_refused(store: Store) -> None:
    with pytest.raises(ConfigError, match="an API key"):
        serve(Gateway(store, Serving(DOUBLE)).app, key="")
    with pytest.raises(ConfigError, match="an API key"):
        serve(Gateway(store, Serving(DOUBLE)).app, host="0.0.0.0", key="")


@pytest.mark.parametrize("length", [b"\xb2", b"-1", b"1e3", b"9" * 30])
def test_an_odd_length_is_refused(store: Store, call: Any, length: bytes) -> None:
    headers = {"Content-Length": length}
    app = Gateway(store, Serving(DOUBLE)).app
    assert call(app, "POST", "/predict", content=b"{}", headers=headers).status_code == 413


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(["/predict", "/labels"]),
    st.binary(max_size=40),
    st.dictionaries(
        st.sampled_from(["X-Request-Id", "Content-Length", "Content-Type", "X-API-Key"]),
        st.binary(max_size=20).map(lambda value: value.replace(b"\n", b"").replace(b"\r", b"")),
    ),
)
def test_no_bytes_whatever_break_it(
    call: Any, path: str, body: bytes, headers: dict[str, bytes]
) -> None:
    store = Store("sqlite://")
    gateway = Gateway(store, Serving(DOUBLE))
    answer = call(gateway.app, "POST", path, content=body, headers=headers)
    assert answer.status_code in {400, 413, 422}
    assert answer.json()["status"] == answer.status_code
    gateway.close()
    store.close()
