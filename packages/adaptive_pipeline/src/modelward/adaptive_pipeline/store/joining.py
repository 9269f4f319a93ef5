"""Joining: labels to predictions, a set at a time, with the totals that follow.

All is done in one transaction that holds the line (see `Line.lock`). Labels to look at are first
TAKEN; then those whose prediction is there are written to `joined` in one statement, and all get
their state.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Self

from sqlalchemy import Connection, select

from modelward.adaptive_pipeline.store import statements
from modelward.adaptive_pipeline.store.schema import PARKED, state

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.store.store import Store

_KEY = "joiner"
logger = logging.getLogger(__name__)
_END = 2**62  # beyond every seq
_load = select(state.c.value).where(state.c.key == _KEY)
_lock = _load.with_for_update()


@dataclass(slots=True)
class Line:
    """How far joining is: the last prediction looked at, and the event times it goes by.

    `cursor` is a `seq`; `latest` the greatest event time seen, `watermark` the one up to which
    predictions are taken to be complete, `closed` the one up to which labels are late, `expired` the
    one up to which requests may have been deleted (Unix seconds). `done` says that no label is left
    to be looked at.
    """

    cursor: int = 0
    latest: float | None = None
    watermark: float | None = None
    closed: float | None = None
    expired: float | None = None
    done: bool = True

    @classmethod
    def load(cls, connection: Connection) -> Self:
        """Give the line as it is stored."""
        return cls(**(connection.scalar(_load) or {}))

    @classmethod
    def lock(cls, store: Store, connection: Connection) -> Self:
        """Give the line as it is stored, and keep every other joiner out until the end."""
        kept = connection.scalar(_lock)
        if kept is None:
            first = store.insert(state).values(key=_KEY, value={}).on_conflict_do_nothing()
            connection.execute(first)
            kept = connection.scalar(_lock)
        return cls(**(kept or {}))

    def save(self, store: Store, connection: Connection) -> None:
        """Store it."""
        fields = asdict(self)
        del fields["done"]
        store.save_state(_KEY, fields, connection=connection)

    def copy(self) -> Self:
        """Give one that stays as it is now."""
        return replace(self)

    @property
    def past(self) -> float:
        """`closed` as a number that can be compared."""
        return -math.inf if self.closed is None else self.closed


def idle(connection: Connection, newest: int) -> bool:
    """Whether there is nothing to join: no prediction since the last time, and no new label."""
    return newest <= Line.load(connection).cursor and not connection.scalar(statements.any_new)


def arrived(connection: Connection, line: Line, until: int = _END) -> Counter[str]:
    """Count the predictions that came after the line, by the state they begin in."""
    counts, _ = _arrived(connection, line, until)
    return counts


def join(connection: Connection, line: Line, *, until: int, at: float) -> Counter[str]:
    """Look at the predictions up to `until` and at the labels; move the line; give what changed."""
    changes: Counter[str] = Counter()
    if until > line.cursor:
        came, latest = _arrived(connection, line, until)
        changes.update(came)
        if latest is not None:
            line.latest = latest if line.latest is None else max(line.latest, latest)
        _reopen(connection, line.cursor, until, changes)
        line.cursor = until
    line.done = connection.execute(statements.take).rowcount < statements.CHUNK
    _write(connection, line, at, changes)
    return changes


def close(
    connection: Connection,
    line: Line,
    changes: Counter[str],
    *,
    lateness: float,
    horizon: float,
    idle: float | None,
    now: float,
) -> None:
    """Move the watermark, and end what has passed the horizon: missing, and orphans."""
    if line.latest is None:
        return
    mark = line.latest - lateness
    if idle is not None:  # event times are held against the clock
        line.latest = min(line.latest, now + idle)
        mark = max(line.latest, now - idle) - lateness
        if line.watermark is not None and line.watermark > now + idle:
            _pull_back(connection, line, mark, mark - horizon, changes)
    line.watermark = mark if line.watermark is None else max(line.watermark, mark)
    closed = line.watermark - horizon
    if closed > line.past:
        stretch = {"from_at": line.past, "past_at": closed, "until_seq": line.cursor}
        n = connection.scalar(statements.missing, stretch)
        _move(changes, "waiting", "missing", int(n or 0))
        line.closed = closed
    given_up = connection.execute(statements.give_up, {"past_at": line.past}).rowcount
    _move(changes, "parked", "orphan", given_up)


def stands_still(connection: Connection, *, lateness: float, idle: float, now: float) -> bool:
    """Whether the clock has left the watermark behind, or is itself left behind."""
    mark = Line.load(connection).watermark
    return mark is not None and not now - 2 * idle - lateness <= mark <= now + idle


def _pull_back(
    connection: Connection, line: Line, mark: float, closed: float, changes: Counter[str]
) -> None:
    """Follow a clock that was ahead and is no more: what it made missing waits again."""
    logger.warning("the watermark was %.0f s ahead of the clock", (line.watermark or mark) - mark)
    if closed < line.past:
        stretch = {"from_at": closed, "past_at": line.past, "until_seq": line.cursor}
        n = connection.scalar(statements.missing, stretch)
        _move(changes, "missing", "waiting", int(n or 0))
        line.closed = closed
    line.watermark = mark


def _arrived(connection: Connection, line: Line, until: int) -> tuple[Counter[str], float | None]:
    bounds = {"after_seq": line.cursor, "until_seq": until, "past_at": line.past}
    n, whole, missing, latest = connection.execute(statements.arrived, bounds).one()
    return Counter(failed=n - whole, waiting=whole - missing, missing=missing), latest


def _reopen(connection: Connection, after: int, until: int, changes: Counter[str]) -> None:
    """Take the labels that waited for one of these predictions, or were given up."""
    bounds = {"after_seq": after, "until_seq": until}
    found = connection.execute(statements.waiting_for, bounds).all()
    for number, n in found:
        changes["parked" if number == PARKED else "orphan"] -= n
    if found:
        connection.execute(statements.reopen, bounds)


def _write(connection: Connection, line: Line, at: float, changes: Counter[str]) -> None:
    taken, last = connection.execute(statements.at_hand).one()
    if not taken:
        return
    bounds = {"until_seq": line.cursor}
    written = connection.execute(
        statements.write, {**bounds, "now_at": at, "past_at": line.past}
    ).rowcount
    if written:
        _count(connection, last or 0, changes)
    if written == taken:
        connection.execute(statements.end_joined)
        return
    orphans = int(connection.scalar(statements.failed, bounds) or 0)
    changes["orphan"] += orphans
    changes["parked"] += taken - written - orphans
    connection.execute(statements.end_each, bounds)


def _count(connection: Connection, last: int, changes: Counter[str]) -> None:
    """Count what was joined after position `last`: for the first time, late, corrected."""
    new, late, revised = connection.execute(statements.written, {"last_position": last}).one()
    _move(changes, "waiting", "joined", new - late)
    _move(changes, "missing", "late", late)
    changes["revised"] += revised


def _move(changes: Counter[str], source: str, target: str, n: int) -> None:
    changes[source] -= n
    changes[target] += n
