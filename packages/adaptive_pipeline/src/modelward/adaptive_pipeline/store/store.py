"""The store: every event, join, decision and state of one pipeline, in one database."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, create_engine, event, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DatabaseError,
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
    TimeoutError,  # noqa: A004 - SQLAlchemy's: no connection of the pool is free
)
from sqlalchemy.pool import StaticPool

from modelward.adaptive_pipeline.store import schema
from modelward.adaptive_pipeline.store.migrate import migrate
from modelward.core.errors import ConfigError, DataError, ServiceError
from modelward.core.optional import require


class Store:
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
        self.url = url
        self.engine = _engine(url, busy_timeout)
        file = self.engine.url.database if self.dialect == "sqlite" else None
        if file and not make and not Path(file).is_file():  # connecting would make an empty one
            raise DataError(f"expected a pipeline's database, got no file at {file}")
        # A database in memory has one connection, on which threads have to take turns.
        alone = isinstance(self.engine.pool, StaticPool)
        self._turn: AbstractContextManager[Any] = threading.RLock() if alone else nullcontext()
        try:
            with self._telling("expected a database that opens at {name}, got: {what}"):
                migrate(self.engine, make=make)
        except BaseException:
            self.engine.dispose()
            raise

    @contextmanager
    def transaction(self, connection: Connection | None = None) -> Iterator[Connection]:
        """Write several things together or not at all; within `connection`'s own if it is given."""
        if connection is not None:
            yield connection
        else:
            with self._turn, self._telling(), self.engine.begin() as own:
                yield own

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read one state of the database, without keeping a writer out."""
        with self._turn, self._telling(), self.engine.connect() as connection:
            yield connection.execution_options(read_only=True)

    def insert(self, table: Table) -> Any:
        """Begin an insert that can say what to do when the row is there already."""
        return (postgresql if self.dialect == "postgresql" else sqlite).insert(table)

    @property
    def name(self) -> str:
        """The URL without its password, to be shown."""
        return self.engine.url.render_as_string(hide_password=True)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.engine.dialect.name

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

    def close(self) -> None:
        """Let go of the database; what was committed stays."""
        self.engine.dispose()

    @contextmanager
    def _telling(
        self, fact: str = "expected the database {name} to answer, got: {what}"
    ) -> Iterator[None]:
        """Turn what the database says about itself into a `ServiceError`."""
        try:
            yield
        except (DatabaseError, InterfaceError, TimeoutError) as error:
            # Its other errors are about what was asked, not about how the database is.
            if isinstance(error, DatabaseError) and type(error) not in _ITS_OWN:
                raise
            what = str(error.orig if isinstance(error, DBAPIError) else error).strip()
            raise ServiceError(
                fact.format(name=self.name, what=what), hint=_hint(what, self.dialect)
            ) from error


_ITS_OWN = (DatabaseError, OperationalError, InternalError)


def _hint(what: str, dialect: str) -> str:
    hints = {
        "locked": "another process has been writing for too long: look what it does.",
        "lock timeout": "another process has been writing for too long: look what it does.",
        "full": "make room on the disk; nothing was lost but this call.",
        "not a database": "the file is something else: give the pipeline a file of its own.",
        "malformed": "the file is damaged: bring back a copy.",
        "readonly": "let the process write to the file and its folder.",
        "unable to open": "see that the folder exists and that the process may write to it.",
    }
    known = (hint for sign, hint in hints.items() if sign in what)
    server = "see that the server runs and lets this user in; the next call tries again."
    return next(known, server if dialect == "postgresql" else "see that the file is in order.")


_COUNTED = {"preserve_rowcount": True}  # of inserts too: how many were new
_PRAGMAS = (
    "synchronous=NORMAL",
    "foreign_keys=ON",
    "cache_size=-32768",  # 32 MB: joins look up keys in no order
    "wal_autocheckpoint=4000",  # pages of 4 KB
)


def _engine(url: str, busy_timeout: float) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(
            f"expected a database URL, got {url!r}", hint="for example sqlite:///pipeline.db."
        ) from error
    if parsed.get_backend_name() == "postgresql":
        return _postgresql(parsed, busy_timeout)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, busy_timeout)
    raise ConfigError(
        f"expected a SQLite or PostgreSQL URL, got one for {parsed.get_backend_name()!r}",
        hint="use sqlite:///pipeline.db or postgresql+psycopg://user@host/database.",
    )


def _postgresql(url: URL, busy_timeout: float) -> Engine:
    require(
        "psycopg",
        feature="a store on PostgreSQL",
        install="'./packages/adaptive_pipeline[postgres]'",
    )
    milliseconds = int(busy_timeout * 1000)
    theirs = url.query.get("options", "")
    options = [
        *((theirs,) if isinstance(theirs, str) else theirs),
        f"-c lock_timeout={milliseconds}",
    ]
    arguments = {"connect_timeout": 10, "options": " ".join(options).strip()}
    driver = url.set(drivername="postgresql+psycopg").difference_update_query(["options"])
    return create_engine(
        driver, connect_args=arguments, pool_pre_ping=True, execution_options=_COUNTED
    )


def _wal(connection: Any, busy_timeout: float) -> None:
    """Let readers and a writer go side by side.

    A process that comes while another makes this change is refused at once, not made to wait.
    """
    until, never = time.monotonic() + busy_timeout, threading.Event()
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() >= until:
                raise
            never.wait(0.01)
        else:
            return


def _sqlite(url: URL, busy_timeout: float) -> Engine:
    in_memory = url.database in {None, "", ":memory:"}
    # A database in memory belongs to its connection: all threads must share the one.
    pool: dict[str, Any] = {"poolclass": StaticPool} if in_memory else {}
    arguments = {"timeout": busy_timeout, "check_same_thread": False}
    engine = create_engine(url, connect_args=arguments, execution_options=_COUNTED, **pool)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        _wal(connection, busy_timeout)
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer takes the lock at once: a read that turned into a write later could fail half-way.
        read_only = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine
