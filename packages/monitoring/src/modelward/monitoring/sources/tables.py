"""Tables of pandas, Arrow and Polars, in memory or in files, as pandas frames chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelward.core.errors import DataError
from modelward.core.optional import require

if TYPE_CHECKING:
    import pandas as pd

CHUNK_ROWS = 100_000
"""Rows in memory of one file at one time."""
PARQUET = "'./packages/monitoring[parquet]'"
POLARS = "'./packages/monitoring[polars]'"
_EXTENSIONS = (".csv", ".parquet", ".pq", ".feather", ".arrow")


def as_pandas(table: Any) -> pd.DataFrame:
    """Give a table of Arrow (Table, RecordBatch) or Polars (DataFrame, LazyFrame) as a pandas frame.

    A pandas frame is given back as it is. Decimals become floats, dates become times. Raises
    `DataError` for what is no table.

    >>> import polars
    >>> as_pandas(polars.DataFrame({"age": [31, 45]})).shape
    (2, 1)
    """
    if hasattr(table, "iloc") and hasattr(table, "dtypes"):
        frame: pd.DataFrame = table
        return frame
    origin = type(table).__module__.partition(".")[0]
    if origin == "polars" and hasattr(table, "collect"):
        table = table.collect()
    if origin == "polars" and hasattr(table, "to_arrow") and hasattr(table, "columns"):
        require("pyarrow", feature="reading Polars", install=POLARS)
        return _of_arrow(table.to_arrow())
    if origin == "pyarrow" and hasattr(table, "schema") and hasattr(table, "to_pandas"):
        return _of_arrow(table)
    raise DataError(
        f"expected a table of pandas, Arrow or Polars, got {type(table).__name__}",
        hint="wrap an array as pandas.DataFrame(array, columns=[...]).",
    )


def chunks(source: Any) -> Iterator[pd.DataFrame]:
    """Give a file (CSV, Parquet, Feather), an Arrow reader or data set, or a table, chunk by chunk.

    Of files and readers at most 100,000 rows are in memory at once. Raises `DataError` when a file
    is of another kind, empty or cannot be read.
    """
    if isinstance(source, (str, Path)):
        yield from read(source)
    elif type(source).__module__.partition(".")[0] == "pyarrow" and hasattr(source, "to_batches"):
        for batch in source.to_batches(**_sizes(source)):
            yield _of_arrow(batch)
    elif hasattr(source, "read_next_batch"):
        for batch in source:
            yield _of_arrow(batch)
    elif hasattr(source, "iter_slices"):
        for part in source.iter_slices(CHUNK_ROWS):
            yield as_pandas(part)
    else:
        yield as_pandas(source)


def read(path: str | Path) -> Iterator[pd.DataFrame]:
    """Read a CSV, Parquet or Feather file in chunks of at most 100,000 rows.

    Raises `DataError` when the file is of another kind, empty or cannot be read, also where only
    its end is broken: chunks before it have been given by then.
    """
    source = Path(path)
    try:
        if source.suffix == ".csv":
            import pandas as pd

            yield from pd.read_csv(source, chunksize=CHUNK_ROWS, float_precision="round_trip")
        elif source.suffix in {".parquet", ".pq"}:
            parquet = require("pyarrow.parquet", feature="reading Parquet", install=PARQUET)
            with parquet.ParquetFile(source) as file:
                for batch in file.iter_batches(batch_size=CHUNK_ROWS):
                    yield _of_arrow(batch)
        elif source.suffix in {".feather", ".arrow"}:
            arrow = require("pyarrow", feature="reading Feather", install=PARQUET)
            with arrow.memory_map(str(source)) as mapped, arrow.ipc.open_file(mapped) as file:
                for at in range(file.num_record_batches):
                    yield _of_arrow(file.get_batch(at))
        else:
            raise DataError(
                f"expected a file ending in {', '.join(_EXTENSIONS)}, got {source.name}",
                hint="convert it, or sketch a DataFrame with Sketch.fit.",
            )
    except (OSError, ValueError, ArithmeticError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"expected a readable table in {source}, got: {error}") from error


def _sizes(source: Any) -> dict[str, int]:
    """Give the option that bounds the rows of a batch: of a table or of a data set."""
    of_table = hasattr(source, "num_rows")
    return {"max_chunksize" if of_table else "batch_size": CHUNK_ROWS}


def _of_arrow(table: Any) -> pd.DataFrame:
    """Give an Arrow table or batch as pandas; decimals as floats, dates as times."""
    arrow: Any = require("pyarrow", feature="reading Arrow", install=PARQUET)

    fields = []
    for field in table.schema:
        kind = field.type
        if arrow.types.is_decimal(kind):
            kind = arrow.float64()
        elif arrow.types.is_date(kind):
            kind = arrow.timestamp("ms")
        fields.append(field.with_type(kind))
    wanted = arrow.schema(fields)
    if wanted != table.schema:
        table = table.cast(wanted)
    frame: pd.DataFrame = table.to_pandas(date_as_object=False)
    return frame
