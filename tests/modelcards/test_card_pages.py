"""The card as a page, and the command: nothing hostile acts, nothing failed is hidden."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from modelward.core.errors import StateError
from modelward.core.evidence import Evidence, Metric, Subject
from modelward.modelcards import ModelCard, card_page, markdown, parse, read, verify
from modelward.modelcards.command import app

HOSTILE = "<script>window.bad=1</script> <img src=x onerror='window.bad=1'> [x](javascript:alert(1)) ![p](https://example.org/p.png)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    record = Evidence.create(
        kind="validation.job",
        subject=Subject(name="m"),
        tool="modelward-modelcards",
        metrics=[Metric.of("failure_share", 0.25)],
        findings=["fails when gain < 0.5"],
    )
    record.save(tmp_path / "e.json")
    content = {
        "model_details": {"name": "scenes", "description": "Tells *scenes* apart.", "version": {"name": 2, "date": "2026-01-02"}},
        "model_parameters": {"parameters": {"trees": "30"}},
        "considerations": {"limitations": [{"description": "Only by day."}], "users": ["Anyone"]},
    }  # fmt: skip
    return (
        ModelCard.model_validate(content).attach(record, record="e.json").save(tmp_path / "c.yaml")
    )


def test_page_shows_numbers_with_their_standing(path: Path) -> None:
    document = read(path)
    html = card_page(document, verify(document)).render()
    for text in ("scenes", "<em>scenes</em>", "version 2 of 2026-01-02", "fails when gain", "0.25",
                 "verified", "Only by day.", "and stands", "trees"):  # fmt: skip
        assert text in html


def test_failed_claims_are_shown_first(path: Path) -> None:
    path.write_text(path.read_text("utf-8").replace("value: 0.25", "value: 0.05"), "utf-8")
    document = read(path)
    html = card_page(document, verify(document)).render()
    assert "1 of 2 claims do not stand" in html
    assert html.index("What does not stand") < html.index("What was measured")
    assert "the card says 0.05, the evidence 0.25" in html


def hostile_everywhere(content: Any) -> Any:
    if isinstance(content, dict):
        return {k: hostile_everywhere(v) for k, v in content.items()}
    if isinstance(content, list):
        return [hostile_everywhere(v) for v in content]
    return HOSTILE


def test_hostile_cards_render_inert(path: Path, browser: Any) -> None:
    content = hostile_everywhere(read(path).content)
    path.write_text(yaml.safe_dump(content), "utf-8")
    document = read(path)
    html = card_page(document, verify(document)).render()
    assert "<script" not in html
    assert "<img" not in html
    assert 'href="javascript' not in html
    target = path.with_suffix(".html")
    target.write_text(html, "utf-8")
    tab = browser.new_page()
    requests: list[str] = []
    tab.on("request", lambda r: requests.append(r.url))
    tab.goto(target.as_uri())
    assert tab.evaluate("window.bad") is None
    tab.close()
    assert [r for r in requests if not r.startswith(("file:", "data:"))] == []


def test_markdown() -> None:
    assert markdown("# A\n\n###### B") == "<h3>A</h3>\n<h6>B</h6>\n"
    assert markdown("Use\n===\n") == "<h3>Use</h3>\n"
    assert "<code># pip install x\n</code>" in markdown("```\n# pip install x\n```\n")
    table = markdown("| a | b |\n|---|---|\n| 1 | 2 |\n")
    assert "<td>1</td>" in table
    assert 'rel="noopener noreferrer"' in markdown("[x](https://example.org)")


def test_an_empty_card_says_that_it_claims_nothing() -> None:
    document = parse("{}")
    assert "The card claims no number" in card_page(document, verify(document)).render()


def test_exit_codes(path: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    assert runner.invoke(app, ["validate", str(path)]).exit_code == 0
    verified = runner.invoke(app, ["verify", str(path)])
    assert verified.exit_code == 0
    assert "2 of 2 claims verified" in verified.output
    page = tmp_path / "out.html"
    assert runner.invoke(app, ["render", str(path), "--out", str(page)]).exit_code == 0
    assert page.is_file()

    tampered = tmp_path / "t.yaml"
    tampered.write_text(path.read_text("utf-8").replace("value: 0.25", "value: 0.05"), "utf-8")
    result = runner.invoke(app, ["verify", str(tampered)])
    assert result.exit_code == 1
    assert f"{tampered}:" in result.output
    (tmp_path / "e.json").unlink()
    assert runner.invoke(app, ["verify", str(path)]).exit_code == 3
    nothing = tmp_path / "nothing.yaml"
    nothing.write_text("quantitative_analysis: {performance_metrics: {type: a, value: 1}}\n")
    assert runner.invoke(app, ["verify", str(nothing)]).exit_code == 1
    nothing.write_text("model_details: {name: m}\n")
    assert runner.invoke(app, ["verify", str(nothing)]).exit_code == 1
    assert repr(verify(read(nothing))) == "m: claims no number"
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [")
    unreadable = runner.invoke(app, ["verify", str(broken), str(path)])
    assert unreadable.exit_code == 2
    assert f"{broken}:2:1: error [readable] not valid YAML" in unreadable.output
    assert f"{path}: 0 of 2 claims verified" in unreadable.output


def test_validate_fails_on_the_severity_asked_for(tmp_path: Path) -> None:
    card = tmp_path / "c.yaml"
    card.write_text("model_details: {name: m}\n")
    runner = CliRunner()
    assert runner.invoke(app, ["validate", str(card)]).exit_code == 0
    strict = runner.invoke(app, ["validate", str(card), "--fail-on", "warning"])
    assert strict.exit_code == 1
    assert "warning [description] model_details" in strict.output
    assert runner.invoke(app, ["validate", str(card), "--fail-on", "panic"]).exit_code == 2
    assert json.loads(runner.invoke(app, ["schema"]).output)["title"] == "ModelCard"


def test_create_from_a_run(tmp_path: Path) -> None:
    from mlflow.tracking import MlflowClient

    uri = f"sqlite:///{tmp_path}/m.db"
    client = MlflowClient(tracking_uri=uri)
    run = client.create_run(client.create_experiment("e", artifact_location=tmp_path.as_uri()))
    client.log_metric(run.info.run_id, "error", 0.0693)
    out = tmp_path / "card.yaml"
    arguments = ["create", run.info.run_id, "--out", str(out), "--mlflow", uri]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert CliRunner().invoke(app, ["verify", str(out), "--mlflow", uri]).exit_code == 0

    out.write_text("model_details: {name: mine}\n")
    refused = CliRunner().invoke(app, arguments)
    assert isinstance(refused.exception, StateError)
    assert "mine" in out.read_text("utf-8")
    assert CliRunner().invoke(app, [*arguments, "--force"]).exit_code == 0
    assert "mine" not in out.read_text("utf-8")
