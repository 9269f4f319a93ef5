"""The database: transactions, reading, and what it says about itself as an error of ours."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
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

from modelward.core.errors import ConfigError, DataError, ServiceError
from modelward.validation.server.store.engines import in_memory, make_engine
from modelward.validation.server.store.migrate import migrate

T = TypeVar("T")


class Database:
    """One database that holds all of a validation server: SQLite, PostgreSQL, MySQL or MariaDB.

    `url` is a SQLAlchemy URL: `sqlite:///validation.db`, `postgresql+psycopg://user@host/database`,
    `mysql+pymysql://user@host/database`, or `sqlite://` for one in memory. The tables are made where
    there are none, and brought up to date where an earlier version made them; with `make=False` a
    database without them is refused.

    Raises `ConfigError` for another kind of URL, `StateError` for a database of a later version,
    `DataError` where there are no tables and none are to be made, and `ServiceError` when it does
    not answer, now or in any later call: then nothing of the transaction was written.

    >>> Database("sqlite://").dialect
    'sqlite'
    """

    def __init__(self, url: str, *, make: bool = True, busy_timeout: float = 30.0) -> None:
        self.url = url
        self.engine = make_engine(url, busy_timeout=busy_timeout)
        file = self.engine.url.database if self.dialect == "sqlite" else None
        alone = in_memory(self.engine)
        if file and not alone:
            if not make and not Path(file).is_file():
                raise DataError(f"expected a validation store's database, got no file at {file}")
            if not Path(file).parent.is_dir():
                raise ConfigError(f"expected a folder for the database {file}, got none")
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
        self, connection: Connection, table: Table, row: Mapping[str, Any], *, by: str
    ) -> None:
        """Insert a row; where one with the same `by` (a unique column) is there, replace it."""
        fresh = [name for name in row if name != by]
        if self.dialect in {"mysql", "mariadb"}:
            insert = mysql.insert(table).values(**row)
            connection.execute(
                insert.on_duplicate_key_update({name: insert.inserted[name] for name in fresh})
            )
            return
        other = (postgresql if self.dialect == "postgresql" else sqlite).insert(table).values(**row)
        changes = {name: other.excluded[name] for name in fresh}
        connection.execute(other.on_conflict_do_update(index_elements=[by], set_=changes))

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
            hint = (
                "see that the file is in order and may be written to."
                if self.dialect == "sqlite"
                else "see that the server runs and lets this user in; the next call tries again."
            )
            raise ServiceError(fact.format(name=self.name, what=what), hint=hint) from error


_ITS_OWN = (DatabaseError, OperationalError, InternalError)
_TRIES = 5
_CIRCLES = {"40P01", "40001", "1213", "1020"}
"""What PostgreSQL and MySQL call a deadlock, and a row that changed under a transaction."""


def _circle(error: OperationalError) -> bool:
    code = getattr(error.orig, "sqlstate", None) or (getattr(error.orig, "args", None) or ("",))[0]
    return str(code) in _CIRCLES
