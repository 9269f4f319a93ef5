"""How findings leave: each form says the same, escaped, within the limits of who reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from modelward.core.errors import DataError
from modelward.modelcards.command import app
from modelward.modelcards.outputs import github, sarif
from modelward.modelcards.outputs.report import Checked, Report, write_report
from modelward.modelcards.rules.finding import Finding, Severity

HOSTILE = "a%0A::error::b\n::set-output name=x::y\r\x1b[31m,:<&\"'\x00"


def finding(severity: Severity, n: int = 1, message: str = "m") -> Finding:
    return Finding("rule", severity, "a.b", message, "cards/my card.yaml", n, 3)


def report(*findings: Finding, fail_on: Severity = "error") -> Report:
    cards = (Checked("cards/my card.yaml", findings), Checked("fine.yaml", ()))
    return Report(cards, fail_on)


def test_annotations_are_capped_by_kind_and_say_so() -> None:
    many = [finding("warning", n) for n in range(25)] + [
        finding("error"),
        finding("hint"),
        finding("info"),
    ]
    lines = github.write(report(*many)).splitlines()
    assert lines[0] == "::error file=cards/my card.yaml,line=1,col=3,title=rule::a.b: m"
    assert sum(line.startswith("::warning") for line in lines) == 10
    assert sum(line.startswith("::notice") for line in lines) == 2
    assert lines[-1].endswith("15 more of kind warning.")
    assert github.write(report()) == "No findings."


@pytest.mark.parametrize("form", ["human", "json", "sarif", "github", "junit"])
def test_hostile_text_commands_nothing(form: str) -> None:
    bad = Finding(HOSTILE, "error", HOSTILE, HOSTILE, HOSTILE, 1, 1)
    text = write_report(Report((Checked(HOSTILE, (bad,)),)), form)
    if form == "github":
        (line,) = text.splitlines()
        assert line.startswith("::error file=a%250A%3A%3Aerror%3A%3Ab")
        assert line.count("::") >= 2
        assert "%25" in line
    if form == "json":
        assert json.loads(text)["cards"][0]["findings"][0]["message"] == HOSTILE
    if form == "sarif":
        assert "\x1b" not in text
        json.loads(text)
    if form == "junit":
        ElementTree.fromstring(text)
    if form in {"human", "github"}:
        assert "\x1b" not in text.replace(HOSTILE, "") or form == "human"


def test_sarif_says_where_and_how_grave() -> None:
    log = json.loads(sarif.write(report(finding("warning", 7), finding("error", 2))))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    first, second = run["results"]
    assert (first["level"], second["level"]) == ("error", "warning")
    location = second["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "cards/my%20card.yaml"
    assert location["region"] == {"startLine": 7, "startColumn": 3}
    assert run["tool"]["driver"]["rules"][first["ruleIndex"]]["id"] == "rule"
    prints = [r["partialFingerprints"]["place/v1"] for r in (first, second)]
    assert prints[0] == prints[1], "a finding that only moved is the same one"
    many = json.loads(sarif.write(report(*(finding("hint", n) for n in range(5_100)))))["runs"][0]
    assert (len(many["results"]), many["properties"]) == (5_000, {"findings": 5_100, "cut": 100})


def test_junit_counts_failures_only() -> None:
    root = ElementTree.fromstring(write_report(report(finding("error"), finding("hint")), "junit"))
    assert (root.get("tests"), root.get("failures")) == ("3", "1")
    first, second = root
    assert (first.get("tests"), first.get("failures")) == ("2", "1")
    assert [case.find("failure") is not None for case in first] == [True, False]
    assert len(second) == 1


def test_human_and_json() -> None:
    text = write_report(report(finding("error")), "human")
    assert text == "cards/my card.yaml:1:3: error [rule] a.b: m\nfine.yaml: ok"
    content: dict[str, Any] = json.loads(
        write_report(report(finding("hint"), fail_on="hint"), "json")
    )
    assert (content["valid"], content["counts"]["hint"]) == (False, 1)
    with pytest.raises(DataError, match="expected a format of human, json"):
        write_report(report(), "pdf")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "modelcard.yaml").write_text("model_details: {name: m, description: TODO}\n")
    (tmp_path / "b_modelcard.yml").write_text("model_details: {name: [1], description: d}\n")
    (tmp_path / "other.yaml").write_text("x: 1\n")
    return tmp_path


def test_exit_codes_of_validate(folder: Path) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["validate", *arguments])
        return result.exit_code, result.output

    good, bad = str(folder / "a" / "modelcard.yaml"), str(folder / "b_modelcard.yml")
    assert run(good)[0] == 0
    assert run(good, "--fail-on", "warning")[0] == 1
    assert run(bad)[0] == 1
    assert run(good, str(folder / "absent.yaml"))[0] == 2
    code, output = run(str(folder))
    assert code == 1
    assert "other.yaml" not in output, "a folder is searched for files called so"
    code, output = run(str(folder / "**" / "*modelcard*"))
    assert (code, output.count("[schema]"), output.count("[todo]")) == (1, 1, 1)
    assert run(good, "--format", "nope")[0] == 2
    assert run(good, "--no-default", "--rules", "seed-compatible")[0] == 0
    assert run(good, "--rules", "eu-ai-act-annex-iv", "--fail-on", "warning")[0] == 1


def test_a_report_in_a_file(folder: Path) -> None:
    out = folder / "report.sarif"
    arguments = ["validate", str(folder), "--format", "sarif", "--output", str(out)]
    assert CliRunner().invoke(app, arguments).output == ""
    assert len(json.loads(out.read_text())["runs"][0]["results"]) == 2


def test_verify_in_every_form(folder: Path) -> None:
    card = folder / "c.yaml"
    card.write_text("quantitative_analysis: {performance_metrics: [{type: a, value: 1}]}\n")
    result = CliRunner().invoke(app, ["verify", str(card), "--format", "github"])
    assert result.exit_code == 1
    assert result.output.startswith("::error file=")
    assert "title=claim-unbacked" in result.output
