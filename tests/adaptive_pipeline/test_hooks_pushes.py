"""The webhook for pushes: GitHub and GitLab, believed only with the right signature."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest
from fastapi import FastAPI
from tests.adaptive_pipeline.hooking import (
    BEARER,
    NOW,
    OLDER,
    SECRET,
    TOKEN,
    Send,
    by_github,
    github,
    gitlab,
    mac,
    make,
    push,
    reasons,
    refused,
)

from modelward.adaptive_pipeline import (
    Store,
)


@pytest.fixture
def app(store: Store) -> FastAPI:
    return make(store)


# Pushes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("payload", "headers"), [(github(), by_github), (gitlab(), TOKEN)])
def test_a_push_becomes_a_wish_once(
    store: Store, app: FastAPI, call: Send, payload: Any, headers: Any
) -> None:
    first = push(call, app, payload, headers)
    assert (first.status_code, first.json()) == (202, {"accepted": 1})
    again = push(call, app, payload, headers)
    assert again.status_code == 202
    assert again.json() == {"accepted": 0, "ignored": "the commit was told before"}
    assert reasons(store) == ["commit 6113728f27ae on main of fleet/fuel: Use the new sensor"]


def test_one_commit_told_by_two_forges_counts_once(store: Store, app: FastAPI, call: Send) -> None:
    push(call, app, github())
    push(call, app, gitlab(), TOKEN)
    assert len(reasons(store)) == 1


@pytest.mark.parametrize(
    ("payload", "event", "why"),
    [
        (github("refs/heads/try"), "push", "refs/heads/try is not the branch main"),
        (github("refs/tags/main"), "push", "refs/tags/main is not the branch main"),
        (github(after="0" * 40), "push", "the branch was deleted"),
        ({"zen": "Keep it simple.", "hook_id": 1}, "ping", "the event is 'ping', not a push"),
        ({"action": "opened"}, "issues", "the event is 'issues', not a push"),
    ],
)
def test_what_is_no_push_to_the_branch_is_passed_over(
    store: Store, app: FastAPI, call: Send, payload: Any, event: str, why: str
) -> None:
    answer = push(call, app, payload, lambda body: by_github(body, event))
    assert answer.status_code == 202
    assert answer.json() == {"accepted": 0, "ignored": why}
    assert reasons(store) == []


def test_another_branch_can_be_followed(store: Store, call: Send) -> None:
    app = make(store, branch="release/1")
    assert push(call, app, github("refs/heads/release/1")).json() == {"accepted": 1}
    assert push(call, app, github("refs/heads/main", OLDER)).json()["accepted"] == 0


@pytest.mark.parametrize(
    "headers",
    [
        lambda body: by_github(body, secret="wrong"),
        lambda body: by_github(body + b" "),
        lambda body: {"X-GitHub-Event": "push"},
        lambda body: {"X-GitHub-Event": "push", "X-Hub-Signature-256": mac(body)},  # no sha256=
        lambda body: {"X-GitHub-Event": "push", "X-Hub-Signature-256": "sha256="},
        lambda body: {
            "X-GitHub-Event": "push",
            "X-Hub-Signature": "sha1=" + hmac.new(SECRET.encode(), body, "sha1").hexdigest(),
        },
        # A wrong signature is not saved by a token.
        lambda body: {**by_github(body, secret="wrong"), "X-Gitlab-Token": SECRET},
        lambda body: {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": "wrong"},
        lambda body: {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": ""},
        lambda body: {"X-Gitlab-Event": "Push Hook"},
        lambda body: {"X-GitHub-Event": "push", **BEARER},
    ],
)
def test_a_wrong_signature_is_refused_and_nothing_is_stored(
    store: Store, app: FastAPI, call: Send, headers: Any
) -> None:
    refused(push(call, app, github(), headers), 401)
    assert reasons(store) == []


KEY = base64.b64encode(bytes(range(32))).decode()
SIGNING = f"whsec_{KEY}"


def by_gitlab(body: bytes, *, at: float = NOW, key: bytes = bytes(range(32))) -> dict[str, str]:
    identity, moment = "8a1e", str(int(at))
    code = hmac.new(key, f"{identity}.{moment}.".encode() + body, hashlib.sha256).digest()
    return {
        "X-Gitlab-Event": "Push Hook",
        "webhook-id": identity,
        "webhook-timestamp": moment,
        "webhook-signature": "v1," + base64.b64encode(code).decode(),
    }


def test_gitlabs_signature_is_believed(store: Store, call: Send) -> None:
    app = make(store, repository_secret=SIGNING)
    for headers in (
        by_gitlab,
        lambda body: {  # two, while the token is being changed
            **by_gitlab(body),
            "webhook-signature": "v1,AAAA " + by_gitlab(body)["webhook-signature"],
        },
    ):
        assert push(call, app, gitlab(), headers).status_code == 202
    assert len(reasons(store)) == 1


@pytest.mark.parametrize(
    "headers",
    [
        lambda body: by_gitlab(body, at=NOW - 301),
        lambda body: by_gitlab(body, at=NOW + 301),
        lambda body: by_gitlab(body, key=b"wrong"),
        lambda body: by_gitlab(body + b" "),
        lambda body: {**by_gitlab(body), "webhook-id": "another"},
        lambda body: {**by_gitlab(body), "webhook-timestamp": str(int(NOW) + 1)},
        lambda body: {**by_gitlab(body), "webhook-timestamp": "soon"},
        lambda body: {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": SIGNING},
    ],
)
def test_with_a_signing_token_only_what_it_signed_is_believed(
    store: Store, call: Send, headers: Any
) -> None:
    refused(push(call, make(store, repository_secret=SIGNING), gitlab(), headers), 401)
    refused(push(call, make(store, repository_secret="whsec_no!"), gitlab(), headers), 401)
    assert reasons(store) == []


def test_githubs_own_example_of_a_signature(store: Store) -> None:
    """The values that docs.github.com gives to test an implementation against."""
    from modelward.adaptive_pipeline.gateway.signatures import sent_by_forge

    code = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    headers = {"x-hub-signature-256": f"sha256={code}"}
    assert sent_by_forge(headers, b"Hello, World!", "It's a Secret to Everybody", now=0.0)


@pytest.mark.parametrize(
    "payload",
    [[], {}, {"ref": "refs/heads/main"}, {**github(), "after": "main"}, {**github(), "ref": 7}],
)
def test_a_push_that_cannot_be_read_is_named(
    store: Store, app: FastAPI, call: Send, payload: Any
) -> None:
    assert "'ref'" in refused(push(call, app, payload), 422)
    assert reasons(store) == []
