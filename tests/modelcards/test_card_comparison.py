"""Comparing cards by what they mean, and a card with Annex IV."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from modelward.core.testing import check_result
from modelward.modelcards import coverage, diff, load_ruleset, parse, read
from modelward.modelcards.command import app
from modelward.modelcards.render.coverage import coverage_page
from modelward.modelcards.render.escaping import cell

OLD = """\
model_details: {name: m, version: {name: 1.10}, licenses: [{identifier: MIT}]}
quantitative_analysis:
  performance_metrics:
  - {type: AP, value: 0.70, higher_is_better: true}
  - {type: AP, value: 0.50, slice: night, higher_is_better: true}
  - {type: error, value: 0.20, higher_is_better: false}
  - {type: latency, value: 5, unit: ms}
  - {type: recall, value: 0.8, higher_is_better: true, confidence_interval: {lower_bound: 0.7, upper_bound: 0.9}}
  - {type: gone, value: 1}
considerations:
  limitations: [{description: Only by day.}, {description: No rain.}]
  users: [Anyone]
"""
NEW = """\
model_details: {name: m, version: {name: 1.1}, licenses: [{identifier: Apache-2.0}]}
quantitative_analysis:
  performance_metrics:
  - {type: error, value: 0.10, higher_is_better: false}
  - {type: AP, value: 0.60, higher_is_better: true}
  - {type: AP, value: 0.500, slice: night, higher_is_better: true}
  - {type: latency, value: 5, unit: s}
  - {type: recall, value: 0.75, higher_is_better: true, confidence_interval: {lower_bound: 0.65, upper_bound: 0.85}}
  - {type: new, value: 2}
considerations:
  limitations: [{description: No rain.}]
  users: [Anyone]
"""


def test_numbers_by_direction_and_lists_by_entry() -> None:
    found = {
        c.what: (c.verdict, c.before, c.after, c.alarming)
        for c in diff(parse(OLD), parse(NEW)).changes
    }
    assert found == {
        "AP": ("worse", "0.70", "0.60", True),
        "error": ("better", "0.20", "0.10", False),
        "latency, unit": ("changed", "ms", "s", True),
        "recall": ("within interval", "0.8 [0.7, 0.9]", "0.75 [0.65, 0.85]", False),
        "gone": ("removed", "1", "", True),
        "new": ("added", "", "2", False),
        "version.name": ("changed", "1.10", "1.1", False),
        "licenses.MIT": ("removed", "identifier: MIT", "", True),
        "licenses.Apache-2.0": ("added", "", "identifier: Apache-2.0", False),
        "limitations.Only by day.": ("removed", "description: Only by day.", "", True),
    }
    assert next(iter(diff(parse(OLD), parse(NEW)).changes)).alarming, "what is alarming comes first"


def test_a_card_is_no_change_of_itself_and_order_is_none(shared: Path) -> None:
    for path in (shared / "cards/bridge2ai-yaml").glob("*.yaml"):
        assert diff(read(path), read(path))
    one = parse("considerations: {limitations: [{description: a}, {description: b}]}")
    two = parse("considerations: {limitations: [{description: b}, {description: a}]}")
    assert diff(one, two)


def test_without_a_declared_direction_nothing_is_called_better() -> None:
    text = "quantitative_analysis: {performance_metrics: [{type: accuracy, value: %s}]}"
    (change,) = diff(parse(text % 0.7), parse(text % 0.8)).changes
    assert change.verdict == "changed"
    fell = "quantitative_analysis: {performance_metrics: [{type: a, value: 1, passed: %s}]}"
    (change,) = diff(parse(fell % "true"), parse(fell % "false")).changes
    assert (change.verdict, change.alarming, change.before, change.after) == (
        "worse",
        True,
        "passed",
        "failed",
    )


def test_a_long_list_of_one_name_is_compared_at_once() -> None:
    metrics = "[" + ", ".join("{type: f1, value: 1}" for _ in range(10_000)) + "]"
    long = parse(
        f"notes: [{'x, ' * 30_000}y]\nquantitative_analysis: {{performance_metrics: {metrics}}}"
    )
    start = time.process_time()
    assert len(diff(parse("notes: []"), long).changes) == 40_001
    assert time.process_time() - start < 10  # it took minutes


def test_the_numbers_of_a_new_section_are_told_once() -> None:
    new = parse("drift: {summary: none, metrics: [{type: psi, value: 0.1}]}")
    told = {str(change) for change in diff(parse("{}"), new).changes}
    assert told == {"drift: psi: added: 0.1", "drift: summary: added: none"}
    assert len(diff(new, parse("{}")).alarming) == 1


def test_an_entry_called_like_a_second_one_is_not_lost() -> None:
    found = diff(parse("notes: []"), parse("notes: [a, 'a #2', a]"))
    assert sorted(change.after for change in found.changes) == ["a", "a", "a #2"]


def test_results_keep_the_contract() -> None:
    check_result(diff(parse(OLD), parse(NEW)))
    check_result(coverage(parse(OLD)))


def test_markdown_for_a_pull_request() -> None:
    hostile = OLD.replace("type: gone", 'type: "a|b <script> @team https://x.org `c`"')
    text = diff(parse(hostile), parse(NEW)).to_markdown()
    assert "<script>" not in text
    assert "@team" not in text
    assert "https://x" not in text
    table = [line for line in text.splitlines() if line.startswith("| ")]
    assert all(line.replace("\\|", "").count("|") == 6 for line in table)
    assert diff(parse(OLD), parse(OLD)).to_markdown() == "The model card has not changed.\n"
    assert cell("::error::x").startswith(":\u200b:error")


def test_the_command_diff(tmp_path: Path) -> None:
    for name, text in (("a.yaml", OLD), ("b.yaml", NEW)):
        (tmp_path / name).write_text(text)
    arguments = ["diff", str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml")]
    runner = CliRunner()
    assert "quantitative_analysis: AP: worse: 0.70 → 0.60" in runner.invoke(app, arguments).output
    assert json.loads(runner.invoke(app, [*arguments, "--format", "json"]).output)["changes"]
    assert runner.invoke(app, [*arguments, "--exit-code"]).exit_code == 1
    assert runner.invoke(app, [*arguments[:2], arguments[1], "--exit-code"]).exit_code == 0


POINTS = ["1(a)", "1(b)", "1(c)", "1(d)", "1(e)", "1(f)", "1(g)", "1(h)", "2(a)", "2(b)", "2(c)", "2(d)",
          "2(e)", "2(f)", "2(g)", "2(h)", "3", "4", "5", "6", "7", "8", "9"]  # fmt: skip


def test_every_point_of_annex_iv_is_asked_for_by_fields_the_schema_has() -> None:
    from modelward.modelcards import json_schema

    schema = json_schema()
    found = coverage(parse("model_details: {name: m}"))
    assert [p.point for p in found.points] == POINTS
    assert {p.standing for p in found.points} == {"missing"}
    for rule in load_ruleset("eu-ai-act-annex-iv").rules:
        for field in rule.then[0].options["fields"]:
            for path in field if isinstance(field, list) else [field]:
                assert _is_known(schema, path.replace("[*]", "").split(".")), path


def _is_known(schema: dict[str, object], keys: list[str]) -> bool:
    part: dict[str, object] = schema
    for key in keys:
        while True:
            forms = [part, *part.get("anyOf", []), part.get("items", {})]  # type: ignore[misc]
            named = next((f for f in forms if isinstance(f, dict) and "$ref" in f), None)
            if named is None or "properties" in part:
                break
            part = schema["$defs"][str(named["$ref"]).rpartition("/")[2]]  # type: ignore[index]
        properties = part.get("properties", {})
        if not isinstance(properties, dict) or key not in properties:
            return bool(part.get("type") == "object" and not properties) or keys[-1] in {
                "name",
                "identifier",
            }
        part = properties[key]
    return True


def test_coverage_says_which_field_covers_a_point() -> None:
    card = parse(
        "model_details: {owners: [{name: n}], version: {name: 1, diff: none}}\n"
        "considerations: {use_cases: [{description: x}], human_oversight: TODO}\n"
        "governance: {standards: [{name: ISO/IEC 42001}]}\nlifecycle: {changes: []}\n"
    )
    report = coverage(card)
    points = {p.point: p for p in report.points}
    lines = {line.partition(" ")[0]: line for line in repr(report).splitlines()}
    assert "…; fill in" in lines["2(a)"]  # what is cut says so, and what is wanting is named
    assert all(name in lines[p.point] for p in report.points for name in p.missing)
    assert "fill in" not in lines["1(a)"]
    assert points["1(a)"].standing == "covered"
    assert "model_details.owners[*].name" in points["1(a)"].covered_by
    assert points["2(e)"].standing == "missing", "a TODO says nothing"
    assert points["7"].standing == "covered"
    assert points["6"].standing == "missing"
    assert "not legal advice" in repr(coverage(card))
    page = coverage_page(coverage(card)).render()
    assert "not legal advice" in page
    assert "human_oversight" in page


@pytest.mark.parametrize("form", ["human", "markdown", "json", "html"])
def test_the_command_coverage(tmp_path: Path, form: str) -> None:
    card, out = tmp_path / "c.yaml", tmp_path / "out"
    card.write_text("model_details: {name: m}\n")
    result = CliRunner().invoke(app, ["coverage", str(card), "--format", form, "--out", str(out)])
    assert result.exit_code == 0
    assert "Regulation (EU) 2024/1689" in out.read_text("utf-8")
    assert "not legal advice" in out.read_text("utf-8")
