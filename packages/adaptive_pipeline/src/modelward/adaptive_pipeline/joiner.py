"""The joiner: brings predictions together with ground truth that comes late, early, twice or never."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select, update

from modelward.adaptive_pipeline.schema import conflicts, joined, labels, predictions
from modelward.adaptive_pipeline.store import Store
from modelward.adaptive_pipeline.values import plain
from modelward.core.errors import DataError


@dataclass(frozen=True, slots=True)
class Label:
    """Ground truth for one request; a correction comes with a higher `revision`."""

    request_id: str
    label: Any
    revision: int = 0


@dataclass(frozen=True, slots=True)
class JoinCounts:
    """How many requests stand in each state.

    `joined`: prediction and label met. `waiting` / `missing`: a prediction without a label, younger
    / older than the horizon. `parked` / `orphan`: a label without a prediction, younger / older
    than the horizon. `revised`: joined, and corrected since. `conflict`: labels that contradict one
    kept under the same revision; the first is kept. `failed`: predictions that ended in an error.
    """

    joined: int
    waiting: int
    missing: int
    parked: int
    orphan: int
    revised: int
    conflict: int
    failed: int


class Joiner:
    """Joins each prediction with its label exactly once, whatever the order and the repeats.

    Labels are taken at least once: the same label again changes nothing. A label that comes before
    its prediction is parked and joined by `sweep` (or the next `add`) after the prediction came.
    `horizon` is the age in seconds of the `clock` after which a partner is no longer expected; what
    comes later still is joined.

    >>> store = Store("sqlite://")
    >>> joiner = Joiner(store, horizon=60, clock=lambda: 0.0)
    >>> joiner.add([Label("r1", "sky"), Label("r1", "sky"), Label("r1", "grass")])
    0
    >>> counts = joiner.counts()
    >>> counts.parked, counts.conflict
    (1, 1)
    """

    def __init__(
        self, store: Store, *, horizon: float = 86_400.0, clock: Callable[[], float] = time.time
    ) -> None:
        if not horizon > 0:
            raise DataError(f"expected a horizon above 0 seconds, got {horizon}")
        self.store = store
        self.horizon = horizon
        self.clock = clock

    def add(self, batch: Sequence[Label]) -> int:
        """Take a batch of labels, in one transaction; give the number of requests newly joined.

        Raises `DataError` for a label without a request id, with a negative revision, or that is
        no text or finite number; then nothing of the batch is kept.
        """
        rows = [_check(label) for label in batch]
        now = self.clock()
        with self.store.transaction() as tx:
            for row in rows:
                self._keep(tx, row, now)
            return self._sweep(tx, now)

    def sweep(self) -> int:
        """Join the parked labels whose predictions have come; give how many."""
        with self.store.transaction() as tx:
            return self._sweep(tx, self.clock())

    def _keep(self, tx: Connection, row: dict[str, Any], now: float) -> None:
        insert = self.store.insert(labels).values(**row, at=now, parked=True)
        if tx.execute(insert.on_conflict_do_nothing()).rowcount:
            return
        kept = tx.scalar(
            select(labels.c.label).where(
                labels.c.request_id == row["request_id"], labels.c.revision == row["revision"]
            )
        )
        if kept != row["label"]:
            text = json.dumps(row["label"], sort_keys=True)
            contradiction = self.store.insert(conflicts).values(**row | {"label": text}, at=now)
            tx.execute(contradiction.on_conflict_do_nothing())

    def _sweep(self, tx: Connection, now: float) -> int:
        ready = tx.execute(
            select(labels.c.request_id, labels.c.revision, labels.c.label, predictions.c.seq)
            .join(predictions, predictions.c.request_id == labels.c.request_id)
            .where(labels.c.parked, predictions.c.error.is_(None))
            .order_by(labels.c.at, predictions.c.seq, labels.c.revision)
        ).mappings()
        new = 0
        for row in ready.all():
            insert = self.store.insert(joined).values(**row, at=now)
            fresh = tx.execute(insert.on_conflict_do_nothing()).rowcount
            new += fresh
            if not fresh:  # a correction: the newest revision stands, the others stay in `labels`
                tx.execute(
                    update(joined)
                    .where(
                        joined.c.request_id == row["request_id"],
                        joined.c.revision < row["revision"],
                    )
                    .values(label=row["label"], revision=row["revision"])
                )
            tx.execute(
                update(labels)
                .where(
                    labels.c.request_id == row["request_id"],
                    labels.c.revision == row["revision"],
                )
                .values(parked=False)
            )
        return new

    def counts(self) -> JoinCounts:
        """Count the requests in each state, as seen at the clock's time."""
        old = self.clock() - self.horizon
        bare = (
            select(func.count(), func.count().filter(predictions.c.at < old))
            .outerjoin_from(predictions, joined, predictions.c.request_id == joined.c.request_id)
            .where(joined.c.request_id.is_(None), predictions.c.error.is_(None))
        )
        alone = (
            select(
                func.count(labels.c.request_id.distinct()),
                func.count(labels.c.request_id.distinct()).filter(labels.c.at < old),
            )
            .outerjoin_from(labels, predictions, labels.c.request_id == predictions.c.request_id)
            .where(labels.c.parked, predictions.c.request_id.is_(None))
        )
        with self.store.reading() as tx:
            unlabelled, missing = tx.execute(bare).one()
            parked, orphan = tx.execute(alone).one()
            return JoinCounts(
                joined=_count(tx, select(func.count()).select_from(joined)),
                waiting=unlabelled - missing,
                missing=missing,
                parked=parked - orphan,
                orphan=orphan,
                revised=_count(
                    tx, select(func.count()).select_from(joined).where(joined.c.revision > 0)
                ),
                conflict=_count(tx, select(func.count()).select_from(conflicts)),
                failed=_count(
                    tx,
                    select(func.count())
                    .select_from(predictions)
                    .where(predictions.c.error.is_not(None)),
                ),
            )


def _check(label: Label) -> dict[str, Any]:
    if not isinstance(label.request_id, str) or not 0 < len(label.request_id) <= 128:
        raise DataError(f"expected a request id of 1 to 128 characters, got {label.request_id!r}")
    if label.revision < 0:
        raise DataError(f"expected a revision >= 0, got {label.revision}")
    return {
        "request_id": label.request_id,
        "revision": label.revision,
        "label": plain(label.label, what="a label"),
    }


def _count(tx: Connection, statement: Any) -> int:
    return int(tx.scalar(statement) or 0)
