"""The pages in a real browser: by key and keyboard, on desktop and phone, live, and inert."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from tests.validation.server.serving import answers, free_port, wait_for

from modelward.validation.client.local import Local
from modelward.validation.server import Settings, create_app
from modelward.validation.server.store import access

HOSTILE = "<script>window.hacked=1</script><b>x</b> 'q' \"; DROP TABLE"
PAGES = ("", "/space", "/runs", "/models")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A server with a job of hostile names, whose worker has learnt; and a key."""
    url = f"sqlite:///{tmp_path_factory.mktemp('pages') / 'v.db'}"
    local = Local(url)
    scenario = local.get_or_create_scenario("day " + HOSTILE)["id"]
    features = [
        {"kind": "FeatureContinuous", "name": "x " + HOSTILE, "lower": 0.0, "upper": 1.0},
        {
            "kind": "FeatureContinuous",
            "name": "$y_1$",
            "lower": 1.0,
            "upper": 100.0,
            "scale": "log",
        },
        {"kind": "FeatureCategorical", "name": "surface", "levels": ["dry", "<i>ice</i>"]},
    ]
    local.configure_features(scenario, features)
    output = "distance " + HOSTILE
    local.configure_outputs(scenario, [{"name": output, "threshold": 0.5}])
    system = local.get_or_create_system("brake " + HOSTILE)["id"]
    settings = {"number_of_instances": 2, "initial": 16}
    job = local.get_or_create_job(system, scenario, "job " + HOSTILE, settings=settings)["id"]
    for _ in range(10):
        leased = local.lease_runs(job, 8)["runs"]
        for run in leased:
            x, _, surface = run["point"].values()
            value = x + 0.2 * (surface != "dry")
            told = {"results": {output: value}} if x < 0.97 else {"crash": HOSTILE}
            local.tell_run(job, run["number"], {**told, "lease": run["lease"]})
    local.explanation(job)
    key = access.create_key(local.database, "local")
    port = free_port()
    app = create_app(Settings(database=url, port=port))
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{port}"
    wait_for(lambda: answers(address))
    yield {"address": address, "key": key, "job": job, "local": local, "output": output}
    server.should_exit = True
    thread.join()
    local.close()


@pytest.fixture
def tab(browser: Any, site: dict[str, Any]) -> Iterator[Any]:
    """A tab that is logged in; no error may appear in its console."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    errors: list[str] = []
    page.on("console", lambda m: errors.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{site['address']}/login?next=/jobs/{site['job']}")
    page.keyboard.type(site["key"])  # the field has the focus
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site['address']}/jobs/{site['job']}")
    yield page
    context.close()
    assert errors == []


@pytest.mark.parametrize(
    ("width", "scheme"), [(1200, "light"), (390, "dark")], ids=["desktop", "phone"]
)
def test_each_page_fits_and_is_inert(
    tab: Any, site: dict[str, Any], tmp_path: Path, width: int, scheme: str
) -> None:
    tab.set_viewport_size({"width": width, "height": 844})
    tab.emulate_media(color_scheme=scheme)
    for path in ("/jobs", *(f"/jobs/{site['job']}{page}" for page in PAGES)):
        tab.goto(site["address"] + path)
        over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert tab.evaluate(over) == 0, path
        assert tab.evaluate("window.hacked") is None
        assert tab.locator("h1").count() == 1
        assert tab.locator("main i, main b").count() == 0, "a name became markup"
        unnamed = (
            "[...document.querySelectorAll('input:not([type=hidden],[hidden]),select,button,a')]"
            ".filter(e => !e.labels?.length && !e.textContent.trim() && !e.ariaLabel).length"
        )
        assert tab.evaluate(unnamed) == 0
        picture = tab.screenshot(full_page=True, path=tmp_path / "page.png")
        assert len(picture) > 10_000


def test_the_pages_show_what_is_known(tab: Any, site: dict[str, Any]) -> None:
    local, job = site["local"], site["job"]
    known = local.explanation(job)
    text = tab.inner_text("main")
    assert str(local.get_job(job)["runs"]["told"]) in text
    for rule in known["rules"]:
        assert " ".join(rule["words"].split()) in " ".join(text.split())
    for sentence in known["unknown"]:
        assert sentence in text
    assert tab.locator("figure svg").count() == 1
    tab.click("text=Space")
    tab.wait_for_url("**/space")
    drawn = len(known["pairs"]) + len(known["slices"]) + 1
    assert tab.locator("figure").count() == drawn
    told = local.get_job(job)["runs"]["told"]
    assert tab.locator("svg.parallel polyline").count() == told
    tab.click("text=Models")
    tab.wait_for_url("**/models")
    names = [m["name"] for m in local.certainty(job)["standings"][site["output"]]]
    assert all(name in tab.inner_text("table") for name in names)


def test_brushing_shows_the_runs_in_a_range(tab: Any, site: dict[str, Any]) -> None:
    local, job = site["local"], site["job"]
    tab.goto(f"{site['address']}/jobs/{job}/space")
    tab.focus("#b1low")
    for _ in range(60):
        tab.keyboard.press("ArrowRight")
    rows = local.list_runs(job, state="told", limit=1_000)["runs"]
    inside = [r for r in rows if round(next(iter(r["point"].values())), 3) >= 0.6]
    failed = sum(r["failed"] for r in inside)
    said = f"{len(inside)} runs in these ranges, {failed} of them failed."
    assert tab.inner_text("#brushed") == said
    assert tab.locator("svg.parallel polyline:not(.out)").count() == len(inside)


def test_runs_are_filtered_and_exported(tab: Any, site: dict[str, Any]) -> None:
    local, job = site["local"], site["job"]
    tab.goto(f"{site['address']}/jobs/{job}/runs")
    tab.select_option("#f-outcome", "failed")
    tab.click("text=Show")
    failed = local.list_runs(job, failed=True, limit=1_000)["runs"]
    assert tab.locator("tbody tr").count() == len(failed) > 0
    with tab.expect_download() as download:
        tab.click("text=CSV")
    lines = Path(download.value.path()).read_text("utf-8").splitlines()
    assert sum("field" in line or ",True," in line for line in lines) == len(failed)
    tab.click("tbody a >> nth=0")  # one run, as JSON, to be tried again
    assert f'"number":{failed[0]["number"]}' in tab.content()


def test_a_page_follows_the_job_by_itself(tab: Any, site: dict[str, Any]) -> None:
    local, job = site["local"], site["job"]
    tab.goto(f"{site['address']}/jobs/{job}")
    before = local.get_job(job)["runs"]["told"]
    assert f"{before}" in tab.inner_text(".tiles")
    (run,) = local.lease_runs(job, 1)["runs"]
    local.tell_run(job, run["number"], {"results": {site["output"]: 0.1}, "lease": run["lease"]})
    tab.wait_for_selector(f'.tiles .value:text-is("{before + 1}")')
    assert tab.inner_text("#said") == "Updated."


def test_the_keyboard_reaches_everything_and_logs_out(tab: Any, site: dict[str, Any]) -> None:
    tab.goto(f"{site['address']}/jobs/{site['job']}")
    reached = []
    for _ in range(30):
        tab.keyboard.press("Tab")
        reached.append(tab.evaluate("document.activeElement.innerText || ''").strip())
    for name in ("Skip to content", "modelward validation", "API", "Log out", "Space", "Runs"):
        assert name in reached
    tab.focus("text=Log out")
    tab.keyboard.press("Enter")
    tab.wait_for_url("**/login")
    tab.goto(f"{site['address']}/jobs")
    assert tab.url.endswith("/login?next=%2Fjobs")


def test_what_is_not_there_is_said_in_a_page(browser: Any, site: dict[str, Any]) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{site['address']}/login")
    page.fill("#key", "wrong")
    page.click("text=Log in >> nth=-1")
    assert "expected an API key of this server, got another" in page.inner_text("main")
    page.fill("#key", site["key"])
    page.click("text=Log in >> nth=-1")
    page.wait_for_url("**/jobs")
    answer = page.goto(f"{site['address']}/jobs/999")
    assert answer.status == 404
    assert "no" in page.inner_text("main")
    assert "<html" in page.content()
    context.close()


def test_the_document_of_the_api_is_shown_without_a_network(
    browser: Any, site: dict[str, Any]
) -> None:
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site['address']}/docs")
    page.wait_for_selector("text=List Scenarios")
    assert all(url.startswith((site["address"], "data:")) for url in asked)
    context.close()
