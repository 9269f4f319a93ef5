"""The catalogue: the models, and the reference each is compared with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, select, update

from modelward.core.errors import DataError
from modelward.monitoring.fleet.records import Model
from modelward.monitoring.fleet.store.database import BATCH, Database
from modelward.monitoring.fleet.store.names import checked, key
from modelward.monitoring.fleet.store.packing import pack_sketch, unpack_sketch
from modelward.monitoring.fleet.store.schema import models, references, statuses
from modelward.monitoring.sketch.table import Sketch

_CHUNK = 100
_TEXTS = ("name", "owner", "metric", "registered", "version", "run_id")
NEW: dict[str, Any] = {
    "state": "new",
    "row_count": 0,
    "feature_count": 0,
    "drifted_count": 0,
    "unjudged_count": 0,
    "failure_count": 0,
    "largest_change": 0.0,
    "summary": {},
}
"""The status of a model of which nothing is known yet."""


def add_models(
    database: Database, pairs: Iterable[tuple[Model, Sketch | None]], *, at: datetime
) -> int:
    """Add models, or replace what is known of them; a reference that is None stays as it was."""
    count = 0
    for chunk in _chunks(pairs):
        with database.writing() as tx:
            add_in(database, tx, chunk, at=at)
        count += len(chunk)
    return count


def add_in(
    database: Database,
    tx: Connection,
    pairs: Sequence[tuple[Model, Sketch | None]],
    *,
    at: datetime,
) -> None:
    """Add models within a transaction; no name comes twice."""
    if not pairs:
        return
    once = {id(sketch): sketch for _, sketch in pairs if sketch is not None}
    kept = {number: (sketch.digest, pack_sketch(sketch)) for number, sketch in once.items()}
    packed = {model.name: kept[id(sketch)] for model, sketch in pairs if sketch is not None}
    rows = [
        _row(replace(m, reference=packed[m.name][0] if m.name in packed else m.reference), at)
        for m, _ in pairs
    ]
    for keep, some in _by_reference(rows):
        database.upsert(tx, models, some, by=["name_key"], keep=keep)
    ids = ids_of(tx, [model.name for model, _ in pairs])
    fresh = [{"model_id": i, **NEW} for i in ids.values()]
    database.upsert(tx, statuses, fresh, by=["model_id"], keep=list(NEW))
    contents = [
        {"model_id": ids[name], "digest": digest, "content": content}
        for name, (digest, content) in packed.items()
    ]
    database.upsert(tx, references, contents, by=["model_id"])
    for model, _ in sorted(pairs, key=lambda pair: ids[pair[0].name]):
        _set_silence(tx, ids[model.name], model.silent_after)


def all_models(tx: Connection) -> dict[int, Model]:
    """Give every model by its number, in the order of names."""
    found = {row.id: model_of(row) for row in tx.execute(select(models))}
    return dict(sorted(found.items(), key=lambda item: item[1].name))


def one_model(tx: Connection, name: str) -> tuple[int, Model]:
    """Give a model and its number. Raises `DataError` where there is none of this name."""
    row = tx.execute(select(models).where(models.c.name_key == key(name))).one_or_none()
    if row is None:
        raise unknown([name])
    return row.id, model_of(row)


def ids_of(tx: Connection, names: Sequence[str]) -> dict[str, int]:
    """Give the numbers of models by name. Raises `DataError` for names that are not there."""
    wanted = {key(name): name for name in names}
    found: dict[str, int] = {}
    keys = list(wanted)
    for start in range(0, len(keys), BATCH):
        some = models.c.name_key.in_(keys[start : start + BATCH])
        for row in tx.execute(select(models.c.id, models.c.name_key).where(some)):
            found[wanted[row.name_key]] = row.id
    if missing := [name for name in wanted.values() if name not in found]:
        raise unknown(missing)
    return found


def remove_model(tx: Connection, name: str) -> None:
    """Forget a model and all that was kept of it."""
    number, _ = one_model(tx, name)
    tx.execute(delete(models).where(models.c.id == number))


def load_references(tx: Connection, numbers: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """Give the packed references of models, by number; those without one are left out."""
    for start in range(0, len(numbers), BATCH):
        some = references.c.model_id.in_(numbers[start : start + BATCH])
        query = select(references.c.model_id, references.c.content).where(some)
        yield from ((row.model_id, row.content) for row in tx.execute(query))


def reference_of(tx: Connection, name: str) -> Sketch | None:
    """Give the reference of a model; None where it has none."""
    number, _ = one_model(tx, name)
    for _, content in load_references(tx, [number]):
        return unpack_sketch(content)
    return None


def model_of(row: Any) -> Model:
    """Give the model of a row of the catalogue."""
    return Model(
        name=row.name,
        owner=row.owner,
        group=row.group_name,
        task=row.task,
        metric=row.metric,
        traffic=row.traffic,
        criticality=row.criticality,
        silent_after=row.silent_after,
        registered=row.registered,
        version=row.version,
        run_id=row.run_id,
        reference=row.reference,
        tags=row.tags,
    )


def unknown(names: Sequence[str]) -> DataError:
    """Give the error for models that are not in the catalogue."""
    shown = ", ".join(repr(name[:80]) for name in names[:3])
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return DataError(
        f"expected models of the fleet, got {shown}{more}",
        hint="add a model before its windows: fleet.add(Model(name), reference).",
    )


def _chunks(
    pairs: Iterable[tuple[Model, Sketch | None]],
) -> Iterator[list[tuple[Model, Sketch | None]]]:
    """Part the pairs into chunks of which no name comes twice."""
    chunk: dict[str, tuple[Model, Sketch | None]] = {}
    for model, sketch in pairs:
        if len(chunk) >= _CHUNK or model.name in chunk:
            yield list(chunk.values())
            chunk = {}
        chunk[model.name] = (model, sketch)
    if chunk:
        yield list(chunk.values())


def _row(model: Model, at: datetime) -> dict[str, Any]:
    for what in _TEXTS:
        if (value := getattr(model, what)) is not None:
            checked(value, what=f"{what} of '{model.name[:80]}'")
    return {
        "name_key": key(model.name),
        "name": model.name,
        "owner": model.owner,
        "group_name": checked(model.group, what=f"group of '{model.name[:80]}'"),
        "task": model.task,
        "metric": model.metric,
        "traffic": model.traffic,
        "criticality": model.criticality,
        "silent_after": model.silent_after,
        "registered": model.registered,
        "version": model.version,
        "run_id": model.run_id,
        "reference": model.reference,
        "tags": _tags(model.tags),
        "added": at,
    }


def _tags(tags: Mapping[str, str]) -> dict[str, str]:
    return {str(name): str(value) for name, value in tags.items()}


def _by_reference(
    rows: list[dict[str, Any]],
) -> Iterator[tuple[list[str], list[dict[str, Any]]]]:
    """Part the rows: what brings no reference must not strike out the one that is there."""
    with_one = [row for row in rows if row["reference"] is not None]
    yield ["added"], with_one
    yield ["added", "reference"], [row for row in rows if row["reference"] is None]


def _set_silence(tx: Connection, number: int, silent_after: float) -> None:
    last = tx.scalar(select(statuses.c.last_window).where(statuses.c.model_id == number))
    if last is not None:
        tx.execute(
            update(statuses)
            .where(statuses.c.model_id == number)
            .values(silent_from=last + timedelta(hours=silent_after))
        )
