"""Both webhooks: closed without a secret, bounded, and quiet about what they know."""

from __future__ import annotations

import base64
import json
import logging
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.adaptive_pipeline.hooking import (
    BEARER,
    SECRET,
    TOKEN,
    Send,
    alert,
    alertmanager,
    basic,
    by_github,
    github,
    gitlab,
    make,
    push,
    reasons,
    refused,
)

from modelward.adaptive_pipeline import (
    Store,
)
from modelward.core.errors import ServiceError


@pytest.fixture
def app(store: Store) -> FastAPI:
    return make(store)


# Both -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", [None, ""])
@pytest.mark.parametrize("hook", ["alerts", "repository"])
def test_a_hook_without_a_secret_is_closed_and_says_what_to_set(
    store: Store, call: Send, hook: str, secret: str | None
) -> None:
    name = {"alerts": "alert_secret", "repository": "repository_secret"}[hook]
    app = make(store, **{name: secret})
    for headers in ({}, {"Authorization": "Bearer "}, {"X-Gitlab-Token": ""}, by_github(b"{}")):
        detail = refused(call(app, "POST", f"/hooks/{hook}", content=b"{}", headers=headers), 403)
        assert f"gateway.{name}" in detail
    assert reasons(store) == []


@pytest.mark.parametrize("hook", ["alerts", "repository"])
def test_a_large_body_is_refused_before_it_is_read_whole(
    store: Store, app: FastAPI, call: Send, hook: str
) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        for _ in range(10_240):
            sent += 1024
            yield b" " * 1024

    answer = call(app, "POST", f"/hooks/{hook}", content=endless(), headers=BEARER)
    assert "1048576" in refused(answer, 413)
    body = json.dumps(alertmanager(alert())).encode().ljust(1 << 20)
    if hook == "alerts":
        assert call(app, "POST", "/hooks/alerts", content=body, headers=BEARER).status_code == 202


def test_secrets_are_never_logged(
    store: Store, call: Send, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    app = make(store)
    for headers in (BEARER, {"Authorization": f"Bearer {SECRET}x"}, basic(SECRET), TOKEN):
        call(app, "POST", "/hooks/alerts", json=alertmanager(alert()), headers=headers)
        push(call, app, gitlab(), headers)
    assert "refused with 401" in caplog.text
    assert SECRET not in caplog.text
    assert base64.b64encode(f"anyone:{SECRET}".encode()).decode() not in caplog.text


def test_a_store_that_is_away_is_told_so_that_the_sender_tries_again(
    store: Store, app: FastAPI, call: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise ServiceError("expected the database postgres://user@host to answer, got: nothing")

    with monkeypatch.context() as patched:
        patched.setattr(store, "transaction", away)
        answer = call(app, "POST", "/hooks/alerts", json=alertmanager(alert()), headers=BEARER)
        assert "postgres" not in refused(answer, 503)
    answer = call(app, "POST", "/hooks/alerts", json=alertmanager(alert()), headers=BEARER)
    assert answer.json()["accepted"] == 1


def test_odd_characters_are_kept_out_of_every_database(stores: Store, call: Send) -> None:
    odd = "a\x00b\u202ec\nd"
    strange = alert()
    strange["labels"]["alertname"] = strange["annotations"]["summary"] = odd
    strange["startsAt"] = strange["fingerprint"] = odd
    strange_push = github()
    strange_push["repository"]["full_name"] = "\ud800"
    app = make(stores)
    body = json.dumps(alertmanager(strange)).encode()
    assert call(app, "POST", "/hooks/alerts", content=body, headers=BEARER).status_code == 202
    assert push(call, app, strange_push).status_code == 202
    first, second = reasons(stores)
    assert first == "a b c d is firing since a b c d: a b c d"
    assert second == "commit 6113728f27ae on main of  : Use the new sensor"
    assert call(app, "POST", "/hooks/alerts", content=body, headers=BEARER).json()["repeated"] == 1


TEXT = st.text(st.characters(exclude_categories=[]))  # lone surrogates as well
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=15,
)
ODD = st.one_of(
    st.binary(),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(
        st.sampled_from(["ref", "after", "commits", "head_commit", "project"]), JSON
    ).map(lambda more: json.dumps({**github(), **more}).encode()),
    st.dictionaries(st.sampled_from(["status", "labels", "annotations", "startsAt"]), JSON).map(
        lambda more: json.dumps(alertmanager({**alert(), **more})).encode()
    ),
)


@given(body=ODD)
@settings(max_examples=150, deadline=None)
def test_no_body_brings_a_hook_down(body: bytes) -> None:
    store = Store("sqlite://")
    app = make(store)

    async def send() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return [
                await client.post("/hooks/alerts", content=body, headers=BEARER),
                await client.post("/hooks/repository", content=body, headers=by_github(body)),
            ]

    import asyncio

    for answer in asyncio.run(send()):
        assert answer.status_code in {202, 422}
    store.close()
