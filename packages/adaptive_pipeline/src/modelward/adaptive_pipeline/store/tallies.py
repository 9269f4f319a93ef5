"""Running totals, changed in the transaction of what they count, so that reading them is O(1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from modelward.adaptive_pipeline.store.schema import tallies

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.store.store import Store


def add(store: Store, changes: Mapping[str, int], *, connection: Connection) -> None:
    """Change totals by so much each; those that are not there start from 0.

    >>> from modelward.adaptive_pipeline import Store
    >>> store = Store("sqlite://")
    >>> with store.transaction() as tx:
    ...     add(store, {"joined": 2}, connection=tx)
    ...     add(store, {"joined": -1, "waiting": 0}, connection=tx)
    ...     read(tx)
    {'joined': 1}
    """
    # In one order for all, so that two writers never wait for each other.
    rows = [{"name": name, "value": by} for name, by in sorted(changes.items()) if by]
    if rows:
        insert = store.insert(tallies)
        total = tallies.c.value + insert.excluded.value
        statement = insert.on_conflict_do_update(index_elements=["name"], set_={"value": total})
        connection.execute(statement, rows)


def read(connection: Connection) -> dict[str, int]:
    """Give every total by its name."""
    return {name: int(value) for name, value in connection.execute(select(tallies))}
