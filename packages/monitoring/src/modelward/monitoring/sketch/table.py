"""The summary of a whole table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from modelward.core.errors import DataError
from modelward.core.evidence import canonical, digest
from modelward.core.files import write_whole
from modelward.monitoring.sketch.categorical import CategoricalSketch
from modelward.monitoring.sketch.numeric import CELLS, NumericSketch
from modelward.monitoring.sources.frames import Column, Kind, columns

if TYPE_CHECKING:
    import pandas as pd

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
    def fit(cls, frame: pd.DataFrame, *, cells: int = CELLS) -> Self:
        """Infer the schema from a frame, lay the grids by its values, and count them.

        `cells` is the size of a numeric column's grid. Raises `DataError` for an empty frame.
        """
        found = list(columns(frame))
        if not found or len(frame) == 0:
            raise DataError(
                f"expected a frame with rows and columns, got shape {frame.shape}",
                hint="a reference needs data: a few hundred rows at the least.",
            )
        return cls(
            kinds={c.name: c.kind for c in found},
            columns={c.name: _fit(c, cells) for c in found},
            rows=len(frame),
        )

    @classmethod
    def fit_chunks(cls, frames: Iterable[pd.DataFrame], *, cells: int = CELLS) -> Self:
        """Sketch a table that comes in chunks; the first chunk gives schema and grids."""
        sketch: Self | None = None
        for frame in frames:
            sketch = cls.fit(frame, cells=cells) if sketch is None else sketch.add(frame)
        if sketch is None:
            raise DataError("expected at least one chunk of data, got none")
        return sketch

    def add(self, frame: pd.DataFrame) -> Self:
        """Give the sketch with a frame's rows added, on the same schema and grids.

        A column that is not there, or is of another kind, is not counted and is named in `others`;
        comparing then answers 'cannot say' for it.
        """
        came = {c.name: c for c in columns(frame)}
        others = {(name, f"new, {c.kind}") for name, c in came.items() if name not in self.kinds}
        added: dict[str, ColumnSketch] = {}
        for name, sketch in self.columns.items():
            column = came.get(name)
            if column is None:
                others.add((name, "missing in the window"))
            elif column.kind != self.kinds[name] and column.values.size:
                others.add((name, f"{column.kind} in the window, {self.kinds[name]} before"))
            else:
                values = column.values if column.kind == self.kinds[name] else column.values[:0]
                with _naming(name):
                    added[name] = sketch.add(_cast(values, self.kinds[name]), column.missing)
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


def _fit(column: Column, cells: int) -> ColumnSketch:
    with _naming(column.name):
        if column.kind == "categorical":
            return CategoricalSketch.fit(column.values, column.missing)
        return NumericSketch.fit(column.values, column.missing, cells=cells)


@contextmanager
def _naming(column: str) -> Iterator[None]:
    """Say in which column a mistake lies."""
    try:
        yield
    except DataError as error:
        raise DataError(f"column '{column}': {error.fact}", hint=error.hint) from error


def _cast(values: Any, kind: Kind) -> Any:
    # An all-missing column has no kind of its own: its empty values fit any.
    return values if kind == "categorical" else values.astype("float64")
