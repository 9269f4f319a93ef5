"""The main job in short form, through the notebook that tells it: figures, records, pages."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from modelward.core.evidence import Evidence

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def walk(notebook: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("walk")
    written = notebook("lifecycle", folder)
    outputs = [output for cell in written["cells"] for output in cell.get("outputs", ())]
    printed = "".join("".join(output.get("text", ())) for output in outputs)
    figures = next(json.loads(line) for line in printed.splitlines() if line.startswith("{"))
    return folder / "modelward-runs" / "lifecycle", figures


def test_figures_tell_the_story(walk: tuple[Path, dict[str, Any]]) -> None:
    _, figures = walk
    assert figures["ok"], figures
    assert figures["error_before_drift"] < 0.1
    assert figures["error_after_drift"] > 0.25
    assert figures["error_after_promotion"] < 0.12
    assert "light" in figures["fails_where"]
    assert (figures["fleet_rank"], figures["false_alarms_on_day_one"]) == (1, 0)
    assert figures["cause"] == "a grey filter was put on the camera"
    assert figures["state_after_promotion"] == "steady"
    assert (figures["drifted_columns"], figures["drifted_columns_false"]) == (8, 0)
    assert figures["ledger_holds"]
    assert (figures["card"], figures["detector_card"]) == ("verified", "verified")
    assert figures["edited_card"] == "mismatch"


def test_hardening_helps_against_more_than_it_was_trained_with(
    walk: tuple[Path, dict[str, Any]],
) -> None:
    _, figures = walk
    assert figures["map_noise"] > 0.8 * figures["map_clean"]
    assert figures["map_pgd"] <= figures["map_fgsm"] < figures["map_clean"] / 2
    assert figures["map_pgd_hardened"] > 2 * figures["map_pgd"]


def test_edited_number_is_named_by_file_and_line(walk: tuple[Path, dict[str, Any]]) -> None:
    folder, figures = walk
    name, line = figures["edited_at"].split(":")
    assert "0.001" in (folder / name).read_text("utf-8").splitlines()[int(line) - 1]
    html = (folder / "modelcard-edited.html").read_text("utf-8")
    assert "What does not stand" in html
    assert "the card says 0.001" in html
    for reader in ("engineer", "risk", "public"):
        page = (folder / f"modelcard-{reader}.html").read_text("utf-8")
        assert "What does not stand" not in page


def test_records_hold_and_are_of_four_tools(walk: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = walk
    records = [Evidence.load(path) for path in sorted((folder / "evidence").glob("*.json"))]
    assert {record.tool.name for record in records} == {
        "modelward-adaptive-pipeline",
        "modelward-adversarial",
        "modelward-monitoring",
        "modelward-validation",
    }
    for record in records:
        assert record.verify(folder / "evidence")
        assert record.tool.version == record.environment.packages["modelward-core"]
        assert record.metrics
        assert record.findings


def test_index_links_all_that_was_made(walk: tuple[Path, dict[str, Any]], browser: Any) -> None:
    folder, _ = walk
    tab = browser.new_page()
    tab.goto((folder / "index.html").as_uri())
    linked = {link.get_attribute("href") for link in tab.locator("a[href]").all()}
    words = tab.locator("body").inner_text()
    tab.close()
    made = {
        path.relative_to(folder).as_posix()
        for path in [*folder.glob("*.*"), *(folder / "evidence").glob("*.json")]
        if path.suffix in {".html", ".yaml", ".json", ".db"}
    }
    assert made - linked == {"index.html"}
    assert "mlflow ui --backend-store-uri sqlite:///" in words
    for name in ("mlflow.db", "pipeline.db", "fleet.db"):
        with sqlite3.connect(folder / name) as database:
            assert database.execute("select count(*) from sqlite_master").fetchone()[0] > 0


def test_every_page_works_from_a_file(walk: tuple[Path, dict[str, Any]], browser: Any) -> None:
    folder, _ = walk
    pages = sorted(folder.glob("*.html"))
    assert len(pages) >= 14
    tab = browser.new_page(viewport={"width": 360, "height": 800})
    complaints: list[str] = []
    requests: list[str] = []
    tab.on("console", lambda m: complaints.append(m.text))
    tab.on("pageerror", lambda e: complaints.append(str(e)))
    tab.on("request", lambda r: requests.append(r.url))
    for page in pages:
        tab.goto(page.as_uri())
        assert tab.locator("h1").count() == 1, page.name
        assert complaints == [], page.name
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360, f"{page.name}, phone"
        for link in tab.locator("a[href]").all():
            target = (link.get_attribute("href") or "").split("#")[0]
            assert not target or target.startswith("http") or (folder / target).is_file(), target
    assert [r for r in requests if not r.startswith(("file:", "data:"))] == []
    tab.close()
