"""The database: transactions, reading, and inserts that replace what is there already."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

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

from modelward.core.errors import DataError, ServiceError
from modelward.monitoring.fleet.store.engines import in_memory, make_engine
from modelward.monitoring.fleet.store.migrate import migrate

BATCH = 500
"""Rows of one statement, and names of one question: few enough for every database's limits."""


class Database:
    """One database that holds a fleet: SQLite, PostgreSQL, or MySQL or MariaDB.

    The tables are made where there are none, and brought up to date where an earlier version made
    them; with `make=False` a database without a fleet is refused and stays as it is. Raises
    `ConfigError` for another kind of URL, `StateError` for a database of a later version,
    `DataError` for one without a fleet where none is to be made, and `ServiceError` when it does not
    answer, now or in any later call: then nothing of the transaction was written.
    """

    def __init__(self, url: str, *, make: bool = True, busy_timeout: float = 30.0) -> None:
        self.url = url
        self.engine = make_engine(url, busy_timeout=busy_timeout)
        file = self.engine.url.database if self.dialect == "sqlite" else None
        alone = in_memory(self.engine)
        if file and not alone and not make and not Path(file).is_file():
            raise DataError(f"expected a fleet's database, got no file at {file}")
        self._turn: AbstractContextManager[Any] = threading.RLock() if alone else nullcontext()
        try:
            with self._telling("expected a database that opens at {name}, got: {what}"):
                migrate(self.engine, make=make)
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
        """Read, without keeping a writer out."""
        with self._turn, self._telling(), self.engine.connect() as connection:
            yield connection.execution_options(read_only=True)

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
        other = (postgresql if self.dialect == "postgresql" else sqlite).insert(table)
        if not fresh:
            return other.on_conflict_do_nothing(index_elements=list(by))
        return other.on_conflict_do_update(
            index_elements=list(by), set_={name: other.excluded[name] for name in fresh}
        )

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
                fact.format(name=self.name, what=what), hint=_hint(what, self.dialect)
            ) from error


_ITS_OWN = (DatabaseError, OperationalError, InternalError)


def _hint(what: str, dialect: str) -> str:
    hints = {
        "locked": "another process has been writing for too long: look what it does.",
        "lock": "another process has been writing for too long: try again.",
        "full": "make room on the disk; nothing was lost but this call.",
        "not a database": "the file is something else: give the fleet a file of its own.",
        "malformed": "the file is damaged: bring back a copy.",
        "readonly": "let the process write to the file and its folder.",
        "unable to open": "see that the folder exists and that the process may write to it.",
    }
    known = (hint for sign, hint in hints.items() if sign in what.lower())
    file = dialect == "sqlite"
    server = "see that the server runs and lets this user in; the next call tries again."
    return next(known, "see that the file is in order." if file else server)
