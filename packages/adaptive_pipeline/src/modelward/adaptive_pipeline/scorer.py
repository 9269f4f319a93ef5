"""A model version ready to answer: one row in, one checked answer out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelward.adaptive_pipeline.values import Scalar, plain
from modelward.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Scorer:
    """A version's `predict` (a frame of n rows to n answers) and the columns it was trained on.

    >>> Scorer("1", lambda frame: frame["x"] * 2, columns=("x",)).score({"x": 4})
    8
    """

    version: str
    predict: Callable[[pd.DataFrame], Any]
    columns: tuple[str, ...] | None = None

    def score(self, row: Mapping[str, Scalar]) -> Scalar:
        """Answer one row.

        Raises `DataError` when the answer is not one text or finite number, and whatever the model
        itself raises.
        """
        import pandas as pd

        answers = list(self.predict(pd.DataFrame([row])))
        if len(answers) != 1:
            raise DataError(f"expected one answer for one row, got {len(answers)}")
        return plain(answers[0], what=f"the answer of version {self.version}")
