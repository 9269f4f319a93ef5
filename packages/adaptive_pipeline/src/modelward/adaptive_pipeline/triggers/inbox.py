"""The inbox: wishes for a retraining that come from outside the controller, each taken once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, text

from modelward.adaptive_pipeline.store.schema import signals
from modelward.adaptive_pipeline.store.store import Store
from modelward.adaptive_pipeline.triggers.signal import Signal

if TYPE_CHECKING:
    from sqlalchemy import Connection


def submit(
    store: Store, signal: Signal, *, key: str, at: float, connection: Connection | None = None
) -> bool:
    """Leave a signal for the controller; False when one with this key was left before.

    `key` has at most 200 characters, `at` is in Unix seconds.

    >>> store = Store("sqlite://")
    >>> wish = Signal(trigger="alert", reason="loss high")
    >>> submit(store, wish, key="a1", at=0.0), submit(store, wish, key="a1", at=1.0)
    (True, False)
    """
    insert = store.insert(signals).values(key=key, at=at, **signal.to_dict())
    with store.transaction(connection) as tx:
        if store.dialect == "postgresql":
            # One at a time: a number that is seen later than a higher one would be passed over.
            tx.execute(text("LOCK TABLE signals IN SHARE ROW EXCLUSIVE MODE"))
        return bool(tx.execute(insert.on_conflict_do_nothing()).rowcount)


def taken(store: Store, after: int) -> list[tuple[int, Signal]]:
    """Give the signals left after number `after`, oldest first, each with its number."""
    query = select(signals).where(signals.c.number > after).order_by(signals.c.number)
    with store.reading() as tx:
        return [
            (int(row.number), Signal(trigger=row.trigger, reason=row.reason, since=row.since))
            for row in tx.execute(query)
        ]
