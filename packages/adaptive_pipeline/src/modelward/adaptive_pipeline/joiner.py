"""The joiner: brings predictions together with ground truth that comes late, early, twice or never."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

from sqlalchemy import Connection

from modelward.adaptive_pipeline.store import intake, joining, recording, tallies
from modelward.adaptive_pipeline.store.intake import Label
from modelward.adaptive_pipeline.store.joining import Line
from modelward.adaptive_pipeline.store.retention import Expired, expire
from modelward.adaptive_pipeline.store.store import Store
from modelward.core.errors import DataError

__all__ = ["JoinCounts", "Joiner", "Label"]


@dataclass(frozen=True, slots=True)
class JoinCounts:
    """How many stand in each state.

    Every request is in one of these: `joined` (its label came in time), `late` (it came after the
    horizon), `waiting` (none has come yet), `missing` (none came within the horizon), `failed` (its
    answer was an error). `revised` of them were corrected by a later revision.

    Labels without an answered request: `parked` (the request may still come), `orphan` (it did not
    come within the horizon, or failed). `conflict`: labels that contradict one kept under the same
    revision; the first stands. `duplicates`: labels that said again what was known.
    """

    joined: int = 0
    waiting: int = 0
    missing: int = 0
    late: int = 0
    parked: int = 0
    orphan: int = 0
    conflict: int = 0
    revised: int = 0
    failed: int = 0
    duplicates: int = 0


class Joiner:
    """Joins each prediction with its label exactly once, whatever the order and the repeats.

    Labels are taken at least once: the same label again changes nothing. A label that comes before
    its prediction is parked and joined by `sweep` (or the next `add`) after the prediction came. A
    higher revision is joined as well, and stands from then on; a label for a request that failed
    ends as an orphan.

    Time is event time, that of the predictions (`at`). The watermark is the latest seen less
    `lateness` seconds, and never goes back. When it has passed a prediction by `horizon` seconds,
    the prediction is missing, if it has no label; one that comes after that is joined, and marked as
    late. `clock` (Unix seconds) only says when labels arrive; with `idle` (seconds), for predictions
    whose time is that of serving, event times are held against it: one more than `idle` ahead is not
    believed, and where no predictions come the watermark follows `idle` behind. A watermark that a
    clock had moved ahead comes back with the clock, and what it made missing waits again; what was
    joined as late meanwhile stays so.

    Any number of joiners may work on one store: they take turns.

    Raises `DataError` for a `horizon` or `idle` that is not above 0 or a `lateness` below 0.

    >>> store = Store("sqlite://")
    >>> joiner = Joiner(store, horizon=60, clock=lambda: 0.0)
    >>> joiner.add([Label("r1", "sky"), Label("r1", "sky"), Label("r1", "grass")])
    0
    >>> counts = joiner.counts()
    >>> counts.parked, counts.conflict, counts.duplicates
    (1, 1, 1)
    """

    def __init__(
        self,
        store: Store,
        *,
        horizon: float = 86_400.0,
        lateness: float = 0.0,
        idle: float | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not 0 < horizon < math.inf:
            raise DataError(f"expected a horizon above 0 seconds, got {horizon}")
        if not 0 <= lateness < math.inf:
            raise DataError(f"expected a lateness of 0 seconds or more, got {lateness}")
        if idle is not None and not 0 < idle < math.inf:
            raise DataError(f"expected an idle time above 0 seconds, got {idle}")
        self.store = store
        self.idle = idle
        self.horizon = horizon
        self.lateness = lateness
        self.clock = clock

    def add(self, batch: Sequence[Label]) -> int:
        """Take a batch of labels and join, in one transaction; give how many requests it joined.

        Raises `DataError` for a label without a request id, with a negative revision, or that is
        no text or finite number; then nothing of the batch is kept.
        """
        rows = intake.check(batch)
        until = self._newest()
        with self.store.transaction() as tx:
            line = Line.lock(self.store, tx)
            intake.keep(self.store, tx, rows, at=self.clock(), taken=True)
            joined = self._join(tx, line, until)
        return joined if line.done else joined + self.sweep()

    def keep(self, batch: Sequence[Label]) -> int:
        """Only keep a batch of labels, for the process that joins; give how many were new.

        Raises `DataError` as `add` does.
        """
        rows = intake.check(batch)
        with self.store.transaction() as tx:
            return intake.keep(self.store, tx, rows, at=self.clock())

    def sweep(self) -> int:
        """Join what can be joined by now; give how many requests."""
        total = 0
        while True:
            until = self._newest()
            with self.store.reading() as tx:
                if joining.idle(tx, until) and not self._left_behind(tx):
                    return total
            with self.store.transaction() as tx:
                line = Line.lock(self.store, tx)
                total += self._join(tx, line, until)
            if line.done:  # what came in the meantime is for the next time
                return total

    def counts(self) -> JoinCounts:
        """Give how many stand in each state, in time that does not grow with their number.

        Labels that were only kept so far are not in it.
        """
        with self.store.reading() as tx:
            found = tallies.read(tx)
            coming = joining.arrived(tx, Line.load(tx))
        numbers = {f.name: found.get(f.name, 0) for f in fields(JoinCounts)}
        return JoinCounts(**{k: n + coming.get(k, 0) for k, n in numbers.items()})

    @property
    def watermark(self) -> float | None:
        """The event time up to which predictions are taken to be complete; None before the first."""
        with self.store.reading() as tx:
            return Line.load(tx).watermark

    def expire(self, *, before: float, chunk: int = 1_000) -> Expired:
        """Delete the requests of whole days (UTC, event time) before a time, and all about them.

        Days the horizon has not passed stay, and so does what the controller has not read yet.
        Windows, totals and ledger stay. At most `chunk` requests are deleted in one transaction.
        """
        return expire(self.store, before=before, chunk=chunk)

    def _newest(self) -> int:
        with self.store.reading() as tx:
            return recording.newest(tx)

    def _left_behind(self, tx: Connection) -> bool:
        if self.idle is None:
            return False
        return joining.stands_still(tx, lateness=self.lateness, idle=self.idle, now=self.clock())

    def _join(self, tx: Connection, line: Line, until: int) -> int:
        before = line.copy()
        changes = joining.join(tx, line, until=until, at=self.clock())
        if line.done:
            joining.close(
                tx,
                line,
                changes,
                lateness=self.lateness,
                horizon=self.horizon,
                idle=self.idle,
                now=self.clock(),
            )
        tallies.add(self.store, changes, connection=tx)
        if line != before:
            line.save(self.store, tx)
        return changes["joined"] + changes["late"]


def idle_for(horizon: float) -> float:
    """Give the `idle` seconds of a live pipeline: a tenth of its horizon, from 1 to 60.

    >>> idle_for(86_400.0), idle_for(2.0)
    (60.0, 1.0)
    """
    return min(60.0, max(1.0, horizon / 10))
