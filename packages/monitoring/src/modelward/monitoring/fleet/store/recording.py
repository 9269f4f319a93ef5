"""Recording: what came for a model in a window, kept once however often it is told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, select, update

from modelward.monitoring.fleet.ranking import expected_loss
from modelward.monitoring.fleet.records import Model, Performance, Window
from modelward.monitoring.fleet.store.catalogue import ids_of, model_of
from modelward.monitoring.fleet.store.database import BATCH, Database
from modelward.monitoring.fleet.store.schema import (
    models,
    results,
    sketches,
    statuses,
    windows,
)

CHUNK = 100


@dataclass(frozen=True, slots=True)
class Packed:
    """A window to be kept, its sketch as bytes; None and () leave what is there as it is."""

    model: str
    window: Window
    content: bytes | None = None
    rows: int = 0
    performance: Performance | None = None
    failures: tuple[str, ...] = ()


def record_windows(database: Database, recordings: Iterable[Packed], *, at: datetime) -> int:
    """Keep windows, each chunk of them whole or not at all; give how many."""
    count = 0
    for chunk in _chunks(recordings):
        with database.writing() as tx:
            _record(database, tx, chunk, at)
        count += len(chunk)
    return count


def _record(database: Database, tx: Connection, chunk: Sequence[Packed], at: datetime) -> None:
    ids = ids_of(tx, list({each.model for each in chunk}))
    known = {row.id: model_of(row) for row in _models(tx, list(ids.values()))}
    before = {_place(row): row for row in _kept(tx, ids, chunk)}
    rows = [_row(each, ids[each.model], before, at) for each in chunk]
    database.upsert(tx, windows, rows, by=["model_id", "began", "ended"])
    numbers = {_place(row): row.id for row in _kept(tx, ids, chunk)}
    contents = [
        {
            "window_id": numbers[ids[each.model], each.window.start, each.window.end],
            "content": each.content,
        }
        for each in chunk
        if each.content is not None
    ]
    database.upsert(tx, sketches, contents, by=["window_id"])
    for each in sorted(chunk, key=lambda e: ids[e.model]):  # two writers take the same way
        number = ids[each.model]
        _note_arrival(tx, number, each.window.end, known[number].silent_after)
        if each.performance is not None:
            _note_performance(tx, number, known[number], each.window, each.performance)


def _row(each: Packed, number: int, before: dict[Any, Any], at: datetime) -> dict[str, Any]:
    old = before.get((number, each.window.start, each.window.end))
    keeps = old is not None and each.content is None
    performance = None if each.performance is None else each.performance.to_dict()
    return {
        "model_id": number,
        "began": each.window.start,
        "ended": each.window.end,
        "row_count": old.row_count if old is not None and keeps else each.rows,
        "performance": old.performance if old is not None and performance is None else performance,
        "failures": old.failures
        if old is not None and keeps and not each.failures
        else list(each.failures),
        "recorded": at,
    }


def _models(tx: Connection, numbers: Sequence[int]) -> Iterator[Any]:
    yield from tx.execute(select(models).where(models.c.id.in_(numbers)))


def _kept(tx: Connection, ids: dict[str, int], chunk: Sequence[Packed]) -> Iterator[Any]:
    places = [(ids[each.model], each.window.start) for each in chunk]
    for start in range(0, len(places), BATCH):
        some = places[start : start + BATCH]
        yield from tx.execute(
            select(windows).where(
                windows.c.model_id.in_([number for number, _ in some]),
                windows.c.began.in_([began for _, began in some]),
            )
        )


def _place(row: Any) -> tuple[int, datetime, datetime]:
    return row.model_id, row.began, row.ended


def _note_arrival(tx: Connection, number: int, end: datetime, silent_after: float) -> None:
    """Note that a window came: until the next is due, the model is not silent."""
    newer = (statuses.c.last_window.is_(None)) | (statuses.c.last_window < end)
    tx.execute(
        update(statuses)
        .where(statuses.c.model_id == number, newer)
        .values(last_window=end, silent_from=end + timedelta(hours=silent_after))
    )


def _note_performance(
    tx: Connection, number: int, model: Model, window: Window, performance: Performance
) -> None:
    """Labels come late: tell them to the decision that was made before, if there was one."""
    loss = expected_loss(model, performance)
    values = {"performance": performance.to_dict(), "expected_loss": loss}
    for table, more in ((results, {}), (statuses, {"lost": performance.lost})):
        tx.execute(
            update(table)
            .where(
                table.c.model_id == number,
                table.c.began == window.start,
                table.c.ended == window.end,
            )
            .values(values | more)
        )


def _chunks(recordings: Iterable[Packed]) -> Iterator[list[Packed]]:
    """Part the recordings into chunks in which no window comes twice: the later would be lost."""
    chunk: dict[tuple[str, Window], Packed] = {}
    for each in recordings:
        if len(chunk) >= CHUNK or (each.model, each.window) in chunk:
            yield list(chunk.values())
            chunk = {}
        chunk[each.model, each.window] = each
    if chunk:
        yield list(chunk.values())


def forget_windows(tx: Connection, before: datetime) -> int:
    """Delete the windows that ended before, and the decisions on them; give how many windows."""
    tx.execute(delete(results).where(results.c.ended < before))
    return tx.execute(delete(windows).where(windows.c.ended < before)).rowcount
