"""The schema: published, a superset of the older one, numbers and texts as written."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from modelward.core.errors import DataError
from modelward.modelcards import ModelCard, json_schema, load_ruleset, parse, validate
from modelward.modelcards.codecs.made import document_of
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


LEAVES: list[Any] = [1, 0, 0.5, 1.0, -1, "x", "", "1", "0.5", "true", "2022-06-01", True, False, None,
                     [], {}, [1], [None], [[]], [{}], {"zz": 1}, {"name": 1}, {"metric": []}]  # fmt: skip
SCHEMA: dict[str, Any] = json_schema()


def forms(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Give the forms a value may have, references followed."""
    if "$ref" in schema:
        return forms(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return [form for inner in schema["anyOf"] for form in forms(inner)]
    return [schema]


def with_a_hole(schema: dict[str, Any], seen: set[str]) -> Iterator[Callable[[Any], Any]]:
    """Give, for each place a part may have, a function that makes the part with one value there.

    What several parts refer to is gone into once.
    """
    yield lambda value: value
    for form in forms(schema):
        if "properties" in form and form["title"] in seen:
            continue
        if form.get("type") == "array":
            for make in with_a_hole(form["items"], seen):
                yield lambda value, make=make: [make(value)]
        if "properties" in form:
            seen.add(form["title"])
        for key, inner in form.get("properties", {}).items():
            needed = {name: "x" for name in form.get("required", ()) if name != key}
            for make in with_a_hole(inner, seen):
                yield lambda value, key=key, make=make, needed=needed: needed | {key: make(value)}


def allowed(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Make values that a part of the published schema allows."""
    strategies = []
    for form in forms(schema):
        match form.get("type"):
            case "array":
                strategies.append(st.lists(allowed(form["items"]), max_size=2))
            case "object" if "properties" in form:
                parts = {key: allowed(inner) for key, inner in form["properties"].items()}
                needed = {key: parts.pop(key) for key in form.get("required", ())}
                parts["zz_mine"] = st.sampled_from(LEAVES)
                strategies.append(st.fixed_dictionaries(needed, optional=parts))
            case _:
                fitting = [v for v in LEAVES if jsonschema.Draft202012Validator(form).is_valid(v)]
                strategies.append(st.sampled_from(fitting))
    return st.one_of(strategies)


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Give every place below a value."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in entries:
        yield (*above, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*above, key))


def agree(content: dict[str, Any]) -> bool:
    """Assert that schema, model and another validator say the same, and give what they say."""
    published = not list(card_violations(content))
    try:
        ModelCard.from_document(document_of(content, Path("card.yaml")))
        loads = True
    except DataError:
        loads = False
    assert published == loads, content
    assert OTHER.is_valid(content) == published, content
    return published


OTHER = jsonschema.Draft202012Validator(SCHEMA)
CARDS = allowed(SCHEMA | {"required": ["schema_version"]})


def test_at_each_place_of_a_card_the_schema_and_the_model_agree() -> None:
    seen: set[str] = set()
    said = Counter(
        agree({key: make(leaf)})
        for key, part in SCHEMA["properties"].items()
        for make in with_a_hole(part, seen)
        for leaf in LEAVES
    )
    assert seen == SCHEMA["$defs"].keys()
    assert min(said[True], said[False]) > 1000, said


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_the_published_schema_and_the_model_agree(data: st.DataObject) -> None:
    content = copy.deepcopy(data.draw(CARDS))
    assert agree(content)
    if found := list(places(content)):
        *above, last = data.draw(st.sampled_from(found))
        inner = content
        for key in above:
            inner = inner[key]
        inner[last] = data.draw(st.sampled_from(LEAVES))
        agree(content)


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


@pytest.mark.parametrize("written", ["1e400", "-1.5e9999", ".inf", ".nan", "NaN", "Infinity"])
def test_what_is_no_finite_number_is_text_for_reader_schema_and_model(
    tmp_path: Path, written: str
) -> None:
    content = f"quantitative_analysis: {{performance_metrics: [{{type: a, value: {written}}}]}}\n"
    document = parse(content)
    assert [f for f in validate(document) if f.rule == "schema"] == []
    (metric,) = ModelCard.from_document(document).quantitative_analysis.performance_metrics
    assert metric.value == written
    path = tmp_path / "card.json"
    path.write_text(f'{{"model_details": {{\t"name": {written}}}}}')  # no YAML, for its tab
    if written[0] != ".":
        assert ModelCard.load(path).model_details.name == written
    with pytest.raises(ValidationError):
        ModelCard.model_validate({"model_details": {"name": float("inf")}})


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
