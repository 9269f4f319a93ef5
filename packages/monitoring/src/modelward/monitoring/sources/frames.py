"""Columns of a pandas frame, each as what it is: numbers, times or categories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError
from modelward.monitoring.sources.tables import as_pandas, read

__all__ = ["Column", "Kind", "columns", "read"]

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["numeric", "time", "categorical"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a chunk: the values that are there, and how many are missing.

    `data` is a float array of shape `(n,)` for numbers and times (seconds since 1970). Of
    categories it is the place of each value among `words`.
    """

    name: str
    kind: Kind
    data: npt.NDArray[Any]
    missing: int
    words: tuple[str, ...] = ()

    @property
    def values(self) -> npt.NDArray[Any]:
        """The values, shape `(n,)`: numbers, or texts of categories."""
        if self.kind != "categorical":
            return self.data
        words = np.empty(len(self.words), dtype=object)
        words[:] = self.words
        return np.asarray(words[self.data])

    @property
    def counted(self) -> Mapping[str, int]:
        """How often each category is there."""
        counts: Counter[str] = Counter()
        for word, count in zip(
            self.words, np.bincount(self.data, minlength=len(self.words)).tolist(), strict=True
        ):
            if count:
                counts[word] += count
        return counts


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
    for position, name in enumerate(names):
        yield _column(name, frame.iloc[:, position])


def _column(name: str, series: pd.Series[Any]) -> Column:
    import pandas as pd

    types = pd.api.types
    if types.is_float_dtype(series.dtype) and isinstance(series.dtype, np.dtype):
        values = series.to_numpy(dtype=np.float64)  # what most columns are, the shortest way
        absent = np.isnan(values)
        missing = int(np.count_nonzero(absent))
        return Column(name, "numeric", values[~absent] if missing else values, missing)
    if series.dtype == object or isinstance(series.dtype, pd.CategoricalDtype):
        found = _factorized(name, series)
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
        codes, words = pd.factorize(there.astype(str).to_numpy(dtype=object))
        return Column(name, "categorical", codes, missing, tuple(map(str, words)))
    if types.is_complex_dtype(there.dtype):
        raise DataError(f"expected real numbers in column '{name}', got {there.dtype}")
    return Column(name, "numeric", there.to_numpy(dtype=np.float64), missing)


def _factorized(name: str, series: pd.Series[Any]) -> Column | None:
    """Count a column of texts by its different ones; None where there are other objects among them."""
    import pandas as pd

    try:
        codes, words = pd.factorize(series)
    except TypeError:  # lists and the like have no hash
        return None
    if not len(words) or pd.api.types.infer_dtype(words, skipna=False) not in {
        "string",
        "categorical",
    }:
        return None
    texts = tuple(str(word) for word in words)
    there = codes >= 0
    missing = int(codes.size - np.count_nonzero(there))
    return Column(name, "categorical", codes[there] if missing else codes, missing, texts)


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
