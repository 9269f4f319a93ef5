"""Rules: each function, rulesets that extend each other, and what is no ruleset."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from modelward.core.errors import ConfigError, DataError
from modelward.core.testing import check_result
from modelward.modelcards import load_ruleset, parse, read, validate
from modelward.modelcards.rules.functions.registry import FUNCTIONS
from modelward.modelcards.rules.ruleset import BUILT_IN


def found(tmp_path: Path, card: str, rule: str) -> list[tuple[str, str]]:
    """Give place and message of what one rule finds in a card."""
    path = tmp_path / "rules.yaml"
    path.write_text("rules:\n  r:\n" + textwrap.indent(textwrap.dedent(rule), "    "), "utf-8")
    return [(f.place, f.message) for f in validate(parse(card), [path])]


# function, options, a value that keeps the rule, one that breaks it
CASES: list[tuple[str, str, str, str]] = [
    ("truthy", "{}", "text", "''"),
    ("truthy", "{}", "[]", "0"),
    ("falsy", "{}", "false", "1"),
    ("defined", "{}", "null", "..."),
    ("undefined", "{}", "...", "null"),
    ("pattern", "{match: '^v[0-9]'}", "v1", "w1"),
    ("pattern", "{notMatch: '/BETA/i'}", "v1", "v1-beta"),
    ("casing", "{type: snake}", "a_b1", "aB"),
    ("casing", "{type: camel}", "aBc1", "a_b"),
    ("casing", "{type: pascal}", "AbCd", "abCd"),
    ("casing", "{type: kebab}", "a-b1", "a_b"),
    ("casing", "{type: cobol}", "A-B1", "a-b"),
    ("casing", "{type: macro}", "A_B1", "a_b"),
    ("casing", "{type: flat}", "abc1", "aBc"),
    ("casing", "{type: flat, disallowDigits: true}", "abc", "abc1"),
    ("casing", "{type: pascal, separator: {char: '-'}}", "Ab-Cd", "Ab-cd"),
    ("casing", "{type: kebab, separator: {char: '/', allowLeading: true}}", "/a-b/c", "a//b"),
    ("length", "{min: 2, max: 3}", "abc", "abcd"),
    ("length", "{min: 2}", "[1, 2]", "[1]"),
    ("length", "{max: 2}", "2", "3"),
    ("enumeration", "{values: [a, 1]}", "a", "b"),
    ("enumeration", "{values: [a, 1]}", "1", "'1'"),
    ("alphabetical", "{}", "[a, b]", "[b, a]"),
    ("alphabetical", "{}", "{a: 1, b: 2}", "{b: 1, a: 2}"),
    ("alphabetical", "{keyedBy: n}", "[{n: a}, {n: b}]", "[{n: b}, {n: a}]"),
    ("xor", "{properties: [p, q]}", "{p: 1}", "{p: 1, q: 2}"),
    ("xor", "{properties: [p, q]}", "{q: null}", "{}"),
    ("or", "{properties: [p, q]}", "{p: 1, q: 2}", "{r: 1}"),
    ("schema", "{schema: {type: string}}", "a", "[1]"),
    ("schema", "{schema: {type: string, format: date}}", "2022-06-01", "2022/06/01"),
    ("schema", "{dialect: draft2020-12, schema: {prefixItems: [{type: integer}]}}", "[1]", "[a]"),
    ("typedEnum", "{}", "{type: string, enum: [a]}", "{type: string, enum: [1]}"),
    ("template", "{template: \"# A\\n\\n## B\\n\"}", "\"# A\\nx\\n\\n## B\\n\"", "\"# A\\n\""),
    ("filled", "{fields: [a, b.c]}", "{a: x, b: {c: 1}}", "{a: TODO, b: {c: 1}}"),
    ("filled", "{fields: [a, b], need: any}", "{a: x}", "{a: ''}"),
    ("filled", "{fields: [[a, b]]}", "{b: x}", "{c: x}"),
    ("altText", "{}", "[{image: x, alt: y}]", "[{image: x}]"),
]  # fmt: skip


@pytest.mark.parametrize(("function", "options", "kept", "broken"), CASES)
def test_functions(tmp_path: Path, function: str, options: str, kept: str, broken: str) -> None:
    rule = f"given: $.model_details\nthen: {{field: x, function: {function}, functionOptions: {options}}}\n"

    def card(value: str) -> str:
        return "model_details: {y: 1}" if value == "..." else f"model_details: {{x: {value}}}"

    assert found(tmp_path, card(kept), rule) == []
    ((place, message),) = found(tmp_path, card(broken), rule)
    assert place.startswith("model_details.x")
    assert message


def test_each_function_has_a_case() -> None:
    about_whole_cards = {"todo", "sources", "naming", "intervals", "spelling", "cardSchema"}
    elsewhere = about_whole_cards | {"unreferencedReusableObject"}
    assert {case[0] for case in CASES} | elsewhere == set(FUNCTIONS)


def test_reusable_objects_nobody_refers_to(tmp_path: Path) -> None:
    rule = """
        given: $.shared
        then: {function: unreferencedReusableObject, functionOptions: {reusableObjectsLocation: '#/shared'}}
    """
    card = "model_details: {d: {$ref: '#/shared/used'}}\nshared: {used: 1, lonely: 2}\n"
    assert [place for place, _ in found(tmp_path, card, rule)] == ["shared.lonely"]


def test_what_a_function_does_not_take_is_passed_over(tmp_path: Path) -> None:
    rule = (
        "given: $.model_details.name\nthen: {function: pattern, functionOptions: {match: '^a'}}\n"
    )
    assert found(tmp_path, "model_details: {name: [1]}", rule) == []
    assert found(tmp_path, "considerations: {}", rule) == [], "a given without a match asks nothing"


def test_fields_keys_and_messages(tmp_path: Path) -> None:
    card = "model_details: {owners: [{name: a}, {contact: b}], bad_Key: 1}\n"
    rule = """
        description: every owner is named
        message: "{{description}}: {{property}} at {{path}} is {{value}} ({{error}})"
        given: "$.model_details.owners[*]"
        then: {field: name, function: truthy}
    """
    assert found(tmp_path, card, rule) == [
        (
            "model_details.owners[1].name",
            'every owner is named: name at model_details.owners[1].name is  ("name" property must be truthy)',
        )
    ]
    keys = """
        given: [$.model_details, "$.model_details.owners[*]"]
        then:
          - {field: '@key', function: casing, functionOptions: {type: snake}}
          - {field: '$..name', function: pattern, functionOptions: {match: '^b'}}
    """
    assert {place for place, _ in found(tmp_path, card, keys)} == {
        "model_details.bad_Key",
        "model_details.owners[0].name",
    }


def test_severities_and_switching_off(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(
        "rules:\n"
        + "".join(
            f"  {name}: {{given: $, severity: {severity}, then: {{field: nope, function: truthy}}}}\n"
            for name, severity in (
                ("a", "error"),
                ("b", 1),
                ("c", "info"),
                ("d", "hint"),
                ("e", "off"),
            )
        )
    )
    card = parse("model_details: {}")
    severities = {f.rule: f.severity for f in validate(card, [tmp_path / "base.yaml"])}
    assert severities == {"a": "error", "b": "warning", "c": "info", "d": "hint"}
    (tmp_path / "mine.yaml").write_text(
        "extends: base.yaml\nfail-on: hint\nrules: {a: off, b: false, c: error, e: true}\n"
    )
    result = validate(card, [tmp_path / "mine.yaml"])
    assert {f.rule: f.severity for f in result} == {"c": "error", "d": "hint", "e": "warning"}
    assert (result.fail_on, bool(result), len(result.failures)) == ("hint", False, 3)
    assert bool(validate(card, [tmp_path / "base.yaml"])) is False
    (tmp_path / "none.yaml").write_text("extends: [[base.yaml, off]]\nrules: {c: warn}\n")
    assert [f.rule for f in validate(card, [tmp_path / "none.yaml"])] == ["c"]


WRONG = {
    "nonsense: 1": r"rules.yaml:1:11: expected keys of",
    "rules: [1]": r"rules.yaml:1:8: expected rules by name",
    "rules: {r: {given: $}}": r":1:12: expected 'then' in the rule 'r'",
    "rules: {r: off}": r"expected a rule to switch on or off, got none called 'r'",
    "rules: {r: {given: nope, then: {function: truthy}}}": r":1:20: expected '\$' or '@' at character 1",
    "rules: {r: {given: $, severity: loud, then: {function: truthy}}}": r":1:33: expected a severity of .*, got 'loud'",
    "rules: {r: {given: $, then: {function: nope}}}": r":1:40: expected a function of truthy, .*, got 'nope'",
    "rules: {r: {given: $, then: [truthy]}}": r":1:30: expected a mapping with 'function'",
    "rules: {r: {given: $, then: {function: length, functionOptions: {most: 3}}}}": r"expected options of min, max, got 'most'",
    "rules: {r: {given: $, then: {function: xor}}}": r"expected the option 'properties'",
    "rules: {r: {given: $, then: {function: pattern, functionOptions: {match: (}}}}": r"rules.yaml:1:66: expected a regular expression, got '\('",
    "rules: {r: {given: $, then: {function: length, functionOptions: {max: a}}}}": r"the option 'max' cannot be 'a'",
    "extends: https://example.org/rules.yaml": r"nothing is fetched",
    "extends: ../../outside.yaml": r"lies outside the folder of the ruleset",
    "extends: rules.yaml": r"in a ring",
    "extends: absent.yaml": r"expected a ruleset, got",
    "a: [": r"expected a ruleset, got: .*rules.yaml:",
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_ruleset_is_told_with_its_place(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "rules.yaml").write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=WRONG[text]):
        load_ruleset(folder / "rules.yaml")


def test_a_schema_that_refers_elsewhere_is_not_fetched(tmp_path: Path) -> None:
    rule = """
        given: $
        then: {function: schema, functionOptions: {schema: {$ref: 'http://127.0.0.1:9/secret.json'}}}
    """
    with pytest.raises(DataError, match="is not fetched"):
        found(tmp_path, "model_details: {}", rule)


def test_functions_of_a_repository_are_not_run(tmp_path: Path, shared: Path) -> None:
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "semver.py").write_text("raise SystemExit('ran')\n")
    text = (shared / "cards/modelcard-action/rules_with_js_function.yaml").read_text("utf-8")
    (tmp_path / "rules.yaml").write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=r"(?s)got 'semver'.*code beside a ruleset is not run"):
        load_ruleset(tmp_path)
    with pytest.raises(ConfigError, match="got 'semver'"):
        load_ruleset(tmp_path, allow_functions=["semver"])  # allowed, and not installed


def test_functions_of_installed_packages_are_run_when_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    info = tmp_path / "mine-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[modelward.card_functions]\nsemver = mine_rules:semver\n"
    )
    (tmp_path / "mine_rules.py").write_text(
        "def semver(target, options):\n"
        "    if isinstance(target.value, str) and target.value.count('.') != 2:\n"
        "        yield (), 'is no version'\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    rules = tmp_path / "rules.yaml"
    rules.write_text(
        "rules: {v: {given: $.model_details.version.name, then: {function: semver}}}\n"
    )
    with pytest.raises(ConfigError, match="got 'semver'"):
        load_ruleset(rules)
    ruleset = load_ruleset(rules, allow_functions=["semver"])
    assert [
        f.message for f in validate(parse("model_details: {version: {name: v1}}"), [ruleset])
    ] == ["is no version"]
    assert list(validate(parse("model_details: {version: {name: 1.2.3}}"), [ruleset])) == []


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_rulesets_run_over_real_cards(name: str, shared: Path) -> None:
    for path in sorted((shared / "cards/bridge2ai-yaml").glob("*.yaml")):
        check_result(validate(read(path), [name]))


def test_a_rule_of_a_ruleset_by_name() -> None:
    assert load_ruleset("default").rule("schema").severity == "error"
    with pytest.raises(ConfigError, match="it has: schema, description"):
        load_ruleset("default").rule("nope")


def test_slips_of_the_pen_are_told(shared: Path) -> None:
    card = (
        "model_detials: {naem: m, version: {nmae: 1}}\n"
        "quantitative_analysis: {performance_metrics: [{vlaue: 1, unti: s, mine: 2}]}\n"
    )
    messages = {f.place: f.message for f in validate(parse(card)) if f.rule == "spelling"}
    metric = "quantitative_analysis.performance_metrics[0]"
    assert messages == {
        "model_detials": "the card's schema has no 'model_detials'; is 'model_details' meant?",
        f"{metric}.vlaue": "the card's schema has no 'vlaue'; is 'value' meant?",
        f"{metric}.unti": "the card's schema has no 'unti'; is 'unit' meant?",
    }
    for path in (shared / "cards/bridge2ai-yaml").glob("*.yaml"):
        assert [f for f in validate(read(path)) if f.rule == "spelling"] == []


def test_a_value_outside_its_interval_is_an_error() -> None:
    text = (
        "quantitative_analysis: {performance_metrics: [{type: a, value: %s, "
        "confidence_interval: {lower_bound: 0.1, upper_bound: 0.5}}]}"
    )
    assert [f.rule for f in validate(parse(text % 0.7)) if f.severity == "error"] == ["interval"]
    assert [f.rule for f in validate(parse(text % 0.3)) if f.severity == "error"] == []
