"""Checking a window against its expectations."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from modelward.core.errors import DataError
from modelward.monitoring.fleet.records import instant
from modelward.monitoring.quality.expectations import (
    ColumnExpectation,
    Expectations,
    repeated_rows,
)
from modelward.monitoring.quality.limits import exceeds
from modelward.monitoring.quality.result import CheckState, QualityCheck, QualityResult
from modelward.monitoring.sketch.categorical import CategoricalSketch
from modelward.monitoring.sketch.numeric import NumericSketch
from modelward.monitoring.sketch.table import ColumnSketch, Sketch
from modelward.monitoring.sources.tables import as_pandas

if TYPE_CHECKING:
    import pandas as pd


def check(
    expectations: Expectations,
    window: Sketch | pd.DataFrame,
    *,
    at: datetime | str | float | None = None,
) -> QualityResult:
    """Check every expectation; see `Expectations.check`."""
    if not isinstance(window, Sketch):
        window = as_pandas(window)
    sketch = window if isinstance(window, Sketch) else expectations.cells().add(window)
    moment = datetime.now(UTC) if at is None else instant(at)
    found = [*_table(expectations, sketch)]
    torn = dict(sketch.others)
    for name, expected in expectations.columns.items():
        column = sketch.columns.get(name)
        if column is None or name in torn or sketch.kinds[name] != expected.kind:
            came = torn.get(name) or (
                "missing in the window" if column is None else f"{sketch.kinds[name]} in the window"
            )
            words = came if came.startswith("missing") else f"{came}, {expected.kind} expected"
            found.append(QualityCheck(name, "schema", "failed", words))
        else:
            found.extend(_column(name, expected, column, expectations.risk / 2, moment))
    if expectations.duplicates is not None:
        found.append(_duplicates(expectations, window))
    return QualityResult(tuple(found), rows=sketch.rows)


def _table(expectations: Expectations, sketch: Sketch) -> Iterator[QualityCheck]:
    least, most = expectations.rows_at_least, expectations.rows_at_most
    words = f"{sketch.rows} rows, {least} to {'any number' if most is None else most} expected"
    within = least <= sketch.rows and (most is None or sketch.rows <= most)
    yield QualityCheck("", "rows", _state(not within), words, sketch.rows)
    extra = {name for name, _ in sketch.others} | set(sketch.columns)
    extra -= set(expectations.columns)
    if expectations.extra_columns == "refused":
        for name in sorted(extra):
            yield QualityCheck(name, "schema", "failed", "a column that was not expected")


def _column(
    name: str, expected: ColumnExpectation, column: ColumnSketch, risk: float, at: datetime
) -> Iterator[QualityCheck]:
    if column.rows == 0:
        yield QualityCheck(name, "missing", "cannot say", "no rows in the window")
        return
    yield from _share(name, "missing", column.missing, column.rows, expected.missing_at_most, risk)
    if isinstance(column, CategoricalSketch):
        yield from _others(name, expected, column, risk)
    else:
        yield from _numbers(name, expected, column, risk)
        if expected.fresh_within is not None:
            yield _fresh(name, expected.fresh_within, column, at)


def _numbers(
    name: str, expected: ColumnExpectation, column: NumericSketch, risk: float
) -> Iterator[QualityCheck]:
    limit = expected.infinite_at_most
    yield from _share(name, "infinite", column.infinite, column.rows, limit, risk)
    if expected.outside_at_most is None or (expected.low is None and expected.high is None):
        return
    low = -np.inf if expected.low is None else expected.low
    high = np.inf if expected.high is None else expected.high
    found = outside(column, low, high)
    what = f"outside {low:.4g} to {high:.4g}"
    yield from _share(name, what, found, column.n, expected.outside_at_most, risk, kind="range")


def outside(column: NumericSketch, low: float, high: float) -> int:
    """Count the values that lie below `low` or above `high`, as far as the cells tell for sure.

    Exact where the grid has edges at both limits, as that of a reference has at its own range.
    """
    uppers = np.append(column.edges, column.maximum)  # the last cell ends with its largest value
    lowers = np.insert(column.edges, 0, -np.inf)
    # A cell holds what lies in (lower, upper]: all of it is below low when its upper end is.
    sure = int(column.counts[(uppers < low) | (lowers >= high)].sum())
    least = int(column.n > 0 and column.minimum < low) + int(column.n > 0 and column.maximum > high)
    return max(sure, least)


def _others(
    name: str, expected: ColumnExpectation, column: CategoricalSketch, risk: float
) -> Iterator[QualityCheck]:
    if expected.categories is None or expected.others_at_most is None:
        return
    counts = dict(zip(column.categories, column.counts.tolist(), strict=False))
    asked = set(CategoricalSketch.over(expected.categories).categories)
    if asked - set(column.categories):
        words = "the sketch does not count every category that is expected"
        yield QualityCheck(name, "categories", "cannot say", words)
        return
    found = column.n - sum(count for label, count in counts.items() if label in asked)
    what = "in other categories"
    limit = expected.others_at_most
    yield from _share(name, what, found, column.n, limit, risk, kind="categories")


def _share(  # noqa: PLR0917 - the same six for every share
    name: str,
    what: str,
    found: int,
    n: int,
    limit: float | None,
    risk: float,
    *,
    kind: str = "",
) -> Iterator[QualityCheck]:
    if limit is None or n == 0:
        return
    failed = exceeds(found, n, limit, risk)
    words = f"{found / n:.1%} {what}, at most {limit:.1%} expected"
    if failed and f"{found / n:.1%}" == f"{limit:.1%}":  # both round to the same: tell counts
        words = f"{found} of {n} {what}, at most {limit * n:.2g} expected"
    yield QualityCheck(name, kind or what, _state(failed), words, found / n, limit)


def _state(failed: bool) -> CheckState:
    return "failed" if failed else "met"


def _fresh(name: str, within: float, column: NumericSketch, at: datetime) -> QualityCheck:
    if column.n == 0:
        return QualityCheck(name, "freshness", "failed", "no moment in the window")
    age = (at.timestamp() - column.maximum) / 3600
    words = f"newest moment {age:.1f} h before the window's end, at most {within:g} h expected"
    return QualityCheck(name, "freshness", _state(age > within), words, age, within)


def _duplicates(expectations: Expectations, window: Sketch | pd.DataFrame) -> QualityCheck:
    expected = expectations.duplicates
    if expected is None or isinstance(window, Sketch):
        words = "a sketch holds no rows: check the frame for duplicates"
        return QualityCheck("", "duplicates", "cannot say", words)
    lacking = sorted(set(expected.columns or ()) - {str(name) for name in window.columns})
    if lacking:
        words = f"no column {', '.join(lacking)} to count duplicates in"
        return QualityCheck("", "duplicates", "cannot say", words)
    try:
        found = repeated_rows(window, expected.columns)
    except DataError as error:
        return QualityCheck("", "duplicates", "cannot say", error.fact)
    n, limit = len(window), expected.at_most
    failed = exceeds(found, n, limit, expectations.risk / 2)
    words = f"{found} of {n} rows repeat an earlier one, at most {limit:.2%} expected"
    share = found / n if n else 0.0
    return QualityCheck("", "duplicates", _state(failed), words, share, limit)
