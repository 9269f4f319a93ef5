"""The schema: published, a superset of the older one, numbers and texts as written."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelward.modelcards import ModelCard, json_schema, load_ruleset, parse, validate
from modelward.modelcards.codecs.yaml import write
from modelward.modelcards.rules.schema import card_violations

SEED: dict[str, Any] = load_ruleset("seed-compatible").rule("schema").then[0].options["schema"]


def valid_for(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Make values that a schema of the older action allows, with keys of others beside."""
    if schema.get("format") == "date":
        return st.dates().map(str)
    if schema.get("format") == "uri":
        return st.sampled_from(["https://example.org/a", "urn:x:y"])
    if schema["type"] == "string":
        return st.sampled_from(["", "x", "0.90", "1e3", "2022-06-01", "a: b", "é", "yes", "null"])
    if schema["type"] == "array":
        return st.lists(valid_for(schema["items"]), max_size=2)
    parts = {key: valid_for(inner) for key, inner in schema["properties"].items()}
    required = {}
    if "oneOf" in schema:
        required = {"identifier": parts.pop("identifier")}
        parts.pop("custom_text")
    if schema.get("additionalProperties", True):
        parts["zz_mine"] = st.sampled_from([1, 0.5, True, None, [1], {"a": 1}])
    return st.fixed_dictionaries(required, optional=parts)


@settings(max_examples=250, deadline=None)
@given(valid_for(SEED))
def test_every_card_the_older_schema_allows_loads_unchanged(content: dict[str, Any]) -> None:
    text = write(content)
    document = parse(text)
    assert document.content == content
    oracle = jsonschema.Draft7Validator(SEED, format_checker=jsonschema.FormatChecker(["date"]))
    assert list(oracle.iter_errors(content)) == []
    assert [f for f in validate(document, ["seed-compatible"]) if f.rule == "schema"] == []
    assert [f for f in validate(document) if f.rule == "schema"] == []
    assert ModelCard.from_document(document).to_yaml() == text


leaves = st.sampled_from([1, 0.5, "x", True, None, [], {}, [1], {"name": 1}])
near_cards = st.fixed_dictionaries(
    {},
    optional={
        "model_details": st.dictionaries(
            st.sampled_from(["name", "version", "owners", "run", "files", "licenses", "risk"]), leaves
        ),
        "quantitative_analysis": st.fixed_dictionaries(
            {"performance_metrics": st.lists(st.dictionaries(st.sampled_from(["type", "value", "passed", "source", "confidence_interval"]), leaves), max_size=2) | leaves}
        ),
        "evidence": st.lists(leaves, max_size=2),
        "fairness": leaves,
    },
)  # fmt: skip


@settings(max_examples=250, deadline=None)
@given(near_cards)
def test_the_published_schema_and_the_model_agree(content: dict[str, Any]) -> None:
    from pydantic import ValidationError

    published = not list(card_violations(content))
    try:
        ModelCard.model_validate(content)
        loads = True
    except ValidationError:
        loads = False
    assert published == loads, content
    other = jsonschema.Draft202012Validator(json_schema())
    assert other.is_valid(content) == published


def test_the_published_schema_is_that_of_the_model(root: Path) -> None:
    packaged = (files("modelward.modelcards.schema") / "modelcard.schema.json").read_text("utf-8")
    assert json.loads(packaged) == json_schema()
    documented = (root / "docs/reference/modelcard.schema.json").read_text("utf-8")
    assert documented == packaged, "copy the packaged schema to docs/reference"
    jsonschema.Draft202012Validator.check_schema(json_schema())
    bare = [
        f"{name}.{key}"
        for name, part in json_schema()["$defs"].items()
        for key, field in part["properties"].items()
        if "description" not in field and name != "Omission"
    ]
    assert bare == [], "each field says what it is"


@pytest.mark.parametrize("written", ["0.90", "1.10", "1e3", "-0.0", "100", "1_0", "'0.90'", "7000"])
def test_numbers_are_kept_as_written(tmp_path: Path, written: str) -> None:
    text = f"quantitative_analysis: {{performance_metrics: [{{type: a, value: {written}}}]}}\n"
    path = tmp_path / "c.yaml"
    path.write_text(text)
    card = ModelCard.load(path)
    changed = card.model_copy(update={"schema_version": "new"})
    assert f"value: {written}" in changed.save(tmp_path / "d.yaml").read_text()


def test_validating_loads_nothing_heavy(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("model_details: {name: [1], description: d}\n")
    code = (
        "import sys; from typer.testing import CliRunner; from modelward.core.command import app\n"
        f"code = CliRunner().invoke(app, ['card', 'validate', {str(path)!r}]).exit_code\n"
        "heavy = {'pandas', 'mlflow', 'numpy', 'jsonschema', 'ruamel', 'jinja2', 'nh3',"
        " 'markdown_it', 'regex', 'torch', 'sklearn'} & set(sys.modules)\n"
        "print(code, sorted(heavy))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "1 []"
