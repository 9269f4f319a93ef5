"""The API: who is let in, what is refused and how it is said; and schemathesis against its document."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from modelward.core.errors import ConfigError
from modelward.validation.server import Database, Service, Settings, create_app
from modelward.validation.server.api.guard import Rates
from modelward.validation.server.errors import AccessError
from modelward.validation.server.store import access

Make = Callable[..., int]
LOCAL = "http://127.0.0.1"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'v.db'}"


@pytest.fixture
def open_client(url: str) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(database=url)), base_url=LOCAL) as client:
        yield client


@pytest.fixture
def keyed(url: str) -> Iterator[tuple[TestClient, Database]]:
    """A server that asks for keys, and its database."""
    database = Database(url)
    access.create_key(database, "ours", label="first")
    with TestClient(create_app(Settings(database=url)), base_url=LOCAL) as client:
        yield client, database
    database.close()


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    content: dict[str, Any] = response.json()
    assert content["status"] == status
    return content


def test_a_key_opens_its_tenant_alone(keyed: tuple[TestClient, Database], make_job: Make) -> None:
    client, database = keyed
    ours, theirs = (access.create_key(database, tenant) for tenant in ("ours", "theirs"))
    job = make_job(Service(database, tenant=access.tenant_id(database, "ours")))
    assert client.get(f"/api/v1/jobs/{job}", headers=bearer(ours)).json()["id"] == job
    assert client.get(f"/api/v1/jobs/{job}", headers={"X-API-Key": ours}).status_code == 200
    for path in ("", "/runs", "/certainty", "/explanation", "/history", "/export"):
        answer = client.get(f"/api/v1/jobs/{job}{path}", headers=bearer(theirs))
        missing = client.get(f"/api/v1/jobs/{job + 99}{path}", headers=bearer(theirs))
        assert problem(answer, 404)["detail"].replace(str(job), "N") == problem(missing, 404)[
            "detail"
        ].replace(str(job + 99), "N")
    assert client.get("/api/v1/jobs", headers=bearer(theirs)).json() == []


def test_wrong_expired_and_revoked_keys_are_refused(keyed: tuple[TestClient, Database]) -> None:
    client, database = keyed
    key = access.create_key(database, "ours")
    expired = access.create_key(database, "ours", seconds=-1)
    for given, what in (
        (None, "got none"),
        ("nonsense", "another"),
        (key[:-1] + ("a" if key[-1] != "a" else "b"), "another"),
        (f"mw-{key.split('-')[1]}-", "another"),
        (expired, "expired"),
    ):
        answer = client.get("/api/v1/jobs", headers=bearer(given) if given else {})
        assert what in problem(answer, 401)["detail"]
        assert answer.headers["www-authenticate"] == "Bearer"
    assert client.get("/api/v1/jobs", headers=bearer(key)).status_code == 200
    access.revoke_key(database, key)
    assert "revoked" in problem(client.get("/api/v1/jobs", headers=bearer(key)), 401)["detail"]
    assert problem(client.get("/metrics"), 401)
    assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200


def test_only_the_hash_of_a_key_is_kept(url: str) -> None:
    database = Database(url)
    key = access.create_key(database, "ours")
    with database.reading() as tx:
        rows = json.dumps([list(row) for row in tx.execute(text("SELECT * FROM validation_keys"))])
    assert key not in rows
    assert key.split("-", 2)[2] not in rows
    assert all("digest" not in each for each in access.list_keys(database))
    database.close()


def test_a_key_that_may_only_read_cannot_write(keyed: tuple[TestClient, Database]) -> None:
    client, database = keyed
    key = access.create_key(database, "ours", read_only=True)
    assert client.get("/api/v1/systems", headers=bearer(key)).status_code == 200
    answer = client.post("/api/v1/systems", json={"name": "a"}, headers=bearer(key))
    assert "only read" in problem(answer, 403)["detail"]


def test_an_open_server_serves_this_machine_alone(open_client: TestClient, url: str) -> None:
    make = {"json": {"name": "a"}}
    assert open_client.post("/api/v1/systems", **make).status_code == 200
    # The original's scripts hand over a key: without any key here, it is as good as none.
    assert open_client.get("/api/v1/systems", headers=bearer("theirs")).status_code == 200
    other_name = {"host": "evil.example"}
    assert problem(open_client.get("/api/v1/systems", headers=other_name), 403)
    other_origin = {"origin": "http://evil.example"}
    assert problem(open_client.post("/api/v1/systems", headers=other_origin, **make), 403)
    database = Database(url)
    access.create_key(database, "ours")  # from now on nobody is let in without
    database.close()
    assert problem(open_client.get("/api/v1/systems"), 401)


def test_other_addresses_need_a_key(url: str) -> None:
    with pytest.raises(ConfigError, match=r"an API key in the database to listen on 0\.0\.0\.0"):
        create_app(Settings(database=url, host="0.0.0.0"))
    database = Database(url)
    access.create_key(database, "ours")
    database.close()
    with TestClient(create_app(Settings(database=url, host="0.0.0.0")), base_url=LOCAL) as client:
        assert problem(client.get("/api/v1/jobs"), 401)


def test_too_many_requests_are_told_to_wait(url: str) -> None:
    settings = Settings(database=url, rate=0.001, burst=3)
    with TestClient(create_app(settings), base_url=LOCAL) as client:
        assert [client.get("/api/v1/jobs").status_code for _ in range(4)] == [200, 200, 200, 429]
        assert int(client.get("/api/v1/jobs").headers["retry-after"]) >= 1
    rates = Rates(rate=2.0, burst=2)
    assert [rates.take("a", now=t) for t in (0.0, 0.0, 0.0, 0.5)] == [0.0, 0.0, 0.5, 0.0]
    assert rates.take("b", now=0.0) == 0.0  # each has a bucket of its own


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422),
        (b"[]", 422),
        (b'{"name": 1}', 422),
        (b'{"name": "a", "more": 1}', 422),
        (b'{"name": ""}', 422),
        (b'{"name": "a\\u0000b"}', 422),
        (b'{"name": "\\ud800"}', 422),
        (b'{"name": "a", "metainfo": {"x": NaN}}', 422),
        (b'{"name": "a", "metainfo": {"x": 1e999}}', 422),
        (b'{"name": "a", "metainfo": ' + b'{"a":' * 900 + b"1" + b"}" * 900 + b"}", 422),
        (b"\xff\xfe", 422),
    ],
)
def test_bodies_that_do_not_fit_are_told(open_client: TestClient, body: bytes, status: int) -> None:
    headers = {"content-type": "application/json"}
    answer = open_client.post("/api/v1/systems", content=body, headers=headers)
    if answer.status_code == 200:  # deep, but JSON
        assert b'{"a":' in body
        return
    problem(answer, 400 if answer.status_code == 400 else status)
    assert open_client.get("/api/v1/systems").json() == []


def test_a_body_of_50_megabytes_is_refused(open_client: TestClient) -> None:
    content = b'{"name": "' + b"a" * (50 * 2**20) + b'"}'
    headers = {"content-type": "application/json"}
    answer = open_client.post("/api/v1/systems", content=content, headers=headers)
    assert "at most 10485760 bytes" in problem(answer, 413)["detail"]

    def pieces() -> Iterator[bytes]:  # without saying how large it is
        for _ in range(50):
            yield b"a" * 2**20

    answer = open_client.post("/api/v1/systems", content=pieces(), headers=headers)
    assert problem(answer, 413)


def test_answers_carry_what_protects(open_client: TestClient) -> None:
    for path in ("/api/v1/jobs", "/jobs", "/docs", "/nothing"):
        headers = open_client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-request-id"]
    assert "script-src 'self'" in open_client.get("/jobs").headers["content-security-policy"]


def test_metrics_and_logs_say_what_happened(
    open_client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="modelward.validation.access"):
        open_client.get("/api/v1/jobs/77")
    fields = caplog.records[-1].fields  # type: ignore[attr-defined]
    assert (fields["route"], fields["status"]) == ("/api/v1/jobs/{job}", 404)
    text_ = open_client.get("/metrics").text
    assert (
        'modelward_validation_requests_total{method="GET",route="/api/v1/jobs/{job}",status="404"} 1.0'
        in text_
    )
    assert 'modelward_validation_runs{state="told"} 0.0' in text_


def test_logins_are_bound_to_their_key(keyed: tuple[TestClient, Database]) -> None:
    client, database = keyed
    key = access.create_key(database, "ours")
    assert client.get("/jobs").url.path == "/login"
    wrong = client.post("/login", data={"key": "wrong", "next": "/jobs"})
    assert wrong.status_code == 401
    elsewhere = client.post(
        "/login", data={"key": key, "next": "//evil.example"}, follow_redirects=False
    )
    assert elsewhere.headers["location"] == "/jobs"
    cookie = elsewhere.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/jobs", follow_redirects=False).status_code == 200
    forged = client.post("/logout", headers={"origin": "http://evil.example"})
    assert forged.status_code == 403
    access.revoke_key(database, key)
    assert client.get("/jobs").url.path == "/login"


def test_a_session_ends(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(url)
    secret = access.log_in(database, access.create_key(database, "ours"))
    assert access.caller_of_session(database, secret).tenant_id
    now = time.time()
    monkeypatch.setattr(access.time, "time", lambda: now + access.SESSION_SECONDS + 1)
    with pytest.raises(AccessError, match="has ended"):
        access.caller_of_session(database, secret)
    database.close()


def test_the_export_is_inert_in_a_spreadsheet(url: str) -> None:
    database = Database(url)
    service = Service(database, tenant=access.tenant_id(database, "local"))
    scenario = service.get_or_create_scenario("day")["id"]
    levels = ["=HYPERLINK(1)", "fine"]
    service.configure_features(
        scenario, [{"kind": "FeatureCategorical", "name": "c", "levels": levels}]
    )
    service.configure_outputs(scenario, [{"name": "z", "threshold": 0.5}])
    system = service.get_or_create_system("s")["id"]
    job = service.get_or_create_job(system, scenario, "j")["id"]
    rows = [{"point": {"c": level}, "results": {"z": -1.0}} for level in levels]
    service.add_field_data(job, rows, request="a")
    with database.writing() as tx:  # as a worker gives numbers to field data
        tx.execute(text("UPDATE validation_runs SET number = id"))
    database.close()
    with TestClient(create_app(Settings(database=url)), base_url=LOCAL) as client:
        lines = client.get(f"/api/v1/jobs/{job}/export").text.splitlines()
        assert lines[0] == "run,c,z,kind,failed,late,crash"
        assert [line.split(",")[1:3] for line in lines[1:]] == [
            ["'=HYPERLINK(1)", "-1.0"],
            ["fine", "-1.0"],
        ]
        json_lines = client.get(f"/api/v1/jobs/{job}/export?format=jsonl").text.splitlines()
        assert [json.loads(line)["point"]["c"] for line in json_lines] == levels
