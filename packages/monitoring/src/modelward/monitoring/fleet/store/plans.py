"""What there is to judge: of each model, its kept windows, its reference, and what was before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, select

from modelward.core.errors import DataError
from modelward.monitoring.decisions.stacking import same_cells
from modelward.monitoring.fleet.records import Model, Performance, Window
from modelward.monitoring.fleet.store.binary import Reader
from modelward.monitoring.fleet.store.catalogue import all_models, load_references
from modelward.monitoring.fleet.store.database import BATCH
from modelward.monitoring.fleet.store.schema import results, sketches, windows
from modelward.monitoring.sketch.table import Sketch


@dataclass(frozen=True, slots=True)
class Work:
    """One model's part: the numbers of the kept windows that make up the window to be judged."""

    number: int
    model: Model
    window: Window
    kept: tuple[int, ...]
    performance: Performance | None
    failures: tuple[str, ...]
    recorded: datetime


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sketches of a model; `reason` says why they cannot be compared, where they cannot."""

    work: Work
    reference: Sketch | None
    current: Sketch | None
    reason: str = ""


def plan(tx: Connection, window: Window | None) -> list[Work]:
    """Give what is to be judged, in the order of names.

    With a window, all that was kept within it, added up; without, the newest window of each model
    that is not silent beside the newest of all.
    """
    models = all_models(tx)
    rows = _within(tx, window) if window is not None else _newest(tx, models)
    by_model: dict[int, list[Any]] = {}
    for row in rows:
        if row.model_id in models:
            by_model.setdefault(row.model_id, []).append(row)
    return [
        _work(number, model, window, by_model[number])
        for number, model in models.items()
        if number in by_model
    ]


def pairs(tx: Connection, works: Sequence[Work]) -> Iterator[Pair]:
    """Give the sketches of some models, each with what speaks against comparing them."""
    references = dict(load_references(tx, [work.number for work in works]))
    contents = _contents(tx, [number for work in works for number in work.kept])
    for work in works:
        yield _pair(work, references.get(work.number), [contents.get(n) for n in work.kept])


def bad_before(tx: Connection, works: Sequence[Work]) -> dict[str, frozenset[str]]:
    """Give the columns that were bad in each model's window before the one that is judged."""
    if not works:
        return {}
    end = max(work.window.end for work in works)
    newest = (
        select(results.c.model_id, func.max(results.c.ended).label("ended"))
        .where(results.c.ended < end)
        .group_by(results.c.model_id)
        .subquery()
    )
    joined = results.join(
        newest, (results.c.model_id == newest.c.model_id) & (results.c.ended == newest.c.ended)
    )
    names = {work.number: work.model.name for work in works}
    found: dict[str, frozenset[str]] = {}
    for row in tx.execute(select(results.c.model_id, results.c.summary).select_from(joined)):
        if row.model_id in names:
            said = row.summary
            bad = frozenset([*said.get("drifted", ()), *said.get("broken", ())])
            found[names[row.model_id]] = found.get(names[row.model_id], frozenset()) | bad
    return found


def kept_sketches(tx: Connection, number: int, window: Window) -> list[Sketch]:
    """Give the sketches of the kept windows of one model that lie within a window, in order."""
    query = select(windows.c.id, windows.c.began, windows.c.ended).where(
        windows.c.model_id == number,
        windows.c.began >= window.start,
        windows.c.ended <= window.end,
        windows.c.id.in_(select(sketches.c.window_id)),
    )
    numbers = [row.id for row in _apart(tx.execute(query).all())]
    contents = _contents(tx, numbers)
    reader = Reader()
    return [reader.read(contents[number]) for number in numbers]


def added_up(parts: Iterable[Sketch]) -> Sketch:
    """Add sketches up, in order. Raises `DataError` where they are not on one grid."""
    whole: Sketch | None = None
    for part in parts:
        if whole is not None:
            whole.require_cells_of(part)
        whole = part if whole is None else whole + part
    if whole is None:
        raise DataError("expected at least one kept sketch, got none")
    return whole


def _within(tx: Connection, window: Window) -> Iterable[Any]:
    return tx.execute(
        select(windows)
        .where(windows.c.began >= window.start, windows.c.ended <= window.end)
        .order_by(windows.c.model_id, windows.c.began, windows.c.ended)
    )


def _newest(tx: Connection, models: dict[int, Model]) -> Iterable[Any]:
    newest = (
        select(windows.c.model_id, func.max(windows.c.ended).label("ended"))
        .group_by(windows.c.model_id)
        .subquery()
    )
    rows = tx.execute(
        select(windows)
        .join(
            newest, (windows.c.model_id == newest.c.model_id) & (windows.c.ended == newest.c.ended)
        )
        .order_by(windows.c.model_id, windows.c.began.desc())
    ).all()
    one_each = {row.model_id: row for row in reversed(rows)}  # the longest of those that end last
    end = max((row.ended for row in one_each.values()), default=None)
    return [
        row
        for number, row in one_each.items()
        if end is not None
        and number in models
        and end - row.ended <= timedelta(hours=models[number].silent_after)
    ]


def _work(number: int, model: Model, window: Window | None, rows: Sequence[Any]) -> Work:
    known = [row.performance for row in rows if row.performance is not None]
    failures = dict.fromkeys(failure for row in rows for failure in row.failures)
    return Work(
        number=number,
        model=model,
        window=window or Window(rows[0].began, rows[0].ended),
        kept=tuple(row.id for row in _apart(rows)),
        performance=Performance.from_dict(known[-1]) if known else None,
        failures=tuple(failures),
        recorded=max(row.recorded for row in rows),
    )


def _apart(rows: Sequence[Any]) -> list[Any]:
    """Leave out windows that overlap one that is taken: their rows would count twice.

    The longer ones are taken first.
    """
    taken: list[Any] = []
    for row in sorted(rows, key=lambda r: (r.began - r.ended, r.began)):
        if all(row.ended <= other.began or other.ended <= row.began for other in taken):
            taken.append(row)
    return sorted(taken, key=lambda r: r.began)


def _contents(tx: Connection, numbers: Sequence[int]) -> dict[int, bytes]:
    found = {}
    for start in range(0, len(numbers), BATCH):
        some = sketches.c.window_id.in_(numbers[start : start + BATCH])
        for row in tx.execute(select(sketches).where(some)):
            found[row.window_id] = row.content
    return found


def _pair(work: Work, packed: bytes | None, contents: Sequence[bytes | None]) -> Pair:
    reference = current = None
    reader = Reader()
    try:
        reference = None if packed is None else reader.read(packed)
        parts = [reader.read(content) for content in contents if content is not None]
        current = added_up(parts) if parts else None
        if reference is not None and current is not None and not same_cells(reference, current):
            reference.require_cells_of(current)
    except DataError as error:
        return Pair(work, reference, current, reason=error.fact)
    if reference is None:
        return Pair(work, None, current, reason="the model has no reference")
    if current is None:
        return Pair(work, reference, None, reason="no data was recorded for the window")
    return Pair(work, reference, current)
