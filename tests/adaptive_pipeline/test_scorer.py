"""The scorer: one checked answer for each row, whatever the model gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from modelward.adaptive_pipeline import Scorer
from modelward.core.errors import DataError

ROWS = [{"x": 1.0, "y": 2.0}, {"x": 3.0, "y": 4.0}]


@pytest.mark.parametrize(
    "answers",
    [
        [1, 2],
        (1, 2),
        np.array([1, 2]),
        np.array([[1], [2]]),
        pd.Series([1, 2], index=[7, 8]),
        iter([1, 2]),
        {"a": 1, "b": 2}.values(),
    ],
    ids=lambda answers: type(answers).__name__,
)
def test_answers_of_every_kind_of_sequence(answers: Any) -> None:
    assert Scorer("1", lambda _: answers).score_many(ROWS) == [1, 2]


@pytest.mark.parametrize(
    ("answers", "got"),
    [
        ("no", "got str"),
        (b"no", "got bytes"),
        ({"x": 1, "y": 2}, "got dict"),
        ({1, 2}, "got set"),
        (pd.DataFrame(ROWS), "got DataFrame"),
        (None, "got NoneType"),
        (5, "got int"),
    ],
)
def test_what_only_looks_like_two_answers_is_none(answers: Any, got: str) -> None:
    """A table of two columns, iterated, would give their names as answers to two rows."""
    scorer = Scorer("1", lambda _: answers)
    found = scorer.score_many(ROWS)
    assert len(found) == 2
    assert all(isinstance(each, DataError) and got in str(each) for each in found)
    with pytest.raises(DataError, match=got):
        scorer.score(ROWS[0])


def test_a_table_of_one_column_is_an_answer_for_each_row() -> None:
    scorer = Scorer("1", lambda frame: pd.DataFrame({"answer": frame["x"] * 2}))
    assert scorer.score({"x": 1.0}) == 2.0
    assert scorer.score_many(ROWS) == [2.0, 6.0]


def test_no_rows_have_no_answers() -> None:
    assert Scorer("1", lambda frame: frame["x"]).score_many([]) == []
