"""Columns of a pandas frame, each as what it is: numbers, times or categories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError
from modelward.monitoring.sources.tables import as_pandas, read

__all__ = ["Column", "Kind", "columns", "read"]

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["numeric", "time", "categorical"]
Floats = npt.NDArray[np.floating]
_TOGETHER = 8
"""As many floats as a processor takes from memory at one time."""
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a chunk: the values that are there, and how many are missing.

    `data` is an array of shape `(n,)`, of floats of 64 or 32 bits, for numbers and times (seconds since
    1970). Of categories it is the column as it came, and `counted` says how often each is there: all that a
    sketch needs, at half the price of the place of each value.
    """

    name: str
    kind: Kind
    data: Any
    missing: int
    counted: Mapping[str, int] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """How many values are there."""
        return sum(self.counted.values()) if self.kind == "categorical" else int(self.data.size)

    @property
    def values(self) -> npt.NDArray[Any]:
        """The values, shape `(n,)`: numbers, or texts of categories."""
        if self.kind != "categorical":
            return np.asarray(self.data, dtype=np.float64)
        there: pd.Series[Any] = self.data.dropna()
        return np.array([str(value) for value in there.tolist()], dtype=object)


def columns(table: Any) -> Iterator[Column]:
    """Take a table of pandas, Arrow or Polars apart.

    Numbers are numbers, also as decimals; moments and dates are times, in UTC, those without a time
    zone taken as such; all else is categories. Raises `DataError` for what is no table, and for
    doubled names.
    """
    frame = as_pandas(table)
    names = [str(name) for name in frame.columns]
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise DataError(f"expected each column name once, got {twice} more than once")
    every = [series for _, series in frame.items()]
    for first in range(0, len(every), _TOGETHER):
        some = every[first : first + _TOGETHER]
        for name, series, floats in zip(names[first:], some, _side_by_side(some), strict=False):
            yield _column(name, series, floats)


def _side_by_side(some: Sequence[pd.Series[Any]]) -> list[Floats | None]:
    """Give the floats of each column, and None for what is something else.

    A frame made of a matrix holds them row by row: each column would fetch all of it from memory, so
    such columns are copied together, some rows at a time.
    """
    found: list[Floats | None] = [
        series.to_numpy(dtype=np.float32 if series.dtype == np.float32 else np.float64)
        if isinstance(series.dtype, np.dtype) and series.dtype.kind == "f"
        else None
        for series in some
    ]
    apart = [(at, each) for at, each in enumerate(found) if each is not None and _is_apart(each)]
    if len(apart) > 1:
        rows = apart[0][1].size
        block = np.empty((len(apart), rows))
        for start in range(0, rows, _ROWS_AT_ONCE):
            part = slice(start, start + _ROWS_AT_ONCE)
            for line, (_, each) in zip(block, apart, strict=True):
                line[part] = each[part]
        for line, (at, _) in zip(block, apart, strict=True):
            found[at] = line
    return found


def _is_apart(values: Floats) -> bool:
    return values.size > _ROWS_AT_ONCE and values.strides[0] > values.itemsize


def _column(name: str, series: pd.Series[Any], values: Floats | None) -> Column:
    import pandas as pd

    types = pd.api.types
    if values is not None:
        absent = np.isnan(values)
        missing = int(np.count_nonzero(absent))
        return Column(name, "numeric", values[~absent] if missing else values, missing)
    if series.dtype == object or isinstance(series.dtype, pd.CategoricalDtype):
        found = _counted(name, series)
        if found is not None:
            return found
    there = series.dropna()
    missing = len(series) - len(there)
    if there.dtype == object and there.size:
        there = _told(there)
    if types.is_datetime64_any_dtype(there.dtype):
        utc = pd.to_datetime(there, utc=True)
        seconds = (utc - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
        return Column(name, "time", seconds.to_numpy(dtype=np.float64), missing)
    if types.is_bool_dtype(there.dtype) or not types.is_numeric_dtype(there.dtype):
        return Column(name, "categorical", there, missing, Counter(map(str, there.tolist())))
    if types.is_complex_dtype(there.dtype):
        raise DataError(f"expected real numbers in column '{name}', got {there.dtype}")
    return Column(name, "numeric", there.to_numpy(dtype=np.float64), missing)


def _counted(name: str, series: pd.Series[Any]) -> Column | None:
    """Count a column of texts by its different ones; None where there are other objects among them."""
    import pandas as pd

    if series.dtype == object:
        there = (value for value in series if pd.isna(value) is not True)
        if not isinstance(next(there, None), str):
            return None
    try:
        found = series.value_counts(sort=False, dropna=False)
    except TypeError:  # lists and the like have no hash
        return None
    words, counts = found.index, found.tolist()
    gone = np.asarray(words.isna())
    missing = int(found.to_numpy()[gone].sum())
    known = words[~gone] if missing else words
    if not len(known) or pd.api.types.infer_dtype(known, skipna=False) not in {
        "string",
        "categorical",
    }:
        return None
    counted: Counter[str] = Counter()
    for word, count, absent in zip(words.tolist(), counts, gone.tolist(), strict=True):
        if count and not absent:
            counted[str(word)] += count
    return Column(name, "categorical", series, missing, counted)


def _told(there: pd.Series[Any]) -> pd.Series[Any]:
    """Give objects that are all numbers, or all moments (of any time zones), as such."""
    import pandas as pd

    kind = pd.api.types.infer_dtype(there, skipna=False)
    if kind in {"integer", "floating", "mixed-integer-float", "decimal"}:
        try:
            return there.astype(np.float64)
        except OverflowError:  # a whole number beyond every float: as good as infinite
            return there.map(lambda value: value if abs(value) < 2**1000 else np.inf).astype(float)
    if kind in {"datetime", "datetime64", "date"}:
        return cast("pd.Series[Any]", pd.to_datetime(there, utc=True))
    return there
