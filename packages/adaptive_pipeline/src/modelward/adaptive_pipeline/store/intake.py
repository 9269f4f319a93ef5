"""Intake: labels as they arrive, each kept once, with what repeats and contradicts them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection, Text, cast, select

from modelward.adaptive_pipeline.store import tallies
from modelward.adaptive_pipeline.store.schema import NEW, TAKEN, conflicts, labels
from modelward.adaptive_pipeline.values import plain
from modelward.core.errors import DataError

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.store.store import Store

_LONGEST = 512  # characters of a contradicting label that are kept


@dataclass(frozen=True, slots=True)
class Label:
    """Ground truth for one request; a correction comes with a higher `revision`."""

    request_id: str
    label: Any
    revision: int = 0


class Checked(NamedTuple):
    """A label that may be kept; `text` is it as JSON."""

    request_id: str
    revision: int
    text: str


def check(batch: Sequence[Label]) -> list[Checked]:
    """Check labels and encode them. Raises `DataError` for the first that cannot be used."""
    return [
        Checked(_identity(each), _revision(each), json.dumps(plain(each.label, what="a label")))
        for each in batch
    ]


def keep(
    store: Store,
    connection: Connection,
    rows: Sequence[Checked],
    *,
    at: float,
    taken: bool = False,
) -> int:
    """Keep each label once and count the rest; give how many were new.

    `at` is when they arrived (Unix seconds). Those that are `taken` must be joined before the
    transaction ends.
    """
    if not rows:
        return 0
    if store.dialect == "postgresql":
        rows = sorted(
            rows, key=_key
        )  # in one order for all: two gateways never wait for each other
    new = _insert(connection, rows, at, TAKEN if taken else NEW)
    if new < len(rows):
        contradictions = _contradictions(connection, rows, at)
        fresh = 0
        if contradictions:
            insert = store.insert(conflicts).on_conflict_do_nothing()
            fresh = connection.execute(insert, contradictions).rowcount
        repeats = len(rows) - new - fresh
        changes = {"conflict": fresh, "duplicates": repeats}
        tallies.add(store, changes, connection=connection)
    return new


def _insert(connection: Connection, rows: Sequence[Checked], at: float, state: int) -> int:
    mark = "%s" if connection.dialect.name == "postgresql" else "?"
    statement = (
        "INSERT INTO labels (request_id, revision, label, at, state) "  # noqa: S608 - our own marks
        f"VALUES ({', '.join([mark] * 5)}) ON CONFLICT DO NOTHING"
    )
    values = [(*row, at, state) for row in rows]
    return int(connection.exec_driver_sql(statement, values).rowcount)


def _contradictions(
    connection: Connection, rows: Sequence[Checked], at: float
) -> list[dict[str, Any]]:
    """Find the labels that differ from the one kept under their request and revision."""
    names = {row.request_id for row in rows}
    query = select(labels.c.request_id, labels.c.revision, cast(labels.c.label, Text)).where(
        labels.c.request_id.in_(names)
    )
    kept = {(name, revision): text for name, revision, text in connection.execute(query)}
    return [
        {
            "request_id": row.request_id,
            "revision": row.revision,
            "label": _short(row.text),
            "at": at,
        }
        for row in rows
        if not _same(kept[_key(row)], row.text)
    ]


def _same(a: str, b: str) -> bool:
    """Whether two JSON scalars are the same value: 1 and 1.0 are, 1 and true are not."""
    if a == b:
        return True
    left, right = json.loads(a), json.loads(b)
    return bool(left == right and isinstance(left, bool) == isinstance(right, bool))


def _short(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _key(row: Checked) -> tuple[str, int]:
    return row.request_id, row.revision


def _identity(label: Label) -> str:
    name = label.request_id
    if not isinstance(name, str) or not 0 < len(name) <= 128:
        raise DataError(f"expected a request id of 1 to 128 characters, got {name!r}")
    if (not name.isascii() and not name.isprintable()) or "\0" in name:
        raise DataError(
            f"expected a request id of printable characters, got {name!r}",
            hint="databases do not take the character NUL or halves of surrogate pairs.",
        )
    return name


def _revision(label: Label) -> int:
    revision = label.revision
    if isinstance(revision, bool) or not isinstance(revision, int) or not 0 <= revision < 2**31:
        raise DataError(f"expected a revision >= 0, got {revision!r}")
    return revision
