"""Methods that look at whole tables, so that they see what no column shows by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError
from modelward.monitoring.drift.base import Method, On, Statistic
from modelward.monitoring.performance.encoding import Encoder
from modelward.monitoring.sources.tables import as_pandas

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Rng = np.random.Generator
LEAST_ROWS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TableMethod(Method):
    """A method on two tables of raw rows.

    `measure(reference, current, rng)` takes two matrices, shapes `(n, d)` and `(m, d)`, without
    missing values and on one scale. At most `most` rows a side are used, drawn by the seed.
    """

    measure: Callable[[Floats, Floats, Rng], Statistic]
    most: int
    on: On = "tables"

    def __call__(
        self, reference: pd.DataFrame, current: pd.DataFrame, *, seed: int = 0
    ) -> Statistic:
        """Measure two frames over the reference's columns.

        Numbers and times are put on one scale by all rows of both, a missing one in the middle
        with a mark of its own; each category becomes a mark. Raises `DataError` for fewer than
        20 rows a side, for columns that are missing, and for no column at all.

        >>> import pandas as pd
        >>> from modelward.monitoring import table_method
        >>> rng = np.random.default_rng(0)
        >>> one, two = (pd.DataFrame(rng.normal(size=(300, 2))) for _ in range(2))
        >>> two[1] = two[0] + two[1] / 10  # each column as before, together not
        >>> table_method("mmd")(one, two).p_value < 0.05
        True
        """
        frames = as_pandas(reference), as_pandas(current)
        few = [len(frame) for frame in frames if len(frame) < LEAST_ROWS]
        if few:
            raise DataError(
                f"expected at least {LEAST_ROWS} rows a side for {self.name}, got {few[0]}"
            )
        rng = np.random.default_rng(seed)
        drawn = [self._drawn(frame, rng) for frame in frames]
        return self.measure(*matrices(*drawn), rng)

    def _drawn(self, frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
        if len(frame) <= self.most:
            return frame
        return frame.iloc[np.sort(rng.choice(len(frame), self.most, replace=False))]


def matrices(reference: pd.DataFrame, current: pd.DataFrame) -> tuple[Floats, Floats]:
    """Give two frames as matrices over the reference's columns, shapes `(n, d)` and `(m, d)`.

    All that is learned (middles, spreads, categories) is learned from the rows of both together,
    so that which side a row is on changes nothing: what permutations need.
    """
    import pandas as pd

    names = tuple(str(name) for name in reference.columns)
    if not names:
        raise DataError("expected a table with columns, got none")
    sides = [frame.rename(columns=str) for frame in (reference, current)]
    lacking = [name for name in names if name not in sides[1].columns]
    if lacking:
        raise DataError(f"expected the columns of the reference, got none of {lacking[:6]}")
    whole = pd.concat([side[list(names)] for side in sides], ignore_index=True)
    encoder = Encoder.fit(whole, names)
    parts: list[Floats] = []
    for values, words in zip(encoder(whole).T, encoder.vocabularies, strict=True):
        parts += _of_categories(values, len(words)) if words is not None else _of_numbers(values)
    matrix = np.column_stack(parts)
    return matrix[: len(reference)], matrix[len(reference) :]


def _of_numbers(values: Floats) -> list[Floats]:
    there = np.isfinite(values)
    spread = float(values[there].std()) if there.any() else 0.0
    middle = float(values[there].mean()) if there.any() else 0.0
    parts = [np.where(there, values - middle, 0.0) / (spread or 1.0)]
    return parts if there.all() else [*parts, (~there).astype(np.float64)]


def _of_categories(codes: Floats, size: int) -> list[Floats]:
    found: list[Any] = [codes == code for code in range(size)]
    found.append(~np.isfinite(codes))
    # Two rows of different categories then lie one apart.
    return [each.astype(np.float64) / np.sqrt(2) for each in found if each.any()]


def permuted(
    statistic: Callable[[Floats], Floats], n: int, m: int, rng: Rng, *, repeats: int
) -> Statistic:
    """Give the statistic of the sides as they are, and its p-value among shuffled ones.

    `statistic` takes sides as columns, shape `(n + m, k)`, 1 for a row of the reference and 0 for
    one of the window, and gives `(k,)`. The p-value is exact for rows that can be exchanged: the
    rank of the first among `repeats + 1`.
    """
    sides = np.zeros((n + m, repeats + 1))
    sides[:n, 0] = 1.0
    for at in range(1, repeats + 1):
        sides[rng.permutation(n + m)[:n], at] = 1.0
    found = statistic(sides)
    slack = 1e-12 * max(1.0, abs(float(found[0])))
    rank = int((found[1:] >= found[0] - slack).sum())
    return Statistic(float(found[0]), (1 + rank) / (1 + repeats))
