"""The main job, run whole: its figures, its records, its pages in a real browser."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from modelward.core.evidence import Evidence

PAGES = [
    "index",
    "pipeline",
    "monitoring",
    "validation",
    "adversarial",
    "modelcard",
    "modelcard-edited",
]


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def walk(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("walk") / "lifecycle"
    figures = load(root / "examples" / "lifecycle.py").main(folder)
    return folder, figures


pytestmark = pytest.mark.slow


def test_figures_tell_the_story(walk: tuple[Path, dict[str, Any]]) -> None:
    _, figures = walk
    assert figures["ok"]
    assert figures["error_before_drift"] < 0.1
    assert figures["error_after_drift"] > 0.25
    assert figures["error_after_promotion"] < 0.12
    assert (figures["drifted_columns"], figures["drifted_columns_false"]) == (8, 0)
    assert figures["map_clean"] > 0.5
    assert figures["map_noise"] > 0.9 * figures["map_clean"]
    assert figures["map_pgd"] < figures["map_fgsm"] < figures["map_clean"] / 2
    assert "light" in figures["fails_where"]
    assert (figures["card"], figures["edited_card"]) == ("verified", "mismatch")
    json.dumps(figures)


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


def test_every_page_works_from_a_file(walk: tuple[Path, dict[str, Any]], browser: Any) -> None:
    folder, _ = walk
    for name in PAGES:
        tab = browser.new_page(viewport={"width": 360, "height": 800})
        complaints: list[str] = []
        requests: list[str] = []
        tab.on("console", lambda m, c=complaints: c.append(m.text))
        tab.on("pageerror", lambda e, c=complaints: c.append(str(e)))
        tab.on("request", lambda r, q=requests: q.append(r.url))
        tab.goto((folder / f"{name}.html").as_uri())
        assert tab.locator("h1").count() == 1, name
        assert complaints == [], name
        assert [r for r in requests if not r.startswith(("file:", "data:"))] == [], name
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360, f"{name} on a phone"
        for link in tab.locator("a[href]").all():
            target = (link.get_attribute("href") or "").split("#")[0]
            assert not target or target.startswith("http") or (folder / target).is_file(), target
        tab.close()


def test_edited_card_shows_the_number_that_fell(walk: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = walk
    html = (folder / "modelcard-edited.html").read_text("utf-8")
    assert "What does not stand" in html
    assert "the card says 0.001" in html
    assert "What does not stand" not in (folder / "modelcard.html").read_text("utf-8")
