"""The database: transactions, reading, inserts that replace, and what it says as an error of ours."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.exc import (
    DatabaseError,
    DBAPIError,
    InterfaceError,
    InternalError,
    OperationalError,
    TimeoutError,  # noqa: A004 - SQLAlchemy's: no connection of the pool is free
)

from modelward.core.database.engines import in_memory, make_engine
from modelward.core.database.migrate import migrate
from modelward.core.database.schema import Schema
from modelward.core.errors import DataError, ServiceError

T = TypeVar("T")
BATCH = 500
"""Rows of one statement, and names of one question: few enough for every database's limits."""


class Database:
    """One database that holds the tables of a schema: SQLite, PostgreSQL, MySQL or MariaDB.

    `url` is a SQLAlchemy URL: `sqlite:///name.db`, `postgresql+psycopg://user@host/database`,
    `mysql+pymysql://user@host/database`, or `sqlite://` for one in memory that is gone with the
    process. The tables are made where there are none, and brought up to date where an earlier
    version made them; with `make=False` a database without them is refused and stays as it is. Many
    threads and processes may read while one writes; a writer waits up to `busy_timeout` seconds for
    another.

    Raises `ConfigError` for another kind of URL, `StateError` for a database of a later version,
    `DataError` for one without the tables where none are to be made, and `ServiceError` when it does
    not answer (locked, full, gone), now or in any later call: then nothing of the transaction was
    written, and the next call tries again.

    >>> from sqlalchemy import Column, Integer, MetaData, Table
    >>> metadata = MetaData()
    >>> notes = Table("notes", metadata, Column("id", Integer, primary_key=True), Column("n", Integer))
    >>> schema = Schema(
    ...     name="notes", owner="a note book", library="core", metadata=metadata, revision="1",
    ...     migrations=Path("migrations"),
    ... )
    >>> database = Database("sqlite://", schema)
    >>> with database.writing() as tx:
    ...     database.upsert(tx, notes, [{"id": 1, "n": 2}], by=["id"])
    ...     database.upsert(tx, notes, [{"id": 1, "n": 3}], by=["id"])
    >>> with database.reading() as tx:
    ...     tx.execute(notes.select()).all()
    [(1, 3)]
    """

    def __init__(
        self, url: str, schema: Schema, *, make: bool = True, busy_timeout: float = 30.0
    ) -> None:
        self.url = url
        self.schema = schema
        self.engine = make_engine(url, schema, busy_timeout=busy_timeout)
        file = self.engine.url.database if self.dialect == "sqlite" else None
        alone = in_memory(self.engine)
        if file and not alone and not make and not Path(file).is_file():
            # Connecting would make an empty one.
            raise DataError(f"expected {schema.owner}'s database, got no file at {file}")
        # A database in memory has one connection, on which threads have to take turns.
        self._turn: AbstractContextManager[Any] = threading.RLock() if alone else nullcontext()
        try:
            with self._telling("expected a database that opens at {name}, got: {what}"):
                migrate(self.engine, schema, make=make)
        except BaseException:
            self.engine.dispose()
            raise

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Write several things together, or none of them."""
        with self._turn, self._telling(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Read one state of the database, without keeping a writer out."""
        with self._turn, self._telling(), self.engine.connect() as connection:
            yield connection.execution_options(read_only=True)

    def written(self, action: Callable[[Connection], T]) -> T:
        """Do something in a transaction, and again where the database broke off a circle of waiting.

        Such a transaction left nothing behind, so to repeat it is safe. Raises as any transaction.
        """
        for _ in range(_TRIES - 1):
            try:
                with self._turn, self.engine.begin() as connection:
                    return action(connection)
            except OperationalError as error:
                if not _circle(error):
                    with self._telling():
                        raise
        with self.writing() as connection:
            return action(connection)

    def upsert(
        self,
        connection: Connection,
        table: Table,
        rows: Sequence[dict[str, Any]],
        *,
        by: Sequence[str],
        keep: Sequence[str] = (),
    ) -> None:
        """Insert rows; where one with the same values of `by` is there, replace it.

        Columns in `keep` stay as they were. All rows have the same columns. In the order of `by`, so
        that two writers never wait for each other.
        """
        if not rows:
            return
        fresh = [name for name in rows[0] if name not in by and name not in keep]
        ordered = sorted(rows, key=lambda row: tuple(row[name] for name in by))
        statement = self._inserting(table, by, fresh)
        for start in range(0, len(ordered), BATCH):
            connection.execute(statement, ordered[start : start + BATCH])

    def _inserting(self, table: Table, by: Sequence[str], fresh: Sequence[str]) -> Any:
        if self.dialect in {"mysql", "mariadb"}:
            insert = mysql.insert(table)
            new = insert.inserted
            changes = {name: new[name] for name in fresh} or {by[0]: new[by[0]]}
            return insert.on_duplicate_key_update(changes)
        other = self.insert(table)
        if not fresh:
            return other.on_conflict_do_nothing(index_elements=list(by))
        return other.on_conflict_do_update(
            index_elements=list(by), set_={name: other.excluded[name] for name in fresh}
        )

    def insert(self, table: Table) -> Any:
        """Begin an insert (SQLite, PostgreSQL) that can say what to do when the row is there already."""
        return (postgresql if self.dialect == "postgresql" else sqlite).insert(table)

    @property
    def name(self) -> str:
        """The URL without its password, to be shown."""
        return self.engine.url.render_as_string(hide_password=True)

    @property
    def dialect(self) -> str:
        """`sqlite`, `postgresql`, `mysql` or `mariadb`."""
        return self.engine.dialect.name

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
                fact.format(name=self.name, what=what), hint=self._hint(what)
            ) from error

    def _hint(self, what: str) -> str:
        known = (hint for sign, hint in _HINTS.items() if sign in what.lower())
        server = "see that the server runs and lets this user in; the next call tries again."
        file = "see that the file is in order and may be written to."
        hint = next(known, file if self.dialect == "sqlite" else server)
        return hint.format(owner=self.schema.owner)


_ITS_OWN = (DatabaseError, OperationalError, InternalError)
_HINTS = {
    "locked": "another process has been writing for too long: look what it does.",
    "lock": "another process has been writing for too long: try again.",
    "full": "make room on the disk; nothing was lost but this call.",
    "not a database": "the file is something else: give {owner} a file of its own.",
    "malformed": "the file is damaged: bring back a copy.",
    "readonly": "let the process write to the file and its folder.",
    "unable to open": "see that the folder exists and that the process may write to it.",
}
_TRIES = 5
_CIRCLES = {"40P01", "40001", "1213", "1020"}
"""What PostgreSQL and MySQL call a deadlock, and a row that changed under a transaction."""


def _circle(error: OperationalError) -> bool:
    code = getattr(error.orig, "sqlstate", None) or (getattr(error.orig, "args", None) or ("",))[0]
    return str(code) in _CIRCLES
