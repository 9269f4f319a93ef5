"""The summary of a whole table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError
from modelward.core.evidence import canonical, digest
from modelward.core.files import write_whole
from modelward.monitoring.sketch.categorical import CategoricalSketch
from modelward.monitoring.sketch.numeric import CELLS, NumericSketch
from modelward.monitoring.sources.frames import Column, Kind, columns
from modelward.monitoring.sources.tables import as_pandas, chunks

ColumnSketch = NumericSketch | CategoricalSketch
FORMAT = "modelward.sketch/1"


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """A fixed-size summary of a table: one summary a column, and the number of rows.

    Sketches of the same schema add up, in any order: hours to days, shards to wholes. The raw rows
    are not kept. `others` names columns that came later and are not in the schema, with what came
    instead of the expected kind (a column that is missing, renamed, or of another type).

    >>> import pandas as pd
    >>> reference = Sketch.fit(pd.DataFrame({"age": [31.0, 45.0, None], "sex": ["f", "m", "f"]}))
    >>> window = reference.empty().add(pd.DataFrame({"age": [50.0], "sex": ["x"]}))
    >>> (reference + window).columns["age"].moments.mean
    42.0
    """

    kinds: Mapping[str, Kind]
    columns: Mapping[str, ColumnSketch]
    rows: int
    others: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def fit(cls, table: Any, *, cells: int = CELLS) -> Self:
        """Infer the schema from a table, lay the grids by its values, and count them.

        The table is one of pandas, Arrow or Polars; `cells` is the size of a numeric column's grid.
        Raises `DataError` for an empty table and for one with doubled names.
        """
        frame = as_pandas(table)
        if len(frame) == 0 or len(frame.columns) == 0:
            raise DataError(
                f"expected a frame with rows and columns, got shape {frame.shape}",
                hint="a reference needs data: a few hundred rows at the least.",
            )
        kinds: dict[str, Kind] = {}
        found: dict[str, ColumnSketch] = {}
        for column in columns(frame):  # one at a time, so that it is read from memory once
            kinds[column.name] = column.kind
            found[column.name] = _fit(column, cells)
        return cls(kinds=kinds, columns=found, rows=len(frame))

    @classmethod
    def fit_chunks(cls, source: Any, *, cells: int = CELLS) -> Self:
        """Sketch what comes in chunks; the first with rows gives schema and grids.

        `source` is the path of a CSV, Parquet or Feather file, a reader or data set of Arrow, or a
        sequence of tables. No more than one chunk is in memory at once. Raises `DataError` for a
        source without rows and for a file that cannot be read.
        """
        sketch: Self | None = None
        for frame in _parts(source):
            if sketch is not None:
                sketch = sketch.add(frame)
            elif len(frame):
                sketch = cls.fit(frame, cells=cells)
        if sketch is None:
            raise DataError("expected at least one chunk of data, got none")
        return sketch

    def add_chunks(self, source: Any) -> Self:
        """Give the sketch with the rows of a file or of chunks added, as `fit_chunks` takes them."""
        sketch = self
        for frame in _parts(source):
            sketch = sketch.add(frame)
        return sketch

    def add(self, table: Any) -> Self:
        """Give the sketch with a table's rows added, on the same schema and grids.

        A column that is not there, or is of another kind, is not counted and is named in `others`;
        comparing then answers 'cannot say' for it.
        """
        frame = as_pandas(table)
        came = {str(name) for name in frame.columns}
        room = np.empty(len(frame))
        others: set[tuple[str, str]] = set()
        added: dict[str, ColumnSketch] = {}
        for column in columns(frame):  # one at a time, so that it is read from memory once
            name, kind = column.name, self.kinds.get(column.name)
            if kind is None:
                others.add((name, f"new, {column.kind}"))
            elif column.kind != kind and column.n:
                others.add((name, f"{column.kind} in the window, {kind} before"))
            else:
                with _naming(name):
                    added[name] = _add(self.columns[name], column, kind, room)
        others |= {(name, "missing in the window") for name in self.kinds if name not in came}
        return type(self)(
            kinds=self.kinds,
            columns={name: added.get(name, sketch) for name, sketch in self.columns.items()},
            rows=self.rows + len(frame),
            others=self.others | others,
        )

    def empty(self) -> Self:
        """Give a sketch of nothing with the same schema and grids, to add a window to."""
        emptied = {name: sketch.empty() for name, sketch in self.columns.items()}
        return type(self)(kinds=self.kinds, columns=emptied, rows=0)

    def __add__(self, other: Sketch) -> Self:
        self.require_schema_of(other)
        merged: dict[str, ColumnSketch] = {}
        for name, mine in self.columns.items():
            with _naming(name):
                merged[name] = mine + other.columns[name]  # type: ignore[operator]
        rows, others = self.rows + other.rows, self.others | other.others
        return type(self)(kinds=self.kinds, columns=merged, rows=rows, others=others)

    def require_schema_of(self, other: Sketch) -> None:
        """Raise `DataError` unless the other sketch has the same columns of the same kinds."""
        if dict(self.kinds) != dict(other.kinds):
            differing = sorted(set(self.kinds.items()) ^ set(other.kinds.items()))
            raise DataError(
                f"expected sketches of one schema, got different ones at {differing[:6]}",
                hint="sketch the window with reference.empty().add(frame).",
            )

    def require_cells_of(self, other: Sketch) -> None:
        """Raise `DataError` unless the other sketch also counts in the same cells.

        Two grids laid by different data may have the same number of cells, and shares in them
        could then be compared without meaning anything.
        """
        self.require_schema_of(other)
        for name, mine in self.columns.items():
            if not mine.same_cells(other.columns[name]):  # type: ignore[arg-type]
                raise DataError(
                    f"expected two sketches on one grid, got different grids of column '{name}'",
                    hint="sketch the window with reference.empty().add(frame).",
                )

    @property
    def digest(self) -> str:
        """The digest of the content, by which a reference is known: that of the saved file."""
        return digest(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Give the content as plain JSON."""
        return {
            "format": FORMAT,
            "rows": self.rows,
            "others": sorted([name, what] for name, what in self.others),
            "columns": {
                name: {"kind": self.kinds[name], **sketch.to_dict()}
                for name, sketch in self.columns.items()
            },
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Rebuild a sketch. Raises `DataError` for another format or broken content."""
        if not isinstance(content, Mapping) or content.get("format") != FORMAT:
            raise DataError(
                f"expected a sketch of format {FORMAT}, got "
                f"{content.get('format') if isinstance(content, Mapping) else type(content).__name__}"
            )
        try:
            kinds = {name: state["kind"] for name, state in content["columns"].items()}
            sketches: dict[str, ColumnSketch] = {
                name: CategoricalSketch.from_dict(state)
                if state["kind"] == "categorical"
                else NumericSketch.from_dict(state)
                for name, state in content["columns"].items()
            }
            others = frozenset((str(name), str(what)) for name, what in content["others"])
            return cls(kinds=kinds, columns=sketches, rows=int(content["rows"]), others=others)
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise DataError(f"expected a whole sketch, got one without {error}") from error

    def save(self, path: str | Path) -> Path:
        """Write the sketch as JSON, and give the path."""
        return write_whole(path, canonical(self.to_dict()).decode())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a sketch. Raises `DataError` when the file is not one."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise DataError(f"expected a sketch in {path}, got: {error}") from error
        return cls.from_dict(content)

    def __repr__(self) -> str:
        kinds = list(self.kinds.values())
        parts = ", ".join(f"{kinds.count(k)} {k}" for k in sorted(set(kinds)))
        return f"Sketch({self.rows} rows; {parts})"


def _parts(source: Any) -> Iterable[Any]:
    return source if isinstance(source, (list, tuple, Iterator)) else chunks(source)


def _fit(column: Column, cells: int) -> ColumnSketch:
    with _naming(column.name):
        if column.kind == "categorical":
            return CategoricalSketch.fit(column.counted, column.missing)
        return NumericSketch.fit(column.values, column.missing, cells=cells)


@contextmanager
def _naming(column: str) -> Iterator[None]:
    """Say in which column a mistake lies."""
    try:
        yield
    except DataError as error:
        raise DataError(f"column '{column}': {error.fact}", hint=error.hint) from error


def _add(
    sketch: ColumnSketch, column: Column, kind: Kind, room: npt.NDArray[np.float64]
) -> ColumnSketch:
    # An all-missing column has no kind of its own: it fits any.
    if isinstance(sketch, CategoricalSketch):
        return sketch.add(column.counted if column.kind == kind else {}, column.missing)
    values = column.data if column.kind == kind else np.empty(0)
    return sketch.add(values, column.missing, room=room)
