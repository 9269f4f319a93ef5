"""The dashboard over HTTP: every view and its JSON, who is let in, and what comes of wrong questions."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event
from tests.monitoring.watching import HOSTILE, NOW, PREFIX, in_trouble, rows, samples

from modelward.core.errors import ConfigError
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.fleet.records import Model, Window
from modelward.monitoring.outputs.dashboard import Settings, create_app
from modelward.monitoring.sketch.table import Sketch

LOCAL = "http://127.0.0.1:8400"
HOSTILE_QUERY = quote(HOSTILE, safe="")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    made = in_trouble(f"sqlite:///{tmp_path_factory.mktemp('dashboard') / 'fleet.db'}")
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(fleet: Fleet) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(rows=5), fleet=fleet), base_url=LOCAL) as made:
        yield made


class Seen(HTMLParser):
    """What a browser would make of a page: its elements, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def links(self, start: str = "") -> list[str]:
        found = [a["href"] or "" for tag, a in self.tags if tag == "a" and "href" in a]
        return [href for href in found if href.startswith(start)]


def seen(client: TestClient, path: str, status: int = 200) -> Seen:
    answer = client.get(path, headers={"accept": "text/html"})
    assert answer.status_code == status, answer.text
    return Seen(answer.text)


PAGES = [
    "/",
    "/incidents",
    "/quality",
    "/workflows",
    f"/model?name={HOSTILE_QUERY}",
    "/model?name=broken-0",
    "/model?name=new",
    "/model?name=dumb",
    "/feature?model=broken-0&name=age",
]


@pytest.mark.parametrize("path", PAGES)
def test_every_page_has_one_heading_a_policy_and_nothing_from_elsewhere(
    client: TestClient, path: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    page = Seen(answer.text)
    tags = [tag for tag, _ in page.tags]
    assert tags.count("h1") == 1
    assert "script" not in tags
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    for _, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (name, value)
            assert name != "style"
            if name in {"src", "href", "action"} and value != "data:,":
                assert (value or "").startswith(("/", "#")), value


def test_the_fleet_is_ranked_and_the_costliest_comes_first(client: TestClient) -> None:
    page = seen(client, "/")
    first = next(link for link in page.links("/model?name="))
    assert first == f"/model?name={HOSTILE_QUERY}"  # the one whose performance was lost
    assert "1 to 5 of 19" in page.text
    found = client.get("/api/models?limit=1000").json()
    losses = [m["expected_loss"] or 0.0 for m in found["models"]]
    assert losses == sorted(losses, reverse=True)
    assert found["total"] == 19


def test_pages_of_the_table_together_are_the_fleet(client: TestClient, fleet: Fleet) -> None:
    names, address = [], "/?sort=name&order=ascending"
    while address:
        page = seen(client, address)
        names += page.links("/model?name=")
        address = next(
            (a["href"] or "" for tag, a in page.tags if tag == "a" and a.get("rel") == "next"), ""
        )
    # The way round: links of the table alone, each model once.
    assert sorted(names) == sorted(f"/model?name={quote(m.name, safe='')}" for m in fleet.models())


def test_headings_sort_and_turn_round(client: TestClient) -> None:
    page = seen(client, "/?sort=name&order=ascending&search=broken")
    turned = next(link for link in page.links("/?search=broken&sort=name"))
    assert "order=ascending" not in turned
    names = seen(client, turned).links("/model?name=broken")
    assert names == sorted(names, reverse=True)
    assert "(sorted, ascending)" in page.text


def test_search_state_and_group_narrow_it_down(client: TestClient) -> None:
    assert "1 to 5 of 8" in seen(client, "/?search=BROKEN").text
    assert "No model is like that" in seen(client, "/?search=%25%5F").text
    page = seen(client, "/?state=new")
    assert page.links("/model?name=new")
    assert "of 1" in page.text
    assert client.get("/api/models", params={"group": 'c"\n'}).json()["total"] == 1
    chosen = [a["value"] for tag, a in page.tags if tag == "option" and "selected" in a]
    assert chosen == ["new"]


def test_incidents_name_cause_members_and_what_to_do(client: TestClient) -> None:
    found = client.get("/api/incidents").json()
    shared = next(i for i in found if len(i["members"]) == 8)
    page = seen(client, f"/incident?id={shared['id']}")
    assert "'age'" in shared["title"]
    assert len(page.links("/model?name=broken-")) == 8
    assert shared["suggestion"].split(".")[0] in page.text
    assert "a new source" in page.text
    assert f"silence {shared['id']}" in page.text
    assert page.links("/incidents")


def test_a_models_page_tells_what_the_store_knows(client: TestClient, fleet: Fleet) -> None:
    page = seen(client, f"/model?name={HOSTILE_QUERY}")
    assert "Alarmed" in page.text
    assert "out it goes" in page.text  # its deployment
    pictures = [a["aria-label"] or "" for tag, a in page.tags if a.get("role") == "img"]
    assert any("accuracy over 1 windows; the newest is 0.5" in said for said in pictures)
    said = client.get("/api/model", params={"name": HOSTILE}).json()
    assert said["status"]["performance"]["realised"]["value"] == 0.5
    assert said["catalogue"]["version"] == "7"
    assert {e["kind"] for e in said["events"]} == {"deployment", "retraining", "data"}


def test_a_features_page_shows_both_sides(client: TestClient) -> None:
    page = seen(client, "/feature?model=broken-0&name=age")
    assert "Drifted" in page.text
    assert len([1 for tag, a in page.tags if a.get("role") == "img"]) == 2
    decided = client.get("/api/drift?name=broken-0").json()
    assert decided["shifted"] == ["age"]
    over_time = client.get("/api/feature?model=broken-0&name=age").json()["windows"]
    assert over_time[-1]["q_value"] == decided["features"][0]["q_value"]


def test_another_window_has_a_page_of_its_own(tmp_path: Path) -> None:
    with Fleet(f"sqlite:///{tmp_path / 'fleet.db'}") as fleet:
        reference = Sketch.fit(rows())
        fleet.add(Model("m"), reference)
        windows = [Window(NOW - timedelta(hours=h + 1), NOW - timedelta(hours=h)) for h in (1, 0)]
        for window, shift in zip(windows, (0.0, 2.0), strict=True):
            fleet.record("m", window, reference.empty().add(rows(shift, seed=3)))
            fleet.assess(window)
        with TestClient(create_app(fleet=fleet), base_url=LOCAL) as client:
            page = seen(client, "/model?name=m")
            links = page.links("/model?name=m&window=")
            assert len(links) == 2
            for kind in ("model?name=m", "feature?model=m&name=age"):
                old = seen(client, f"/{kind}&{links[1].partition('&')[2]}")
                assert "no drift shown" in old.text
            assert seen(client, "/model?name=m&window=2020-01-01/2020-01-02", 404)
            assert seen(client, "/model?name=m&window=yesterday", 422)


def test_quality_names_what_failed(client: TestClient) -> None:
    page = seen(client, "/quality")
    assert "size: 40 % are missing" in page.text
    assert "12 rows, fewer than 100" in page.text
    assert client.get("/api/models?failing=true").json()["total"] == 1


def test_workflows_and_machines_are_shown(client: TestClient) -> None:
    page = seen(client, "/workflows")
    assert "node-1" in page.text
    assert "97% of 100 B" in page.text
    found = client.get("/api/workflows").json()
    assert [w["name"] for w in found] == ["load"]
    assert found[0]["last_state"] == "failed"
    assert client.get("/api/resources?limit=1").json()[0]["values"]["cpu_ratio"] == 0.5


def test_metrics_are_the_fleets_and_the_dashboards_own(client: TestClient) -> None:
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = samples(answer.content)
    assert found["model_alarmed", HOSTILE] == 1.0
    assert found["service_requests_total", "ok", "dashboard"] > 0
    assert PREFIX.encode() in answer.content


@pytest.mark.parametrize("path", PAGES)
def test_no_name_becomes_markup(client: TestClient, path: str) -> None:
    page = client.get(path).text
    assert "<script" not in page
    assert "<i>ada" not in page
    if HOSTILE_QUERY in path:
        assert '<script>alert("1")</script>' in unescape(page)


def test_strange_names_have_pages_that_can_be_reached(tmp_path: Path) -> None:
    names = ["../../etc/passwd", "a\u202eb", "x" * 500, "ünï/☃ ?#&=+%20", "' OR 1=1 --", "{{7*7}}"]
    with Fleet(f"sqlite:///{tmp_path / 'fleet.db'}") as fleet:
        for name in names:
            fleet.add(Model(name, group=name[:100]))
        with TestClient(create_app(fleet=fleet), base_url=LOCAL) as client:
            page = seen(client, "/")
            assert "49" not in page.text.replace("490", "")
            links = page.links("/model?name=")
            assert len(links) == len(names)
            for link in links:
                assert seen(client, link).text
            kept = {client.get(f"/api{link}").json()["status"]["model"] for link in links}
            assert kept == set(names)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        ("/model?name=nobody", 404),
        ("/feature?model=broken-0&name=nothing", 404),
        ("/feature?model=new&name=age", 404),
        ("/incident?id=nothing", 404),
        ("/report?model=broken-0&id=nothing", 404),
        ("/model", 422),
        ("/?sort=password", 422),
        ("/?state=fine", 422),
        ("/?page=0", 422),
        ("/?page=many", 422),
        (f"/?search={'x' * 501}", 422),
        (f"/?search={'x' * 9_000}", 414),
    ],
)
def test_a_wrong_question_is_answered_with_what_is_wrong(
    client: TestClient, path: str, status: int
) -> None:
    problem = client.get(path, headers={"accept": "application/json"})
    assert problem.status_code == status
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["status"] == status
    assert problem.json()["detail"]
    if status != 414:
        page = client.get(path, headers={"accept": "text/html"})
        assert page.status_code == status
        assert "<h1>" in page.text


def test_only_reading_is_possible(client: TestClient) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert client.request(method, "/").status_code == 405
        assert client.request(method, "/api/models").status_code == 405


def test_another_name_than_this_machines_is_refused_without_a_key(fleet: Fleet) -> None:
    with TestClient(create_app(fleet=fleet), base_url="http://evil.example") as client:
        assert client.get("/").status_code == 421
        assert client.get("/healthz").status_code == 200
        for good in ("localhost", "127.0.0.1:8400", "[::1]:8400"):
            assert client.get("/api/summary", headers={"host": good}).status_code == 200
    known = create_app(Settings(names=("fleet.example",)), fleet=fleet)
    with TestClient(known, base_url="http://fleet.example") as client:
        assert client.get("/").status_code == 200


def test_the_key_is_asked_for(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    app = create_app(Settings(host="0.0.0.0", key="s3cret-ü"), fleet=fleet)
    password = base64.b64encode("anyone:s3cret-ü".encode()).decode()
    right = [
        {"authorization": "Bearer s3cret-ü".encode()},
        {"x-api-key": "s3cret-ü".encode()},
        {"authorization": f"Basic {password}"},
    ]
    wrong = [
        {},
        {"authorization": "Bearer s3cret"},
        {"authorization": "Basic !!!"},
        {"authorization": "Basic " + base64.b64encode(b"s3cret").decode()},
        {"x-api-key": ""},
    ]
    with caplog.at_level("INFO"), TestClient(app, base_url="http://anywhere") as client:
        for path in ("/", "/api/models", "/metrics", "/openapi.json", "/nothing"):
            refused = client.get(path)
            assert refused.status_code == 401
            assert refused.headers["www-authenticate"].startswith("Basic")
        assert all(client.get("/", headers=h).status_code == 401 for h in wrong)
        assert all(client.get("/", headers=h).status_code == 200 for h in right)
        assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200
    assert "s3cret" not in caplog.text
    assert "s3cret" not in repr(app.__dict__)


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ({"host": "0.0.0.0"}, "expected a key to listen on 0.0.0.0"),
        ({"host": "0.0.0.0", "key": "  "}, "empty text"),
        ({"mlflow": "javascript:alert(1)"}, "http"),
        ({"port": 70_000}, "65535"),
        ({"rows": 0}, "1"),
    ],
)
def test_unsafe_settings_are_refused(wrong: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(fault)):
        Settings.of(**wrong)


def test_a_database_that_is_away_is_said_and_then_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    fleet = Fleet(f"sqlite:///{path}")
    app = create_app(fleet=fleet)
    with TestClient(app, base_url=LOCAL, raise_server_exceptions=False) as client:
        assert client.get("/readyz").status_code == 200
        fleet.close()  # open connections would see the file that is gone
        away = path.with_suffix(".away")
        path.rename(away)
        path.mkdir()
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
        answer = client.get("/", headers={"accept": "text/html"})
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert str(path) not in answer.text
        path.rmdir()
        away.rename(path)
        assert client.get("/").status_code == 200


@pytest.mark.parametrize("path", ["/", "/api/models?search=model-000&sort=largest_change"])
def test_a_page_of_ten_thousand_models_is_small_and_asks_little(tmp_path: Path, path: str) -> None:
    """Neither the bytes nor the questions grow with the fleet."""
    found = []
    for models in (100, 10_000):
        with Fleet(f"sqlite:///{tmp_path / f'{models}.db'}") as fleet:
            names = (f"model-{i:05d}" for i in range(models))
            fleet.add_many((Model(n, group=f"g{hash(n) % 40}"), None) for n in names)
            asked: list[str] = []
            event.listen(
                fleet.database.engine,
                "before_cursor_execute",
                lambda _c, _k, statement, *_, asked=asked: asked.append(statement),
            )
            with TestClient(create_app(fleet=fleet), base_url=LOCAL) as client:
                answer = client.get(path)
            assert answer.status_code == 200
            found.append((len(answer.content), len(asked)))
    (small, few), (large, many) = found
    assert large < 1_000_000
    assert large < 2 * small
    assert many == few <= 15


def test_versions_link_to_mlflow(tmp_path: Path) -> None:
    with Fleet(f"sqlite:///{tmp_path / 'fleet.db'}") as fleet:
        fleet.add(Model("m", registered="a/b", version="3"))
        settings = Settings(mlflow="https://mlflow.example/")
        with TestClient(create_app(settings, fleet=fleet), base_url=LOCAL) as client:
            page = seen(client, "/model?name=m")
    assert page.links("https://mlflow") == ["https://mlflow.example/#/models/a%2Fb/versions/3"]


def test_an_empty_fleet_says_what_to_do(tmp_path: Path) -> None:
    app = create_app(fleet=Fleet(f"sqlite:///{tmp_path / 'fleet.db'}"))
    with TestClient(app, base_url=LOCAL) as client:
        assert "fleet.add" in seen(client, "/").text
        for path in ("/incidents", "/quality", "/workflows"):
            assert seen(client, path).text


def test_a_model_of_many_features_shows_them_by_the_hundred(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(size=(60, 250)), columns=[f"f{i:03d}" for i in range(250)])
    with Fleet(f"sqlite:///{tmp_path / 'fleet.db'}") as fleet:
        fleet.add(Model("wide"), wide)
        fleet.record("wide", Window(NOW - timedelta(hours=1), NOW), wide.assign(f200=9.0))
        fleet.assess()
        with TestClient(create_app(fleet=fleet), base_url=LOCAL) as client:
            found, address = [], "/model?name=wide"
            while address:
                page = seen(client, address)
                found += page.links("/feature?model=wide&name=")
                ways = [a["href"] or "" for tag, a in page.tags if a.get("rel") == "next"]
                address = ways[0] if ways else ""
    assert len(found) == len(set(found)) == 250
    assert found[0].endswith("f200")  # the one that drifted


@pytest.mark.parametrize("kind", ["numbers", "words"])
def test_names_of_features_and_categories_stay_text(tmp_path: Path, kind: str) -> None:
    name = '<img src=x onerror="alert(1)">$\\frac{a}$\n&amp;'
    rng = np.random.default_rng(0)
    values = rng.normal(size=200) if kind == "numbers" else rng.choice([name, "$b$"], 200)
    table = pd.DataFrame({name: values})
    moved = pd.DataFrame({name: values + 2 if kind == "numbers" else [name] * 200})
    with Fleet(f"sqlite:///{tmp_path / 'fleet.db'}") as fleet:
        fleet.add(Model("m"), table)
        fleet.record("m", Window(NOW - timedelta(hours=1), NOW), moved, failures=[f"{name}: bad"])
        fleet.assess()
        with TestClient(create_app(fleet=fleet), base_url=LOCAL) as client:
            (link,) = seen(client, "/model?name=m").links("/feature?model=m")
            for path in ("/", "/model?name=m", link, "/incidents", "/quality"):
                page = seen(client, path)
                assert not [a for tag, a in page.tags if tag == "img" or "onerror" in a], path
            assert "Drifted" in page.text or "onerror" in page.text
            assert client.get("/api/drift?name=m").json()["shifted"] == [name]


def test_every_kind_of_database_shows_the_same(fleet: Fleet, database_url: str) -> None:
    with in_trouble(database_url) as other:
        shown = []
        for each in (fleet, other):
            with TestClient(create_app(fleet=each), base_url=LOCAL) as client:
                found = [seen(client, path).text for path in ("/", "/quality", "/incidents")]
                failing = client.get("/api/models?failing=true").json()
                named = client.get("/api/models?sort=name&descending=false").json()
            assert failing["total"] == 1
            assert failing["models"][0]["model"] == "well-0"
            shown.append(([m["model"] for m in named["models"]], *map(str.split, found)))
    assert sorted(shown[0][0]) == sorted(shown[1][0])
    assert shown[0][1:] == shown[1][1:]
