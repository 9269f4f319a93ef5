"""The store: every event, join, decision and state of one pipeline, in one database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, select

from modelward.adaptive_pipeline.store import schema
from modelward.core.database import Database, Schema

PIPELINE = Schema(
    name="pipeline",
    owner="a pipeline",
    library="adaptive_pipeline",
    metadata=schema.metadata,
    revision="0001",
    migrations=Path(__file__).parent / "migrations",
    kinds=("sqlite", "postgresql"),
    pragmas=("wal_autocheckpoint=4000",),  # pages of 4 KB
    engine={"execution_options": {"preserve_rowcount": True}},  # of inserts too: how many were new
)


class Store(Database):
    """One database, SQLite (WAL) or PostgreSQL, that holds all a pipeline knows.

    `url` is a SQLAlchemy URL: `sqlite:///pipeline.db`, `sqlite://` for one in memory that is gone
    with the process, or `postgresql+psycopg://user@host/database` to share it between processes and
    hosts. The tables are made when they are not there, and brought up to date when an earlier
    version made them; with `make=False` a database that holds no pipeline is refused instead, and
    stays as it is. Many threads and processes may read while one writes; a writer waits up to
    `busy_timeout` seconds for another.

    Raises `ConfigError` for another kind of URL, `StateError` for a database that a later version
    has written, `DataError` for one without a pipeline where none is to be made, and `ServiceError` when the database cannot be opened. Every later call raises
    `ServiceError` when the database does not answer as it should (locked, full, gone): then nothing
    of the transaction was written, and the next call tries again.

    >>> store = Store("sqlite://")
    >>> store.save_state("controller", {"phase": "serving"})
    >>> store.load_state("controller")
    {'phase': 'serving'}
    """

    def __init__(self, url: str, *, busy_timeout: float = 30.0, make: bool = True) -> None:
        super().__init__(url, PIPELINE, make=make, busy_timeout=busy_timeout)

    @contextmanager
    def transaction(self, connection: Connection | None = None) -> Iterator[Connection]:
        """Write several things together or not at all; within `connection`'s own if it is given."""
        if connection is not None:
            yield connection
        else:
            with self.writing() as own:
                yield own

    def save_state(
        self, key: str, value: Mapping[str, Any], *, connection: Connection | None = None
    ) -> None:
        """Keep a JSON object under a key, replacing the one before."""
        insert = self.insert(schema.state).values(key=key, value=dict(value))
        statement = insert.on_conflict_do_update(
            index_elements=["key"], set_={"value": insert.excluded.value}
        )
        with self.transaction(connection) as tx:
            tx.execute(statement)

    def load_state(self, key: str) -> dict[str, Any] | None:
        """Give the JSON object kept under a key, or None."""
        with self.reading() as tx:
            value = tx.scalar(select(schema.state.c.value).where(schema.state.c.key == key))
        return None if value is None else dict(value)

    def served(self) -> int:
        """Give the seq of the newest request; repeats leave gaps, so it is no exact count."""
        with self.reading() as tx:
            return int(tx.scalar(select(func.max(schema.predictions.c.seq))) or 0)
