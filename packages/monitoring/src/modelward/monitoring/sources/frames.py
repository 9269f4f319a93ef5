"""Columns of a pandas frame, each as what it is: numbers, times or categories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["numeric", "time", "categorical"]
CHUNK_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a chunk: the values that are there, and how many are missing.

    `values` is a float array of shape `(n,)` for numbers and times (seconds since 1970), and an
    array of text for categories.
    """

    name: str
    kind: Kind
    values: npt.NDArray[Any]
    missing: int


def columns(frame: pd.DataFrame) -> Iterator[Column]:
    """Take a frame apart. Raises `DataError` for what is no frame, and for doubled names."""
    if not hasattr(frame, "columns") or not hasattr(frame, "dtypes"):
        raise DataError(
            f"expected a pandas DataFrame, got {type(frame).__name__}",
            hint="wrap an array as pandas.DataFrame(array, columns=[...]).",
        )
    names = [str(name) for name in frame.columns]
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise DataError(f"expected each column name once, got {twice} more than once")
    for position, name in enumerate(names):
        yield _column(name, frame.iloc[:, position])


def _column(name: str, series: pd.Series[Any]) -> Column:
    import pandas as pd

    absent = series.isna()
    there = series[~absent]
    missing = int(absent.sum())
    if pd.api.types.is_bool_dtype(series.dtype) or not (
        pd.api.types.is_numeric_dtype(series.dtype)
        or pd.api.types.is_datetime64_any_dtype(series.dtype)
    ):
        return Column(name, "categorical", there.astype(str).to_numpy(dtype=object), missing)
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        utc = pd.to_datetime(there, utc=True)
        seconds = (utc - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
        return Column(name, "time", seconds.to_numpy(dtype=np.float64), missing)
    if pd.api.types.is_complex_dtype(series.dtype):
        raise DataError(f"expected real numbers in column '{name}', got {series.dtype}")
    return Column(name, "numeric", there.to_numpy(dtype=np.float64), missing)


def read(path: str | Path) -> Iterator[pd.DataFrame]:
    """Read a CSV or Parquet file in chunks of at most 100,000 rows, so that memory stays flat.

    Raises `DataError` when the file is of another kind, empty or cannot be read.
    """
    source = Path(path)
    try:
        if source.suffix == ".csv":
            import pandas as pd

            yield from pd.read_csv(source, chunksize=CHUNK_ROWS, float_precision="round_trip")
        elif source.suffix == ".parquet":
            yield from _parquet(source)
        else:
            raise DataError(
                f"expected a .csv or .parquet file, got {source.name}",
                hint="convert it, or sketch a DataFrame with Sketch.fit.",
            )
    except (OSError, ValueError, ArithmeticError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"expected a readable table in {source}, got: {error}") from error


def _parquet(source: Path) -> Iterator[pd.DataFrame]:
    from modelward.core.optional import require

    parquet = require(
        "pyarrow.parquet", feature="reading Parquet", install="'./packages/monitoring[parquet]'"
    )
    for batch in parquet.ParquetFile(source).iter_batches(batch_size=CHUNK_ROWS):
        yield batch.to_pandas()
