"""A model version ready to answer: rows in, one checked answer for each out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from modelward.adaptive_pipeline.kinds import Kind
from modelward.adaptive_pipeline.model_files import column
from modelward.adaptive_pipeline.values import Scalar, plain
from modelward.core.errors import DataError, ServiceError

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Scorer:
    """A version's `predict` (a frame of n rows to n answers) and the columns it was trained on.

    `kinds` says of each column what it holds, as far as it is known: `number`, `text`, `boolean`.

    >>> Scorer("1", lambda frame: frame["x"] * 2, columns=("x",)).score({"x": 4})
    8
    """

    version: str
    predict: Callable[[pd.DataFrame], Any]
    columns: tuple[str, ...] | None = None
    kinds: tuple[Kind | None, ...] | None = None

    def score(self, row: Mapping[str, Scalar]) -> Scalar:
        """Answer one row.

        Raises `DataError` when the answer is not one text or finite number, and whatever the model
        itself raises.
        """
        answers = self._together([row])
        return plain(answers[0], what=f"the answer of version {self.version}")

    def score_many(self, rows: Sequence[Mapping[str, Scalar]]) -> list[Scalar | Exception]:
        """Answer many rows at once; in place of an answer that is not to be had, its error.

        Where the model fails on them together, each row is answered alone, so that only those it
        cannot answer have an error; a model that does not answer at all (`ServiceError`) is not asked
        again.

        >>> Scorer("1", lambda frame: frame["x"] * 2).score_many([{"x": 4}, {"x": 5}])
        [8, 10]
        """
        if len(rows) == 1:
            return [self._alone(rows[0])]
        try:
            what = f"an answer of version {self.version}"
            return [plain(answer, what=what) for answer in self._together(rows)]
        except ServiceError as error:
            return [error] * len(rows)
        except Exception as error:  # one of them, or all: each tells its own error
            logger.debug("version %s: %s; scoring row by row", self.version, error)
            return [self._alone(row) for row in rows]

    def _alone(self, row: Mapping[str, Scalar]) -> Scalar | Exception:
        try:
            return self.score(row)
        except Exception as error:  # a model may raise anything; the caller decides what it means
            return error

    def _together(self, rows: Sequence[Mapping[str, Scalar]]) -> list[Any]:
        answers = listed(self.predict(frame(rows)))
        if len(answers) != len(rows):
            raise DataError(
                f"expected {len(rows)} answers, got {len(answers)}"
                if len(rows) > 1
                else f"expected one answer for one row, got {len(answers)}"
            )
        return answers


def listed(answers: Any) -> list[Any]:
    """Give a model's answers one by one; of a table, its only column.

    Raises `DataError` for what can be gone through but is no sequence of answers: a table of several
    columns would give their names, a text its letters.

    >>> listed((0.5, 1.5))
    [0.5, 1.5]
    """
    answers = column(answers)
    table = hasattr(answers, "iloc") and answers.ndim != 1
    odd = isinstance(answers, str | bytes | Mapping | Set)
    if table or odd or not isinstance(answers, Iterable):
        raise DataError(
            f"expected a sequence of answers, one for each row, got {type(answers).__name__}"
        )
    return list(answers)


def frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Make a frame of rows; where every value is a float, by the short way.

    >>> frame([{"x": 0.5, "y": 1.5}]).shape
    (1, 2)
    """
    import pandas as pd

    first = rows[0]
    if all(type(value) is float for row in rows for value in row.values()) and all(
        row.keys() == first.keys() for row in rows[1:]
    ):
        values = np.array([[row[name] for name in first] for row in rows])
        return pd.DataFrame(values, columns=list(first))
    return pd.DataFrame(list(rows))
