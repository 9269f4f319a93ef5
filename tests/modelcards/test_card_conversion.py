"""Converting: what is not in the target is named, what is carried comes back, others accept it."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelward.core.errors import DataError
from modelward.modelcards import ModelCard, convert, parse, read_card, validate
from modelward.modelcards.codecs.document import Document, dotted
from modelward.modelcards.codecs.exact import exact_content
from modelward.modelcards.conversion.convert import FORMATS, READERS, SUFFIXES
from modelward.modelcards.conversion.pointers import flatten, place_of, pointer, put_all
from modelward.modelcards.conversion.shapes import VERIFYML
from modelward.modelcards.conversion.wire import decode, encode

REFUSED = {
    "validator_invalid_yaml.yaml": r":4:9: not valid YAML: could not find expected ':'",
    "validator_invalid_schema.yaml": r":31:5: error \[schema\] quantitative_analysis.performance_metrics: expected a list, got a mapping of 4",
    "rules_description_template.yaml": r":1:1: this is no model card: it has none of a card's sections, but rules",
    "rules_two_sections.yaml": r":1:1: this is no model card",
    "rules_with_js_function.yaml": r":1:1: this is no model card: .* but functions, rules",
    "mlflow_run.json": r":1:1: this is no model card: .* but request, response",
    "valid-machine-learning-1.5.xml": r":1:1: expected CycloneDX as JSON, got XML",
    "valid-machine-learning-1.6.xml": r":1:1: expected CycloneDX as JSON, got XML",
    "hub_sample_invalid_card_data.md": r"md:\d:1: expected a mapping at the top, got list \(in the front matter",
}
CARRYING = ("huggingface", "cyclonedx", "sagemaker")
OWN = {"huggingface", "cyclonedx", "sagemaker", "schema_version"}


def real_files(shared: Path) -> list[Path]:
    return [p for p in sorted((shared / "cards").rglob("*.*")) if p.name != "SOURCES.txt"]


def leaves(document: Document) -> dict[Any, str]:
    flat = flatten(exact_content(document))
    return {place: str(v) for place, v in flat.items() if v not in ({}, [], None, "")}


def back(text: str | bytes, form: str) -> Document:
    data = text if isinstance(text, bytes) else text.encode()
    return READERS[form](data, Path(f"card{SUFFIXES[form]}"))


def readable(shared: Path) -> list[tuple[str, Document]]:
    return [(p.name, read_card(p)) for p in real_files(shared) if p.name not in REFUSED]


def test_every_real_file_loads_or_says_what_it_breaks(shared: Path) -> None:
    outcomes = {}
    for path in real_files(shared):
        try:
            ModelCard.load(path)
            outcomes[path.name] = "loads"
        except DataError:
            outcomes[path.name] = "refused"
            with pytest.raises(DataError, match=REFUSED.get(path.name, "nothing")):
                ModelCard.load(path)
    assert {name for name, outcome in outcomes.items() if outcome == "refused"} == set(REFUSED)
    assert sum(outcome == "loads" for outcome in outcomes.values()) >= 36


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_lost_is_named_and_nothing_else_is_lost(form: str, shared: Path) -> None:
    for name, document in readable(shared):
        conversion = convert(document, form)
        before, after = leaves(document), leaves(back(conversion.content, form))
        named = {loss.place for loss in conversion.losses if loss.fate != "carried"}
        lost = {dotted(p) for p, value in before.items() if after.get(p) != value}
        chosen = {"cyclonedx.rest./specVersion"} if form == "cyclonedx" else set()
        assert lost - chosen == named, name


@pytest.mark.parametrize("form", CARRYING)
def test_what_is_carried_comes_back_whole(form: str, shared: Path) -> None:
    for name, document in readable(shared):
        conversion = convert(document, form)
        assert conversion, f"{name}: {conversion!r}"
        before, after = leaves(document), leaves(back(conversion.content, form))
        mine = {p: v for p, v in after.items() if p[0] not in OWN or p in before}
        theirs = {p: v for p, v in before.items() if p != ("cyclonedx", "rest", "/specVersion")}
        mine.pop(("cyclonedx", "rest", "/specVersion"), None)
        assert mine == theirs, name
        dropped = convert(document, form, carry=False)
        assert len(dropped.losses) >= len(
            [loss for loss in conversion.losses if loss.fate == "carried"]
        )
        assert all(loss.fate != "carried" for loss in dropped.losses)


keys = st.sampled_from(["name", "overview", "description", "status", "x", "a/b", "é~"])
texts = st.text(
    st.characters(categories=["L", "N", "P", "S", "Zs"], max_codepoint=0xFFFD),
    min_size=1,
    max_size=20,
)
leaf = texts | st.integers(-99, 99) | st.booleans() | st.floats(-1e6, 1e6, allow_nan=False)
metrics = st.fixed_dictionaries(
    {"type": texts, "value": leaf},
    optional={
        "slice": texts,
        "unit": texts,
        "dataset": st.dictionaries(st.sampled_from(["type", "name", "split"]), texts, min_size=1),
        "confidence_interval": st.fixed_dictionaries({"lower_bound": leaf, "upper_bound": leaf}),
    },
)
described = st.lists(st.fixed_dictionaries({"description": texts}) | texts, min_size=1, max_size=3)
contents = st.fixed_dictionaries(
    {"model_details": st.dictionaries(keys, texts, max_size=4)},
    optional={
        "quantitative_analysis": st.fixed_dictionaries(
            {"performance_metrics": st.lists(metrics, min_size=1, max_size=3)}
        ),
        "considerations": st.dictionaries(
            st.sampled_from(["users", "use_cases", "limitations", "tradeoffs"]), described, min_size=1
        ),
        "model_parameters": st.fixed_dictionaries(
            {}, optional={"task": texts, "parameters": st.dictionaries(texts, leaf, max_size=3),
                          "data": st.lists(st.fixed_dictionaries({"name": texts}, optional={"rows": leaf}), max_size=2)}
        ),
    },
)  # fmt: skip


def plain(text: Any) -> str:
    """The same number: readers of YAML 1.1 take 1.0e-05 for one, and 1e-05 for text."""
    return str(text).replace(".0e", "e")


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=60, deadline=None)
@given(contents)
def test_any_card_comes_back_or_is_told(form: str, content: dict[str, Any]) -> None:
    from modelward.modelcards.codecs.made import document_of

    document = document_of(content, Path("card.yaml"))
    conversion = convert(document, form)
    before, after = leaves(document), leaves(back(conversion.content, form))
    lost = {dotted(p) for p, value in before.items() if plain(after.get(p)) != plain(value)}
    assert lost <= {loss.place for loss in conversion.losses if loss.fate != "carried"}
    if form in CARRYING:
        assert not lost


def resolved(name: str) -> Any:
    return json.loads((files("cyclonedx.schema") / "_res" / name).read_text("utf-8"))


def retrieve(uri: str) -> Any:
    return resolved(uri.rpartition("/")[2])


@pytest.mark.parametrize("version", ["1.5", "1.6", "1.7"])
def test_the_official_schema_accepts_what_we_write(version: str, shared: Path) -> None:
    official = jsonschema_rs.Draft7Validator(
        resolved(f"bom-{version}.SNAPSHOT.schema.json"), validate_formats=True, retriever=retrieve
    )
    for name, document in readable(shared):
        for carry in (True, False):
            bom = json.loads(convert(document, "cyclonedx", version=version, carry=carry).text)
            errors = [f"{e.instance_path}: {e.message}" for e in official.iter_errors(bom)]
            assert errors == [], name
            assert bom["specVersion"] == version


def test_huggingface_hub_accepts_what_we_write(shared: Path) -> None:
    from huggingface_hub import ModelCard as HubCard

    results = 0
    for name, document in readable(shared):
        hub = HubCard(convert(document, "huggingface").text, ignore_metadata_errors=False)
        expected = document.content.get("quantitative_analysis") or {}
        claimed = [
            m for m in expected.get("performance_metrics") or [] if m.get("value") is not None
        ]
        found = hub.data.eval_results or []
        assert len(found) == len(claimed), name
        for ours, theirs in zip(claimed, found, strict=True):
            assert str(theirs.metric_value) == str(ours["value"])
        results += len(found)
    assert results >= 50


def test_what_the_toolkit_gets_keeps_its_schema(shared: Path) -> None:
    for name, document in readable(shared):
        text = convert(document, "mct").text
        findings = validate(parse(text), ["seed-compatible"])
        # Dates and addresses are written as they stand; the toolkit wants text and does not check them.
        assert [f for f in findings if not f.message.startswith("expected a ")] == [], name


def test_numbers_stay_as_written_in_every_format() -> None:
    card = parse(
        "model_details: {name: m, version: {name: 1.10}}\n"
        "quantitative_analysis: {performance_metrics: [{type: a, value: 0.90}, {type: b, value: 1e3}]}\n"
    )
    for form in FORMATS:
        again = leaves(back(convert(card, form).content, form))
        assert again[("quantitative_analysis", "performance_metrics", 0, "value")] == "0.90", form
        assert again[("model_details", "version", "name")] == "1.10", form


@pytest.mark.parametrize("form", CARRYING)
def test_the_texts_none_and_true_are_neither_nothing_nor_true(form: str) -> None:
    said = {"depth": "None", "bootstrap": True, "warm": "True"}
    document = parse(json.dumps({"model_parameters": {"parameters": said}}))
    again = back(convert(document, form).content, form).content["model_parameters"]["parameters"]
    assert repr(sorted(again.items())) == repr(sorted(said.items()))
    lost = {loss.place for loss in convert(document, form, carry=False).losses}
    assert "model_parameters.parameters.bootstrap" in lost


def test_the_cards_of_verifyml_are_read_as_they_were_written(shared: Path) -> None:
    for path in sorted((shared / "cards/verifyml").glob("*.proto")):
        data = path.read_bytes()
        assert encode(decode(data, VERIFYML), VERIFYML) == data
    card = ModelCard.load(shared / "cards/verifyml/my_model_card.proto")
    assert card.model_details.name == "Credit Card Fraud Model"
    assert card.fairness[0].group_at_risk == "race, age, gender"


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_break_the_reader_of_verifyml(data: bytes) -> None:
    try:
        decode(data, VERIFYML)
    except DataError:
        return


def test_hostile_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "card.proto"
    for data, message in (
        (b"\xff" * 30, "that breaks at byte"),
        (b"\x0a\xff\xff\xff\x7f", "cut off at byte 5"),
        (b"\x0b", "a field of kind 3"),
        (b"\x0a\x03\x0a\x01\xff", "text in UTF-8"),
    ):
        path.write_bytes(data)
        with pytest.raises(DataError, match=message):
            read_card(path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.json", "[1]", "expected a JSON object, got list"),
        ("a.json", '{"a": 1, "a": 2}', "key 'a' is given twice"),
        ("a.json", '{"a": ', r"a.json:1:7: not valid JSON"),
        ("a.json", '{"a":' * 5000 + "1" + "}" * 5000, "not valid JSON|nested deeper"),
        ("a.json", '{"bomFormat": "CycloneDX"}', "a component of type machine-learning-model"),
        ("a.md", "---\na: [\n---\n", "not valid YAML"),
        ("a.md", "---\nmodelward: [1]\n---\n", "expected carried fields by pointer"),
        ("a.md", "---\nmodelward: {/model_details/name/0: 1, /model_details/name: x, /model_details/name/b/c: 1}\n---\n", "a carried field that fits"),
    ],
)  # fmt: skip
def test_files_that_break(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    with pytest.raises(DataError, match=message):
        read_card(path)


def test_formats_and_versions_that_are_none() -> None:
    card = parse("model_details: {name: m}")
    with pytest.raises(DataError, match="expected a format of yaml, mct"):
        convert(card, "word")
    with pytest.raises(DataError, match=r"expected CycloneDX 1.5, 1.6, 1.7, got '1.4'"):
        convert(card, "cyclonedx", version="1.4")


def test_a_text_too_long_for_sagemaker_is_cut_and_told() -> None:
    card = parse(f"model_details: {{name: m, description: {'x' * 3000}}}")
    conversion = convert(card, "sagemaker", carry=False)
    content = json.loads(conversion.text)
    assert len(content["model_overview"]["model_description"]) == 1024
    assert {loss.fate for loss in conversion.losses} == {"cut", "changed"}
    assert not conversion
    assert (
        len(
            back(convert(card, "sagemaker").text, "sagemaker").content["model_details"][
                "description"
            ]
        )
        == 3000
    )
    with pytest.raises(DataError, match="at most 100000 characters"):
        convert(parse(f"considerations: {{x: {'y' * 100_001}}}"), "sagemaker")


@given(
    st.recursive(
        leaf,
        lambda v: (
            st.lists(v, min_size=1, max_size=3) | st.dictionaries(keys, v, min_size=1, max_size=3)
        ),
    )
)
def test_pointers_rebuild_what_they_flatten(value: Any) -> None:
    content = {"x": value}
    rebuilt: dict[str, Any] = {}
    put_all(rebuilt, {pointer(place): v for place, v in flatten(content).items()})
    assert rebuilt == content
    assert all(place_of(pointer(place)) == place for place in flatten(content))


def test_taking_a_field_walks_that_field_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from modelward.modelcards.conversion.taking import Taker

    class Unwalked(dict[Any, Any]):
        def __iter__(self) -> Any:
            raise AssertionError("all that is left was walked for one field")

    card = Taker({"a": {"b": [1, {"c": 2}], "d": 3}, "e": {}})
    card._left = Unwalked(card._left)
    assert card.take("a", "b") == [1, {"c": 2}]
    assert dict(card._left.items()) == {("a", "d"): 3, ("e",): {}}

    asked = []
    whole = Taker.left
    monkeypatch.setattr(Taker, "left", lambda self: asked.append(1) or whole(self))
    metrics = [{"type": f"m{i}", "value": i, "mine": i} for i in range(300)]
    found = convert(parse(json.dumps({"robustness": {"metrics": metrics}})), "mct")
    assert len(found.losses) == 900
    assert len(asked) == 1, "what is left is looked up once, and not for each loss"
