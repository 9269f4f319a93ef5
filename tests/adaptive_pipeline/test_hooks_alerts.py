"""The webhook for alerts: Alertmanager and Grafana, believed only with the secret."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from fastapi import FastAPI
from tests.adaptive_pipeline.hooking import (
    BEARER,
    NOW,
    SECRET,
    Send,
    alert,
    alertmanager,
    basic,
    grafana,
    mac,
    make,
    reasons,
    refused,
)

from modelward.adaptive_pipeline import (
    AdaptivePipeline,
    Arbiter,
    Comparison,
    Inline,
    Manual,
    SinceDrift,
    Store,
)
from modelward.adaptive_pipeline.testing import MemoryRegistry, Threshold, World
from modelward.adaptive_pipeline.triggers import inbox


@pytest.fixture
def app(store: Store) -> FastAPI:
    return make(store)


# Alerts ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [alertmanager, grafana])
@pytest.mark.parametrize("headers", [BEARER, basic(SECRET), {"authorization": f"bearer {SECRET}"}])
def test_only_firing_alerts_become_wishes(
    store: Store, app: FastAPI, call: Send, payload: Any, headers: dict[str, str]
) -> None:
    body = payload(alert(1), alert(2, status="resolved"), alert(3))
    answer = call(app, "POST", "/hooks/alerts", json=body, headers=headers)
    assert answer.status_code == 202
    assert answer.json() == {"accepted": 2, "repeated": 0, "resolved": 1}
    told = "LossHigh is firing since 2026-01-05T03:00:00.123Z: the loss is 0.4"
    assert reasons(store) == [told, told]
    assert {signal.trigger for _, signal in inbox.taken(store, 0)} == {"alert"}


def test_a_repeat_is_harmless_and_a_new_firing_counts(
    store: Store, app: FastAPI, call: Send
) -> None:
    def send(*alerts: Any) -> Any:
        body = alertmanager(*alerts)
        return call(app, "POST", "/hooks/alerts", json=body, headers=BEARER).json()

    assert send(alert())["accepted"] == 1
    assert send(alert()) == {"accepted": 0, "repeated": 1, "resolved": 0}
    assert send(alert(status="resolved"))["resolved"] == 1
    assert send(alert(began="2026-01-06T09:00:00Z"), alert())["accepted"] == 1
    assert len(reasons(store)) == 2


def test_alerts_without_a_fingerprint_are_told_apart_by_their_labels(
    store: Store, app: FastAPI, call: Send
) -> None:
    bare = [{k: v for k, v in alert(n).items() if k != "fingerprint"} for n in (1, 2, 1)]
    answer = call(app, "POST", "/hooks/alerts", json=alertmanager(*bare), headers=BEARER)
    assert answer.json() == {"accepted": 2, "repeated": 1, "resolved": 0}


@pytest.mark.parametrize(
    "time_header",
    [None, "X-Grafana-Alerting-Signature-Timestamp", "X-Grafana-Alerting-Timestamp"],
)
def test_grafanas_signature_is_believed(
    store: Store, app: FastAPI, call: Send, time_header: str | None
) -> None:
    body = json.dumps(grafana(alert())).encode()
    stamp = str(int(NOW) - 10)
    signed = body if time_header is None else f"{stamp}:".encode() + body
    headers = {"X-Grafana-Alerting-Signature": mac(signed)}
    if time_header:
        headers[time_header] = stamp
    assert call(app, "POST", "/hooks/alerts", content=body, headers=headers).status_code == 202
    assert len(reasons(store)) == 1


def test_an_old_or_changed_signed_request_is_refused(
    store: Store, app: FastAPI, call: Send
) -> None:
    body = json.dumps(grafana(alert())).encode()
    name, old, new = "X-Grafana-Alerting-Signature", str(int(NOW) - 301), str(int(NOW))
    wrong: list[tuple[bytes, dict[str, str]]] = [
        (body, {name: mac(f"{old}:".encode() + body), f"{name}-Timestamp": old}),
        (body, {name: mac(f"{old}:".encode() + body), f"{name}-Timestamp": new}),
        (body, {name: mac(f"{new}:".encode() + body)}),  # the time was taken away
        (body, {name: mac(body), f"{name}-Timestamp": "nan"}),
        (body + b" ", {name: mac(body)}),
        (body, {name: mac(body, "another")}),
        (body, {name: ""}),
    ]
    for content, headers in wrong:
        refused(call(app, "POST", "/hooks/alerts", content=content, headers=headers), 401)
    assert reasons(store) == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer"},
        {"Authorization": f"Digest {SECRET}"},
        {"Authorization": SECRET},
        {"Authorization": "Basic not-base64!"},
        {"Authorization": "Basic " + base64.b64encode(b"\xff\xfe").decode()},
        basic("wrong"),
        basic(""),
        {"X-Gitlab-Token": SECRET},
    ],
)
def test_a_sender_without_the_secret_is_refused_and_nothing_is_stored(
    store: Store, app: FastAPI, call: Send, headers: dict[str, str]
) -> None:
    answer = call(app, "POST", "/hooks/alerts", json=alertmanager(alert()), headers=headers)
    refused(answer, 401)
    assert "Bearer" in answer.headers["www-authenticate"]
    assert reasons(store) == []


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"{not json", "JSON"),
        (b"\xff\xfe", "JSON"),
        (b"[" * 100_000, "JSON"),
        (b"[]", "the body"),
        (b"{}", "alerts"),
        (b'{"alerts": 7}', "alerts"),
        (b'{"alerts": [{"status": "firing"}]}', "alerts.0.startsAt"),
        (b'{"alerts": [{"status": 1, "startsAt": "x"}]}', "alerts.0.status"),
    ],
)
def test_what_cannot_be_read_is_named(
    store: Store, app: FastAPI, call: Send, body: bytes, named: str
) -> None:
    answer = call(app, "POST", "/hooks/alerts", content=body, headers=BEARER)
    assert named in refused(answer, 422)
    assert reasons(store) == []


def test_an_alert_cannot_give_commands(store: Store, app: FastAPI, call: Send) -> None:
    sly = alert()
    sly["labels"] |= {"alertname": "promote", "trigger": "promote"}
    call(app, "POST", "/hooks/alerts", json=alertmanager(sly), headers=BEARER)
    assert [signal.trigger for _, signal in inbox.taken(store, 0)] == ["alert"]


def test_a_storm_of_alerts_gives_one_start(store: Store, app: FastAPI, call: Send) -> None:
    arbiter = Arbiter(cooldown=200, debounce=5, budget=4)
    starts, heard, cursor = [], 0, 0
    for number in range(1_000):
        # The same few alerts, some told again and again, some firing anew each time.
        each = alert(number % 7, began=f"2026-01-05T03:00:{number % 60:02d}Z")
        answer = call(app, "POST", "/hooks/alerts", json=alertmanager(each), headers=BEARER)
        assert answer.status_code == 202
        for at, signal in inbox.taken(store, cursor):
            cursor, heard = at, heard + 1
            arbiter.submit(signal)
        now = NOW + number * 0.1
        decision = arbiter.decide(position=number // 10, now=now, busy=None, rows=500, needed=100)
        if decision and decision.start:
            starts.append(decision)
    assert heard == 420  # 7 alerts, each with 60 beginnings
    assert len(starts) == 1
    assert starts[0].merged > 1


def test_a_storm_of_alerts_retrains_a_whole_pipeline_once(
    store: Store, memory: MemoryRegistry, call: Send
) -> None:
    now = [NOW]
    loop = AdaptivePipeline(
        store=store,
        registry=memory,
        train=lambda data, context: Threshold(0.5),
        triggers=[Manual()],
        window=SinceDrift(minimum=100),
        comparison=Comparison(minimum=60, maximum=200),
        arbiter=Arbiter(cooldown=50, debounce=60),
        executor=Inline(),
        clock=lambda: now[0],
    )
    world = World(shift=None, n=900)
    world.run(loop, stop=300)
    app = make(store)
    for number in range(1_000):
        now[0] += 0.05
        body = alertmanager(alert(number % 10))
        assert call(app, "POST", "/hooks/alerts", json=body, headers=BEARER).status_code == 202
        if number % 50 == 0:
            loop.step()
    now[0] += 60
    world.run(loop, start=300)
    assert len(loop.ledger.entries("signal")) == 10
    answers = [entry.body["because"].split(":")[0] for entry in loop.ledger.entries("decision")]
    assert answers == [
        "not now, because more wishes may come within 60 seconds of the first",
        "now",
    ]
    assert loop.ledger.entries("decision")[-1].body["merged"] == 10
    assert len(loop.ledger.entries("retraining")) == 1
    loop.close()
