"""Saving a card that was read: what was not changed stays byte for byte."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelward.core.errors import DataError
from modelward.core.evidence import Evidence, Metric, Subject
from modelward.modelcards import ModelCard, parse
from modelward.modelcards.codecs.editing import edit
from modelward.modelcards.codecs.yaml import write

CARD = """\
# The card of the scenes.
model_details:
    name:  'scenes'   # as in the registry
    version: {name: 1.10, date: 2026-01-02}
    overview:

quantitative_analysis:
  performance_metrics:
    # the one that counts
    - type: accuracy
      value: 0.90     # on the stream

considerations: {users:  [Anyone]}  # last words
"""


def loaded(tmp_path: Path, text: str) -> ModelCard:
    path = tmp_path / "card.yaml"
    path.write_bytes(text.encode())
    return ModelCard.load(path)


def record() -> Evidence:
    return Evidence.create(
        kind="monitoring.window",
        subject=Subject(name="m"),
        tool="modelward-modelcards",
        metrics=[Metric.of("drifted_features", 2), Metric.of("alpha", 0.05, slice="before")],
        findings=["two columns have shifted"],
    )


def test_real_cards_are_saved_byte_for_byte(shared: Path, tmp_path: Path) -> None:
    saved = 0
    for path in sorted((shared / "cards").rglob("*.yaml")):
        try:
            card = ModelCard.load(path)
        except DataError:
            continue  # what each file breaks is held in test_card_files.py
        assert card.save(tmp_path / "card.yaml").read_bytes() == path.read_bytes(), path.name
        saved += 1
    assert saved >= 11


def test_attaching_to_real_cards_only_adds_lines(shared: Path, tmp_path: Path) -> None:
    for path in sorted((shared / "cards").rglob("*.yaml")):
        try:
            card = ModelCard.load(path).attach(record(), record="e.json")
        except DataError:
            continue
        written = card.save(tmp_path / "card.yaml")
        after = iter(written.read_text("utf-8").splitlines())
        before = path.read_text("utf-8").splitlines()
        assert all(line in after for line in before), path.name  # in this order
        assert ModelCard.load(written).content() == card.content()


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_change_keeps_comments_order_and_spelling(tmp_path: Path, ends: str, mark: str) -> None:
    text = mark + CARD.replace("\n", ends)
    card = loaded(tmp_path, text)
    metrics = card.quantitative_analysis.performance_metrics
    analysis = card.quantitative_analysis.model_copy(
        update={"performance_metrics": [metrics[0].model_copy(update={"unit": "share"})]}
    )
    card = card.model_copy(update={"quantitative_analysis": analysis, "schema_version": "x"})
    new = card.save(tmp_path / "new.yaml").read_bytes().decode()
    want = CARD.replace(
        "0.90     # on the stream\n", "0.90     # on the stream\n      unit: share\n"
    )
    lines = [line for line in new.split(ends) if line]
    assert lines == [
        mark + want.split("\n")[0],
        *filter(None, want.split("\n")[1:]),
        "schema_version: x",
    ]
    assert ("\r" in new) == ("\r" in ends)


def test_sections_are_removed_and_replaced(tmp_path: Path) -> None:
    card = loaded(tmp_path, CARD)
    details = card.model_details.model_copy(update={"name": "seen", "overview": "o"})
    card = card.model_copy(
        update={"model_details": details, "considerations": type(card.considerations)()}
    )
    new = card.save(tmp_path / "new.yaml").read_text("utf-8")
    assert "name:  'scenes'" not in new
    assert "# as in the registry" in new
    assert "considerations" not in new
    assert "0.90     # on the stream" in new
    assert ModelCard.load(tmp_path / "new.yaml").content() == card.content()


def test_cards_whose_parts_are_tied_by_aliases(tmp_path: Path) -> None:
    text = "# top\na: &a {x: 1.10, y: 2}\nb: *a\nmodel_details: {name: m}\n"
    same = edit(text, parse(text).content, parse(text).content)
    assert same == text
    after = parse(text).content | {"model_details": {"name": "n"}}
    assert edit(text, parse(text).content, after) == text.replace("name: m", "name: n")


def test_what_cannot_be_edited_in_place_is_written_plainly(
    caplog: pytest.LogCaptureFixture,
) -> None:
    text = "a: &a {x: 1}\nb: *a\n"  # to change a in place would change b too
    after = {"a": {"x": 2}, "b": {"x": 1}}
    with caplog.at_level(logging.WARNING):
        new = edit(text, parse(text).content, after)
    assert parse(new).content == after
    assert "without its comments" in caplog.text


keys = st.sampled_from(["a", "b", "model_details", "on", "x y"])
leaves = st.sampled_from(
    [
        1,
        0.9,
        True,
        None,
        "",
        "no",
        "1.10",
        "2026-01-02",
        "a: b",
        "# c",
        "two\nlines",
        "é",
        "-",
        "1e3",
        "~",
    ]
)
contents = st.recursive(
    leaves, lambda v: st.lists(v, max_size=3) | st.dictionaries(keys, v, max_size=3), max_leaves=8
)
cards = st.dictionaries(keys, contents, min_size=1, max_size=4)


@settings(max_examples=300, deadline=None)
@given(cards, cards, st.booleans())
def test_an_edited_text_reads_as_it_should(
    before: dict[str, Any], after: dict[str, Any], shared_part: bool
) -> None:
    if shared_part:
        after = {**before, **dict(list(after.items())[:1])}
    assert parse(edit(write(before), before, after)).content == after
