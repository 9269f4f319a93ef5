"""The store: every event, join, decision and state of one pipeline, in one database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, func, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError
from sqlalchemy.pool import StaticPool

from modelward.adaptive_pipeline import schema
from modelward.core.errors import ConfigError, ServiceError


class Store:
    """One SQLite database (WAL) that holds all a pipeline knows.

    `url` is a SQLAlchemy URL: `sqlite:///pipeline.db`, or `sqlite://` for one in memory that is
    gone with the process. The tables are made when they are not there. Many threads and processes
    may read while one writes; a writer waits up to `busy_timeout` seconds for another.

    Raises `ConfigError` for a URL that is not SQLite's, and `ServiceError` when the file cannot be
    opened.

    >>> store = Store("sqlite://")
    >>> store.save_state("controller", {"phase": "serving"})
    >>> store.load_state("controller")
    {'phase': 'serving'}
    """

    def __init__(self, url: str, *, busy_timeout: float = 30.0) -> None:
        self.url = url
        self.engine = _engine(url, busy_timeout)
        try:
            schema.metadata.create_all(self.engine)
        except DatabaseError as error:
            raise ServiceError(
                f"expected a database that opens at {url}, got: {error.orig}",
                hint="check that the folder exists and may be written to, and that the file is SQLite's.",
            ) from error

    @contextmanager
    def transaction(self, connection: Connection | None = None) -> Iterator[Connection]:
        """Write several things together or not at all; within `connection`'s own if it is given."""
        if connection is not None:
            yield connection
        else:
            with self.engine.begin() as own:
                yield own

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read one state of the database, without keeping a writer out."""
        with self.engine.connect().execution_options(read_only=True) as connection:
            yield connection

    def insert(self, table: Table) -> sqlite.Insert:
        """Begin an insert that can say what to do when the row is there already."""
        return sqlite.insert(table)

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
        """Give how many requests were served so far: the seq of the newest."""
        with self.reading() as tx:
            return int(tx.scalar(select(func.max(schema.predictions.c.seq))) or 0)

    def close(self) -> None:
        """Let go of the database; what was committed stays."""
        self.engine.dispose()


def _engine(url: str, busy_timeout: float) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(
            f"expected a database URL, got {url!r}", hint="for example sqlite:///pipeline.db."
        ) from error
    if parsed.get_backend_name() != "sqlite":
        raise ConfigError(
            f"expected a SQLite URL, got one for {parsed.get_backend_name()!r}",
            hint="use sqlite:///pipeline.db; the store keeps to SQLite.",
        )
    in_memory = parsed.database in {None, "", ":memory:"}
    # A database in memory belongs to its connection: all threads must share the one.
    pool: dict[str, Any] = {"poolclass": StaticPool} if in_memory else {}
    arguments = {"timeout": busy_timeout, "check_same_thread": False}
    engine = create_engine(parsed, connect_args=arguments, **pool)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes the lock at once: a read that turned into a write later could fail half-way.
        read_only = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine
