"""What the tests of the webhooks share: payloads, signatures, and what became of them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import httpx
from fastapi import FastAPI

from modelward.adaptive_pipeline import (
    Store,
    hooks_router,
)
from modelward.adaptive_pipeline.triggers import inbox

SECRET = "correct horse battery staple"
NOW = 1_767_582_000.0
COMMIT, OLDER = (
    "6113728f27ae82c7b1a177c8d03f9e96e0adf246",
    "95790bf891e76fee5e1747ab589903a6a1f80f22",
)
Send = Callable[..., httpx.Response]


def make(store: Store, **more: Any) -> FastAPI:
    app = FastAPI()
    secrets = {"alert_secret": SECRET, "repository_secret": SECRET, **more}
    app.include_router(hooks_router(store, clock=lambda: NOW, **secrets))
    return app


def alertmanager(*alerts: dict[str, Any]) -> dict[str, Any]:
    return {
        "version": "4",
        "groupKey": '{}:{alertname="LossHigh"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "modelward",
        "groupLabels": {"alertname": "LossHigh"},
        "commonLabels": {"alertname": "LossHigh", "version": "3"},
        "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "alerts": list(alerts),
    }


def alert(
    number: int = 0, *, status: str = "firing", began: str = "2026-01-05T03:00:00.123Z"
) -> Any:
    return {
        "status": status,
        "labels": {"alertname": "LossHigh", "version": "3", "segment": f"vessel={number}"},
        "annotations": {"summary": "the loss is 0.4", "description": "for ten minutes"},
        "startsAt": began,
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus:9090/graph",
        "fingerprint": f"{number:016x}",
    }


def grafana(*alerts: dict[str, Any]) -> dict[str, Any]:
    shared = {"silenceURL": "http://grafana/silence", "values": {"A": 0.41, "C": 1}}
    return {
        **alertmanager(*[{**each, **shared} for each in alerts]),
        "version": "1",
        "orgId": 1,
        "title": "[FIRING:1] LossHigh",
        "state": "alerting",
        "message": "**Firing**",
    }


def github(ref: str = "refs/heads/main", after: str = COMMIT) -> dict[str, Any]:
    newest = {"id": after, "message": "Use the new sensor\n\nand more", "timestamp": "2026-01-05"}
    return {
        "ref": ref,
        "before": OLDER,
        "after": after,
        "created": False,
        "deleted": not after.strip("0"),
        "forced": False,
        "repository": {"id": 1, "name": "fuel", "full_name": "fleet/fuel"},
        "pusher": {"name": "ada"},
        "head_commit": newest if after.strip("0") else None,
        "commits": [newest] if after.strip("0") else [],
    }


def gitlab(ref: str = "refs/heads/main", after: str = COMMIT) -> dict[str, Any]:
    return {
        "object_kind": "push",
        "event_name": "push",
        "before": OLDER,
        "after": after,
        "checkout_sha": after,
        "ref": ref,
        "project": {"name": "Fuel", "path_with_namespace": "fleet/fuel"},
        "commits": [{"id": after, "message": "Use the new sensor"}],
        "total_commits_count": 1,
    }


def mac(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def by_github(body: bytes, event: str = "push", secret: str = SECRET) -> dict[str, str]:
    return {
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "X-Hub-Signature-256": f"sha256={mac(body, secret)}",
        "Content-Type": "application/json",
    }


BEARER = {"Authorization": f"Bearer {SECRET}"}
TOKEN = {"X-Gitlab-Event": "Push Hook", "X-Gitlab-Token": SECRET}


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"anyone:{password}".encode()).decode()}


def reasons(store: Store) -> list[str]:
    return [signal.reason for _, signal in inbox.taken(store, 0)]


def refused(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"] == "about:blank"
    assert problem["title"]
    assert SECRET not in answer.text
    return str(problem["detail"])


def push(call: Send, app: FastAPI, payload: Any, headers: Any = by_github) -> httpx.Response:
    body = json.dumps(payload).encode()
    made = headers(body) if callable(headers) else headers
    return call(app, "POST", "/hooks/repository", content=body, headers=made)
