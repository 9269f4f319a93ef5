"""JSONPath: RFC 9535 by an independent implementation, Spectral's extras, bounded work."""

from __future__ import annotations

from typing import Any

import jsonpath_rfc9535
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelward.core.errors import DataError
from modelward.modelcards.rules.jsonpath.selection import select
from modelward.modelcards.rules.patterns import matches

names = st.sampled_from(["a", "b", "c", "long name"])
values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["x", "y", "xy", ""]),
    lambda v: st.lists(v, max_size=4) | st.dictionaries(names, v, max_size=3),
    max_leaves=15,
)
operands = st.sampled_from(
    ["@.a", "@.b", "@", "$.a", "1", "-2", "'x'", "true", "null", "length(@.a)", "count(@.*)"]
)
singular = st.sampled_from(["@.a", "@.b", "@", "$.a", "1", "'x'", "true", "null", "length(@.a)"])
comparisons = st.builds(
    lambda left, op, right: f"{left} {op} {right}",
    singular,
    st.sampled_from(["==", "!=", "<", "<=", ">", ">="]),
    singular,
)
filters = st.recursive(
    comparisons | st.sampled_from(["@.a", "@..b", "!@.a", "match(@.a, 'x.*')", "search(@, 'y')"]),
    lambda f: st.builds(lambda a, o, b: f"({a} {o} {b})", f, st.sampled_from(["&&", "||"]), f),
    max_leaves=3,
)
segments = st.one_of(
    st.sampled_from([".a", ".b", ".*", "..a", "..*", "['long name']", "[0]", "[-1]", "[1:]", "[::2]",
                     "[::-1]", "[0,'a']", "[*]", "..[0]", "[-3:2]"]),
    filters.map(lambda f: f"[?{f}]"),
)  # fmt: skip
paths = st.lists(segments, max_size=3).map(lambda parts: "$" + "".join(parts))


@settings(max_examples=600, deadline=None)
@given(values, paths)
def test_it_selects_what_rfc_9535_selects(content: Any, path: str) -> None:
    expected = {tuple(node.location) for node in jsonpath_rfc9535.find(path, content)}
    found = select(content, path)
    assert {place for place, _ in found} == expected
    assert len(found) == len(expected), "each node comes once"


CARD = {"a": {"b": [1, 2], "c": {"d": "x"}}, "e": [{"n": "one", "v": 1}, {"n": "two"}]}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", [()]),
        ("$.a.*~", [("a", "b"), ("a", "c")]),
        ("$..d^", [("a", "c")]),
        ("$.e[?(@.n == 'two')]", [("e", 1)]),
        ("$.e[?(@.v)].n", [("e", 0, "n")]),
        ("$.a[?(@property == 'c')]", [("a", "c")]),
        ("$.a[?(@property =~ /^[bc]$/)]", [("a", "b"), ("a", "c")]),
        ("$.a[?(@.length > 1)]", [("a", "b")]),
        ('$["a"]["c"]', [("a", "c")]),
        ("$.nothing.at.all", []),
        ("$.e[?(!@.v)]", [("e", 1)]),
    ],
)
def test_what_spectral_has_besides(path: str, expected: list[Any]) -> None:
    assert [place for place, _ in select(CARD, path)] == expected


def test_a_key_is_selected_as_a_value() -> None:
    assert select(CARD, "$.a.*~") == [(("a", "b"), "b"), (("a", "c"), "c")]


@pytest.mark.parametrize(
    "path",
    ["", "a.b", "$.", "$[", "$[?]", "$[?(@.a ==)]", "$.a b", "$[?('x')]", "$['a'", "$" + "." * 3,
     "$" + ".a" * 600, "$[?" + "(" * 400 + "@.a" + ")" * 400 + "]"],
)  # fmt: skip
def test_what_is_no_path_is_told(path: str) -> None:
    with pytest.raises(DataError, match="JSONPath"):
        select(CARD, path)


def test_a_path_that_explodes_is_bounded() -> None:
    chain: Any = "leaf"
    for _ in range(60):
        chain = {"a": chain, "b": [chain]} if isinstance(chain, str) else {"a": chain}
    assert select(chain, "$" + "..*" * 20 + ".nothing") == []
    wide = [{"k": list(range(60))} for _ in range(300)]
    with pytest.raises(DataError, match="at most 1000000 steps"):
        select(wide, "$[?count($..*[?@ == count($..*)]) > 0]")


@pytest.mark.parametrize(
    "pattern", ["a{9999999999}", "(?:(?:a{100}){100}){100}", r"/\d{200000,}/i"]
)
def test_a_pattern_that_compiles_for_ever_is_refused(pattern: str) -> None:
    with pytest.raises(DataError, match="at most 100000 signs, repetitions written out"):
        matches(pattern, "a")
    assert matches(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-\w{0,999999}$", "01234567-0123-0123-0123-a")


def test_a_pattern_that_takes_for_ever_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelward.modelcards.rules.patterns.TIMEOUT_S", 0.05)
    with pytest.raises(DataError, match="done within"):
        matches(r"^(a|a)*$", "a" * 60 + "!")
    with pytest.raises(DataError, match="expected a regular expression"):
        matches("(", "a")
    assert matches("/ABC/i", "xabcx")
    assert not matches("b", "abc", whole=True)
