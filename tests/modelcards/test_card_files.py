"""Reading cards: as written, with positions, within limits."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelward.core.errors import DataError
from modelward.modelcards import ModelCard, parse, read, validate
from modelward.modelcards.codecs.document import dotted
from modelward.modelcards.codecs.json import load_json
from modelward.modelcards.codecs.yaml import write

CARD = """\
# A comment
model_details:
  name: scenes
  version: {name: 1.10, date: 2026-01-02}
quantitative_analysis:
  performance_metrics:
    - type: accuracy
      value: 0.90
    - {type: error, value: "7000"}
"""


def test_values_stay_as_written_and_know_their_line() -> None:
    document = parse(CARD, Path("c.yaml"))
    place = ("quantitative_analysis", "performance_metrics", 0, "value")
    assert document.text(place) == "0.90"
    assert document.where(place) == "c.yaml:8:14"
    assert document.line((*place, "below")) == 8
    assert document.content["model_details"]["version"] == {"name": 1.1, "date": "2026-01-02"}
    assert document.text(("model_details", "version", "name")) == "1.10"
    assert document.content["quantitative_analysis"]["performance_metrics"][1]["value"] == "7000"
    assert dotted(place) == "quantitative_analysis.performance_metrics[0].value"


def test_yaml_12_scalars_and_merge_keys() -> None:
    text = "base: &b {on: yes, n: 0o7}\nx: {<<: *b, on: no, f: 1e3, z: ~, e: '', t: true, d: 12:30:00}\n"
    assert parse(text).content == {
        "base": {"on": "yes", "n": "0o7"},
        "x": {"on": "no", "n": "0o7", "f": 1000.0, "z": None, "e": "", "t": True, "d": "12:30:00"},
    }


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(8)
)


MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: !!python/object/apply:os.system [ls]",
            r"1:4: tag .*os.system is not allowed in a card",
        ),
        ("a: !!set {b, c}", r"1:4: tag .*set is not allowed in a card"),
        ("!!python/name:os.system a: 1", r"1:1: tag .*os.system is not allowed in a card"),
        ("é: 1\nb: \0", r"c.yaml:2:4: not valid YAML: control character U\+0000 is not allowed$"),
        ("a: [1", r"c.yaml:\d+:\d+: not valid YAML"),
        ("- a\n- b\n", "expected a mapping at the top, got list"),
        ("a: 1\na: 2\n", "c.yaml:2:1: key 'a' is given twice"),
        ("a: !!python/object:os.system x\n", "tag .* is not allowed"),
        ("a: !mine x\n", "tag !mine is not allowed"),
        ("? [a]\n: b\n", "expected a text as key"),
        ("a: &a {b: *a}\n", "nested too deep"),
        ("a: &a {<<: *a}\n", "merge"),
        ("a: {<<: 3}\n", "mappings to merge"),
        ("[" * 200, "nested deeper than 64"),
        (BOMB, "more than 100000 values"),
        (MERGES, "more than 100000 values"),
        (f"a: &a {'x' * 99_999}\nb: [{', '.join(['*a'] * 199)}]\n", "characters of text, aliases"),
        ("%TAG !a! tag:x:\n" * 9999 + "--- {}\n", "c.yaml:1:1: more than 64 times %TAG"),
        ("a: b\n---\nc: d\n", "another document"),
        ("a: *nowhere\n", "undefined alias"),
    ],
)
def test_what_is_no_card_is_refused_with_its_place(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse(text, Path("c.yaml"))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="readable UTF-8 file"):
        read(tmp_path / "absent.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    with pytest.raises(DataError, match="readable UTF-8 file"):
        read(tmp_path / "latin.yaml")
    with (tmp_path / "big.yaml").open("wb") as stream:
        stream.truncate(9 << 20)
    with pytest.raises(DataError, match="at most"):
        read(tmp_path / "big.yaml")
    with pytest.raises(DataError, match="at most"):
        read("/dev/zero")
    (tmp_path / "empty.yaml").write_text("")
    assert read(tmp_path / "empty.yaml").content == {}


def test_a_whole_number_without_end_stays_text_in_json() -> None:
    text = f'{{"model_details": {{"version": {{"name": {"9" * 6000}}}}}}}'
    assert load_json(text, Path("c.json"))["model_details"]["version"]["name"] == "9" * 6000
    with pytest.raises(DataError, match=r"c.json:1:1: not valid JSON: nested too deep"):
        load_json("[" * 200_000, Path("c.json"))


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab:-[]{}&*!|>'\"#?,\n \t%@`~0.<", max_size=60))
def test_no_text_raises_anything_else(text: str) -> None:
    with contextlib.suppress(DataError):
        parse(text)


printable = st.characters(categories=["L", "N", "P", "S", "Zs"], max_codepoint=0xFFFD)
values = st.recursive(
    st.text(printable, max_size=20) | st.integers(-999, 999) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(printable, max_size=8), inner, max_size=3),
    max_leaves=10,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), values, max_size=4))
def test_what_is_written_reads_back_equal(content: dict[str, object]) -> None:
    assert parse(write(content)).content == content


def test_rules_name_every_violation_with_its_line() -> None:
    text = (
        "model_details:\n  name: [1]\n  owners: nobody\n  description: 'TODO: say it'\n"
        "quantitative_analysis:\n  performance_metrics:\n  - value: {a: 1}\n"
    )
    found = {(f.rule, f.severity, f.line) for f in validate(parse(text))}
    assert found == {
        ("schema", "error", 2),
        ("schema", "error", 3),
        ("schema", "error", 7),
        ("todo", "warning", 4),
        ("sources", "hint", 7),
    }
    with pytest.raises(DataError, match=r"(?s)card.yaml:2:9.*card.yaml:3:11"):
        ModelCard.from_document(parse(text))


def test_numbers_and_unknown_keys_are_accepted() -> None:
    card = ModelCard.from_document(parse(CARD + "mine: {anything: [1, 2]}\n"))
    assert card.quantitative_analysis.performance_metrics[0].value == 0.9
    assert card.content()["mine"] == {"anything": [1, 2]}
    assert [f.rule for f in validate(parse(CARD))] == ["description", "sources", "sources"]


def test_a_number_where_the_older_schema_wants_text_stays_as_written(tmp_path: Path) -> None:
    text = (
        "schema_version: 0.20\nmodel_details: {name: 42, version: {name: 1.10, date: 2022}}\n"
        "quantitative_analysis: {performance_metrics: [{type: 3, slice: 4, value: 0.90}]}\n"
    )
    document = parse(text)
    assert [f for f in validate(document) if f.severity == "error"] == []
    assert ModelCard.from_document(document).save(tmp_path / "c.yaml").read_text("utf-8") == text
    for wrong in ("name: true", "name: [1]", "version: {date: {}}"):
        assert "error" in {f.severity for f in validate(parse(f"model_details: {{{wrong}}}"))}
        with pytest.raises(DataError, match="expected a model card"):
            ModelCard.from_document(parse(f"model_details: {{{wrong}}}"))


def test_a_number_under_another_name_than_its_source_is_told() -> None:
    metrics = (
        "{type: 'Adversarial AP@50 (small)', source: {metric: AP_50}}",
        "{type: recall, source: {metric: AP}}",
        "{type: APE, source: {metric: AP}}",
        "{source: {metric: AP}}",
        "{type: accuracy}",
    )
    text = "".join(f"  - {metric}\n" for metric in metrics)
    found = validate(parse(f"quantitative_analysis:\n  performance_metrics:\n{text}"))
    assert [(f.line, f.severity) for f in found if f.rule == "naming"] == [
        (4, "warning"),
        (5, "warning"),
    ]


def test_findings_stay_on_their_line() -> None:
    (finding,) = validate(parse('model_details: {description: d, "a\\n::error::": TODO}'))
    assert str(finding).count("\n") == 0


def test_findings_under_long_keys_stay_short() -> None:
    (finding,) = validate(parse(f"model_details: {{description: d}}\n? {'k' * 9999}\n: TODO\n"))
    assert len(finding.place) == 300
    assert finding.place.endswith("...")


REJECTED = {"validator_invalid_yaml.yaml": "not valid YAML"}
INVALID = {
    "validator_invalid_schema.yaml",
    "rules_description_template.yaml",
    "rules_two_sections.yaml",
    "rules_with_js_function.yaml",
}


def test_real_cards_load_or_say_what_they_break(shared: Path) -> None:
    files = sorted((shared / "cards").rglob("*.yaml"))
    assert len(files) >= 15
    for path in files:
        if path.name in REJECTED:
            with pytest.raises(DataError, match=REJECTED[path.name]):
                read(path)
            continue
        document = read(path)
        errors = [f for f in validate(document) if f.severity == "error"]
        assert bool(errors) == (path.name in INVALID), errors
        if not errors:
            assert ModelCard.load(path).content() is not None
