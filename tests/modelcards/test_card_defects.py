"""What was found wrong in the action this is compatible with, and how it stands here.

Measured on CompliancePal/modelcard-action 5c6f00f by running it. Its booleans and its summaries are
inputs and outputs of the action, and tested with it.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from modelward.modelcards import ModelCard, card_page, parse, read, read_card, validate, verify
from modelward.modelcards.command import app

RUNNER = CliRunner()


@pytest.fixture
def cards(shared: Path) -> Path:
    return shared / "cards" / "modelcard-action"


def test_1_annotations_name_the_file_and_not_its_text(cards: Path) -> None:
    path = cards / "validator_invalid_schema.yaml"
    output = RUNNER.invoke(app, ["validate", str(path), "--format", "github"]).output
    assert output.startswith(f"::error file={path},line=31,col=5,title=schema::")


def test_3_only_what_is_grave_enough_fails(cards: Path) -> None:
    card, rules = str(cards / "template_invalid.yaml"), str(cards / "rules_two_sections.yaml")
    assert RUNNER.invoke(app, ["validate", card, "--rules", rules]).exit_code == 0
    strict = ["validate", card, "--rules", rules, "--fail-on", "warning"]
    assert RUNNER.invoke(app, strict).exit_code == 1
    # In compatibility, any finding fails, as there.
    compatible = ["validate", card, "--no-default", "--rules", "seed-compatible", "--rules", rules]
    assert RUNNER.invoke(app, compatible).exit_code == 1


def test_4_every_violation_is_told() -> None:
    text = "model_details:\n  name: [1]\n  owners: x\nconsiderations:\n  users: 3\n"
    found = validate(parse(text), ["seed-compatible"])
    assert [(f.line, f.message) for f in found] == [
        (2, "expected text, got a list of 1"),
        (3, 'expected a list, got "x"'),
        (5, "expected a list, got 3"),
    ]


def test_5_the_card_of_a_run_keeps_our_schema_with_its_numbers(cards: Path, tmp_path: Path) -> None:
    run = json.loads((cards / "mlflow_run.json").read_text("utf-8"))["response"]["run"]["data"]
    metrics = [{"type": m["key"], "value": m["value"]} for m in run["metrics"]]
    made = ModelCard.model_validate({"quantitative_analysis": {"performance_metrics": metrics}})
    document = read(made.save(tmp_path / "c.yaml"))
    assert [f for f in validate(document) if f.severity == "error"] == []
    assert len(validate(document, ["seed-compatible"])) == 3, (
        "there they are refused, each by its line"
    )


def test_7_a_missing_run_or_file_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(
        "model_details: {run: {type: mflow, id: x}}\nquantitative_analysis: {performance_metrics: [{type: a, value: 1}]}\n"
    )
    store = f"sqlite:///{tmp_path}/absent.db"
    result = RUNNER.invoke(app, ["verify", str(tmp_path / "c.yaml"), "--mlflow", store])
    assert result.exit_code == 3
    assert "c.yaml:2:" in result.output
    assert "no such file" in result.output
    result = RUNNER.invoke(app, ["validate", str(tmp_path / "absent.yaml")])
    assert result.exit_code == 2
    assert "absent.yaml" in result.output
    assert "Traceback" not in result.output


def test_8_markup_in_a_card_is_text() -> None:
    document = parse("model_details: {name: m, documentation: '<script>alert(1)</script>'}")
    assert "<script>alert" not in card_page(document, verify(document)).render()


def test_9_no_version_is_no_v_and_no_date() -> None:
    html = card_page(parse("model_details: {name: m}"), verify(parse("{}"))).render()
    assert "NaN" not in html
    assert "undefined" not in html
    assert "Model card." in html


def test_10_headings_that_are_too_many_are_named() -> None:
    from modelward.modelcards.rules.functions.function import Target
    from modelward.modelcards.rules.functions.markdown import FUNCTIONS

    document = parse("model_details: {}")
    ask = FUNCTIONS["template"].call
    ((_, message),) = ask(Target("# A\n\n## Extra\n", (), document), {"template": "# A\n"})
    assert message == "the headings are not those of the template (not in the template: '## Extra')"
    ((_, message),) = ask(Target("# B\n\n# A\n", (), document), {"template": "# A\n\n# B\n"})
    assert "in another order" in message


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: 1\na: 2\n", ":2:1: "),
        ("model_details:\n  name: x\n bad\n", ":3:2: "),
        ("a: 'x\n", ":2:1: "),
    ],
)
def test_11_what_breaks_yaml_has_a_line(tmp_path: Path, text: str, place: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    result = RUNNER.invoke(app, ["validate", str(path)])
    assert result.exit_code == 2
    assert result.output.startswith(f"{path}{place}")


def test_11_an_empty_file_is_an_empty_card(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("")
    result = RUNNER.invoke(app, ["validate", str(tmp_path / "c.yaml")])
    assert (result.exit_code, "says nowhere what the model is" in result.output) == (0, True)


def test_12_the_cards_of_the_toolkit_are_taken(shared: Path) -> None:
    for path in sorted((shared / "cards/mct").glob("*.json")):
        assert [f for f in validate(read_card(path)) if f.severity == "error"] == []
    strict = {
        path.name: [(f.place, f.message) for f in validate(read_card(path), ["seed-compatible"])]
        for path in sorted((shared / "cards/mct").glob("*.json"))
    }
    assert strict["train_data.json"] == [
        ("model_parameters.data[0].link", 'expected a uri, got "path/to/train"')
    ], "what they break of the older schema is told exactly"


def test_the_fixtures_stand_as_they_do_there(cards: Path) -> None:
    """The verdicts of the older action, where it is right."""
    accepted = (
        "action_basic.yaml",
        "validator_basic.yaml",
        "template_valid.yaml",
        "template_invalid.yaml",
    )
    for name in accepted:
        assert list(validate(read(cards / name), ["seed-compatible"])) == [], name
    refused = validate(read(cards / "validator_invalid_schema.yaml"), ["seed-compatible"])
    assert {f.place for f in refused} == {"quantitative_analysis.performance_metrics"}
    sections = cards / "rules_two_sections.yaml"
    wrong = validate(read(cards / "template_invalid.yaml"), ["seed-compatible", sections])
    assert [(f.rule, f.place, f.line) for f in wrong] == [
        ("valid-markdown-description", "model_details.description", 2)
    ]
    basic = cards / "rules_description_template.yaml"
    assert list(validate(read(cards / "validator_basic.yaml"), [basic])) == []
    assert list(validate(read(cards / "action_basic.yaml"), [basic])) == [], (
        "no description, not asked"
    )
