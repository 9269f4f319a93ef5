"""Expectations: limits on the data of a window, learned from a reference, kept as YAML."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from modelward.core.config import Config, dump, load
from modelward.core.errors import DataError
from modelward.core.files import write_whole
from modelward.monitoring.quality.limits import beyond_range, prediction_limits, upper_share
from modelward.monitoring.sketch.categorical import CategoricalSketch
from modelward.monitoring.sketch.numeric import NumericSketch
from modelward.monitoring.sketch.table import ColumnSketch, Sketch
from modelward.monitoring.sources.frames import Kind
from modelward.monitoring.sources.tables import as_pandas

if TYPE_CHECKING:
    import pandas as pd

    from modelward.monitoring.quality.result import QualityResult

Share = Annotated[float, Field(ge=0, le=1)]
LEAST_WINDOWS = 8


class ColumnExpectation(Config):
    """What one column must be like; a limit that is None (in YAML: null) is not checked.

    Shares are of rows, in [0, 1]. `outside_at_most` is the share of values that may lie outside
    `low` to `high`; 0 makes them hard limits. `others_at_most` is the share of values that may be
    none of the `categories`. `fresh_within` is in hours.
    """

    kind: Kind
    missing_at_most: Share | None = None
    infinite_at_most: Share | None = None
    low: float | None = None
    high: float | None = None
    outside_at_most: Share | None = None
    categories: tuple[str, ...] | None = None
    others_at_most: Share | None = None
    fresh_within: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(
                f"low is {self.low:g} and high is {self.high:g}: low <= high is needed"
            )
        if self.others_at_most is not None and self.categories is None:
            raise ValueError("others_at_most needs categories: others than which?")
        return self


class DuplicateExpectation(Config):
    """How many rows may repeat an earlier one of the same window, in all columns or in some."""

    columns: tuple[str, ...] | None = None
    at_most: Share = 0.0


class Expectations(Config):
    """What the data of a window must be like.

    Learn them from a reference, save them, edit the YAML, and check each window. A share fails its
    limit when it exceeds it by more than chance: by an exact binomial test at half of `risk`. The
    other half is spent on the limits learned, each an upper bound of what the reference shows. So a
    share of a healthy column fails with at most the probability `risk`, whatever the sizes of
    reference and window.

    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> reference = pd.DataFrame({"age": rng.uniform(18, 90, 5_000)})
    >>> expectations = Expectations.learn(reference)
    >>> broken = pd.DataFrame({"age": [*rng.uniform(18, 90, 950), *-rng.uniform(1, 9, 50)]})
    >>> print(*expectations.check(broken).failures)
    age: 5.1% outside 18.01 to 89.97, at most 0.2% expected
    """

    columns: dict[str, ColumnExpectation]
    extra_columns: Literal["refused", "allowed"] = "refused"
    rows_at_least: Annotated[int, Field(ge=0)] = 1
    rows_at_most: Annotated[int, Field(ge=0)] | None = None
    duplicates: DuplicateExpectation | None = None
    risk: Annotated[float, Field(gt=0, lt=1)] = 1e-4

    @classmethod
    def learn(
        cls,
        reference: Sketch | pd.DataFrame,
        *,
        windows: Sequence[int] = (),
        fresh_within: float | None = None,
        risk: float = 1e-4,
    ) -> Self:
        """Learn limits from a reference.

        `windows` are the rows of healthy windows: from eight on, limits on the number of rows are
        learned (a prediction interval of its logarithm at `risk`, which assumes it to be about
        normal). `fresh_within` (hours) is how old the newest moment of each column of times may be at
        the end of a window. Duplicates can be learned from a frame only. Raises `DataError` for a
        reference without rows and for a risk outside (0, 1).
        """
        if not 0 < risk < 1:
            raise DataError(f"expected 0 < risk < 1, got {risk}", hint="e.g. 1e-4.")
        sketch = reference if isinstance(reference, Sketch) else Sketch.fit(reference)
        if sketch.rows == 0:
            raise DataError("expected a reference with rows, got none")
        duplicates = None
        if not isinstance(reference, Sketch):
            repeated = repeated_rows(as_pandas(reference), None)
            limit = upper_share(repeated, sketch.rows, risk / 2)
            duplicates = DuplicateExpectation(at_most=limit)
        least, most = 1, None
        if len(windows) >= LEAST_WINDOWS:
            least, most = prediction_limits(windows, risk)
        return cls(
            columns={
                name: _learn(column, sketch.kinds[name], risk / 2, fresh_within)
                for name, column in sketch.columns.items()
            },
            rows_at_least=least,
            rows_at_most=most,
            duplicates=duplicates,
            risk=risk,
        )

    def check(
        self, window: Sketch | pd.DataFrame, *, at: datetime | str | float | None = None
    ) -> QualityResult:
        """Check a window, given as a frame or as a kept sketch.

        `at` is the end of the window, against which freshness is measured (by default now). What a
        sketch cannot tell, such as duplicates, is said so. Raises `DataError` for what is no table.
        """
        from modelward.monitoring.quality.checks import check

        return check(self, window, at=at)

    def cells(self) -> Sketch:
        """Give a sketch of nothing with just the cells these expectations ask about."""
        return Sketch(
            kinds={name: column.kind for name, column in self.columns.items()},
            columns={name: _cells(column) for name, column in self.columns.items()},
            rows=0,
        )

    def save(self, path: str | Path) -> Path:
        """Write the YAML, and give the path."""
        return write_whole(path, dump(self))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read the YAML. Raises `InvalidConfigError`, which lists every mistake by line and column."""
        return load(path, cls)


def repeated_rows(frame: pd.DataFrame, columns: Sequence[str] | None) -> int:
    """Count the rows that repeat an earlier one. Raises `DataError` for values without a hash."""
    try:
        return int(frame.duplicated(subset=None if columns is None else list(columns)).sum())
    except TypeError as error:
        raise DataError(
            f"expected plain values where duplicates are counted, got: {error}",
            hint="name columns of plain values in duplicates.columns.",
        ) from error


def _learn(
    column: ColumnSketch, kind: Kind, half: float, fresh_within: float | None
) -> ColumnExpectation:
    infinite = column.infinite if isinstance(column, NumericSketch) else 0
    limits: dict[str, object] = {"missing_at_most": upper_share(column.missing, column.rows, half)}
    if isinstance(column, CategoricalSketch):
        if column.categories:
            limits["categories"] = column.categories
            limits["others_at_most"] = upper_share(int(column.counts[-1]), column.n, half)
    elif kind == "numeric":
        limits["infinite_at_most"] = upper_share(infinite, column.rows, half)
        if column.n:
            limits |= {"low": column.minimum, "high": column.maximum}
            limits["outside_at_most"] = beyond_range(column.n, half)
    elif fresh_within is not None:
        limits["fresh_within"] = fresh_within
    return ColumnExpectation.model_validate({"kind": kind, **limits})


def _cells(column: ColumnExpectation) -> ColumnSketch:
    if column.kind == "categorical":
        return CategoricalSketch.over(column.categories or ())
    edges = [] if column.low is None else [np.nextafter(column.low, -np.inf)]
    edges += [] if column.high is None else [column.high]
    return NumericSketch.on(np.asarray(edges, dtype=np.float64))
