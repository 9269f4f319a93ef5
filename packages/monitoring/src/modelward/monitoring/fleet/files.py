"""Recording files: many Parquet files sketched in parallel, here or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select
from tqdm.auto import tqdm

from modelward.core.errors import DataError
from modelward.core.optional import require
from modelward.monitoring.fleet.records import Window
from modelward.monitoring.fleet.store.catalogue import ids_of, load_references
from modelward.monitoring.fleet.store.database import BATCH, Database
from modelward.monitoring.fleet.store.packing import pack_sketch, unpack_sketch
from modelward.monitoring.fleet.store.recording import Packed, record_windows
from modelward.monitoring.fleet.store.schema import sketches, windows
from modelward.monitoring.sketch.table import Sketch

_INSTALL = "'./packages/monitoring[parquet]'"
ROUND = 200
"""Files between two transactions."""
ROWS = 100_000
"""Rows in memory of one file at one time."""


@dataclass(frozen=True, slots=True)
class RecordedFiles:
    """What became of files: models recorded now, those that were before, and what went wrong.

    A file that could not be read is recorded as a failure of its model's window, so that it is an
    alarm and never passed over.
    """

    recorded: tuple[str, ...]
    known: tuple[str, ...]
    problems: Mapping[str, str]


def record_files(
    database: Database,
    files: Mapping[str, str | Path],
    window: Window,
    *,
    again: bool,
    jobs: int,
    now: Callable[[], datetime],
) -> RecordedFiles:
    """Sketch the files, in parallel by joblib, and keep each round of them whole."""
    import joblib

    require("pyarrow", feature="reading Parquet files", install=_INSTALL)

    with database.reading() as tx:
        ids = ids_of(tx, list(files))
        known = frozenset() if again else _recorded(tx, ids, window)
    left = [name for name in files if name not in known]
    problems: dict[str, str] = {}
    with tqdm(total=len(left), desc="sketching files", disable=None, leave=False, delay=2) as bar:
        for some in _rounds(left):
            with database.reading() as tx:
                references = dict(load_references(tx, [ids[name] for name in some]))
            found: Sequence[tuple[bytes | None, int, str]] = joblib.Parallel(n_jobs=jobs)(
                joblib.delayed(sketch_file)(os.fspath(files[name]), references.get(ids[name]))
                for name in some
            )
            packed = []
            for name, (content, rows, problem) in zip(some, found, strict=True):
                if problem:
                    problems[name] = problem
                failures = (problem,) if problem else ()
                packed.append(Packed(name, window, content, rows=rows, failures=failures))
            record_windows(database, packed, at=now())
            bar.update(len(some))
    return RecordedFiles(
        recorded=tuple(name for name in left if name not in problems),
        known=tuple(name for name in files if name in known),
        problems=problems,
    )


def sketch_file(path: str, reference: bytes | None) -> tuple[bytes | None, int, str]:
    """Sketch one Parquet file on a packed reference's grid: packed sketch, rows, what went wrong.

    Without a reference the file lays its own grid. Runs in any process, and never raises for what is
    wrong with the file.
    """
    arrow: Any = require("pyarrow", feature="reading Parquet files", install=_INSTALL)
    try:
        sketch = None if reference is None else unpack_sketch(reference).empty()
        for batch in _batches(path):
            sketch = Sketch.fit(batch) if sketch is None else sketch.add(batch)
        if sketch is None:
            raise DataError("expected a file with rows, got an empty one")
    except (OSError, arrow.ArrowException, DataError, ValueError) as error:
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        return None, 0, f"the file could not be used: {words}"
    return pack_sketch(sketch), sketch.rows, ""


def _batches(path: str) -> Iterator[Any]:
    parquet: Any = require("pyarrow.parquet", feature="reading Parquet", install=_INSTALL)
    with parquet.ParquetFile(path) as file:
        # Files are read side by side already: threads within one would only get in each other's way.
        yield from file.iter_batches(batch_size=ROWS, use_threads=False)


def _recorded(tx: Connection, ids: Mapping[str, int], window: Window) -> frozenset[str]:
    """Give the models whose data of the window is there already."""
    names = {number: name for name, number in ids.items()}
    numbers = list(names)
    found: set[str] = set()
    for start in range(0, len(numbers), BATCH):
        query = (
            select(windows.c.model_id)
            .join(sketches, sketches.c.window_id == windows.c.id)
            .where(
                windows.c.model_id.in_(numbers[start : start + BATCH]),
                windows.c.began == window.start,
                windows.c.ended == window.end,
            )
        )
        found |= {names[number] for number in tx.scalars(query)}
    return frozenset(found)


def _rounds(names: Sequence[str]) -> Iterator[Sequence[str]]:
    yield from (names[start : start + ROUND] for start in range(0, len(names), ROUND))
