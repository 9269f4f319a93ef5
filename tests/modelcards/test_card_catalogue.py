"""The catalogue: found, filtered, compared in a real browser; made anew only where a file changed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from modelward.core.errors import DataError
from modelward.core.evidence import Evidence, Metric, Subject
from modelward.modelcards import ModelCard
from modelward.modelcards.catalogue.site import catalogue
from modelward.modelcards.command import app

HOSTILE = "</script><script>window.bad=1</script><img src=x onerror=window.bad=1>"


@pytest.fixture
def cards(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    for number in range(6):
        home = folder / f"m{number}"
        home.mkdir(parents=True)
        record = Evidence.create(
            kind="validation.job",
            subject=Subject(name="m"),
            tool="modelward-modelcards",
            metrics=[Metric.of("error", 0.1 * (number + 1))],
        )
        record.save(home / "e.json")
        content = {
            "model_details": {
                "name": f"model {number}" if number != 4 else HOSTILE,
                "description": "Finds ships." if number % 2 else "Finds planes.",
                "status": "Approved" if number < 3 else "draft",
                "risk": {"rating": "high" if number == 1 else "low"},
                "owners": [{"name": "Ann" if number < 2 else "Bo"}],
                "version": {"name": f"{number}.0"},
            }
        }
        ModelCard.model_validate(content).attach(record, record="e.json").save(
            home / "modelcard.yaml"
        )
    edited = folder / "m5" / "modelcard.yaml"
    edited.write_text(edited.read_text("utf-8").replace("value: 0.6", "value: 0.1"), "utf-8")
    (folder / "broken_modelcard.yaml").write_text("a: [")
    (folder / "notes.yaml").write_text("not: a card\n")
    return folder


def test_only_what_changed_is_made_anew(cards: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    first = catalogue(cards, site)
    assert (first.written, first.kept, len(first.rows)) == (7, 0, 7)
    standings = {row.file.partition("/")[0]: row.standing for row in first.rows}
    assert standings == {f"m{n}": "verified" for n in range(5)} | {
        "m5": "failed",
        "broken_modelcard.yaml": "unreadable",
    }
    index = (site / "index.html").read_bytes()
    again = catalogue(cards, site)
    assert (again.written, again.kept, again.rows) == (0, 7, first.rows)
    assert (site / "index.html").read_bytes() == index

    evidence = cards / "m0" / "e.json"
    evidence.write_text(evidence.read_text("utf-8") + " ", "utf-8")
    os.utime(evidence, ns=(1, 1))
    (cards / "m1" / "modelcard.yaml").unlink()
    third = catalogue(cards, site)
    assert (third.written, third.kept, third.removed) == (1, 5, 1)
    assert len(list((site / "cards").iterdir())) == 6
    (cards / "m2" / "e.json").unlink()
    assert {row.file: row.standing for row in catalogue(cards, site).rows}[
        "m2/modelcard.yaml"
    ] == "unreachable"
    assert catalogue(cards, site, refresh=True).written == 6
    assert catalogue(cards, site, rulesets=("complete",)).written == 6, "other rules, other pages"
    (site / "manifest.json").write_text('{"cut o')
    assert catalogue(cards, site).written == 6
    assert catalogue(cards, site).to_dict()["kept"] == 6


def test_a_folder_that_is_none_or_has_no_card(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected a folder of cards"):
        catalogue(tmp_path / "absent", tmp_path / "site")
    with pytest.raises(DataError, match="found none"):
        catalogue(tmp_path, tmp_path / "site")


def test_search_filters_and_two_side_by_side(cards: Path, tmp_path: Path, browser: Any) -> None:
    site = tmp_path / "site"
    made = CliRunner().invoke(app, ["catalogue", str(cards), "--out", str(site)])
    assert made.exit_code == 0, made.output
    assert "7 cards (5 verified, 1 unreadable, 1 failed); 7 pages written" in made.output
    tab = browser.new_page()
    errors: list[str] = []
    tab.on("pageerror", lambda e: errors.append(str(e)))
    tab.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    requests: list[str] = []
    tab.on("request", lambda r: requests.append(r.url))
    tab.goto((site / "index.html").as_uri())
    assert tab.inner_text("#count") == "7 of 7 cards"
    assert tab.evaluate("window.bad") is None
    assert HOSTILE in tab.inner_text("#rows")
    tab.fill("#words", "ships")
    assert tab.inner_text("#count") == "3 of 7 cards"
    tab.fill("#words", "")
    tab.select_option("#f-standing", "failed")
    assert tab.inner_text("#count") == "1 of 7 cards"
    assert "failed: 1 of 2" in tab.inner_text("#rows")
    tab.select_option("#f-standing", "*")
    tab.select_option("#f-owner", "Ann")
    tab.select_option("#f-risk", "high")
    assert tab.inner_text("#rows").split("\t")[0] == "model 1"
    tab.select_option("#f-risk", "*")
    for box in range(2):
        tab.locator("#rows input").nth(box).check()
    pair = tab.inner_text("#pair")
    assert "≠ validation error\t0.1\t0.2" in pair
    tab.locator("#rows a").first.click()
    tab.wait_for_load_state()
    assert tab.inner_text("h1") == "model 0"
    tab.click("text=All cards")
    tab.wait_for_load_state()
    assert errors == []
    assert [r for r in requests if not r.startswith(("file:", "data:"))] == []
    tab.close()


def test_a_card_whose_evidence_is_only_out_of_reach_has_not_failed(tmp_path: Path) -> None:
    source = "source: {file: gone.json, pointer: /a}"
    for name, number in (
        ("far", f"{{type: a, value: 1, {source}}}, {{type: b, value: 2}}"),
        ("bare", "{type: b, value: 2}"),
    ):
        folder = tmp_path / "cards" / name
        folder.mkdir(parents=True)
        text = f"quantitative_analysis: {{performance_metrics: [{number}]}}\n"
        (folder / "modelcard.yaml").write_text(text)
    rows = catalogue(tmp_path / "cards", tmp_path / "site").rows
    assert [row.standing for row in rows] == ["unbacked", "unreachable"]
