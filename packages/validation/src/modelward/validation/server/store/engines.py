"""Engines: SQLite (WAL), PostgreSQL and MySQL or MariaDB, each set up for many readers and a writer."""

from __future__ import annotations

import sqlite3
import threading
import time
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import StaticPool

from modelward.core.errors import ConfigError
from modelward.core.optional import require

_HINT = (
    "use sqlite:///validation.db, postgresql+psycopg://user@host/database or "
    "mysql+pymysql://user@host/database."
)
_POOL: dict[str, Any] = {"pool_size": 10, "max_overflow": 40}
"""As many connections as a process has threads that answer requests."""
_PRAGMAS = ("synchronous=FULL", "foreign_keys=ON", "cache_size=-32768")


def make_engine(url: str, *, busy_timeout: float) -> Engine:
    """Give the engine of a URL. Raises `ConfigError` for one of another kind."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(f"expected a database URL, got {url!r}", hint=_HINT) from error
    kind = parsed.get_backend_name()
    if kind == "postgresql":
        return _postgresql(parsed, busy_timeout)
    if kind in {"mysql", "mariadb"}:
        return _mysql(parsed, busy_timeout)
    if kind == "sqlite":
        return _sqlite(parsed, busy_timeout)
    raise ConfigError(
        f"expected a SQLite, PostgreSQL or MySQL URL, got one for {kind!r}", hint=_HINT
    )


def in_memory(engine: Engine) -> bool:
    """Tell whether the database is one connection of this process, which threads have to share."""
    return isinstance(engine.pool, StaticPool)


def _postgresql(url: URL, busy_timeout: float) -> Engine:
    require(
        "psycopg",
        feature="a validation store on PostgreSQL",
        install="'./packages/validation[postgres]'",
    )
    theirs = url.query.get("options", "")
    options = [
        *((theirs,) if isinstance(theirs, str) else theirs),
        f"-c lock_timeout={int(busy_timeout * 1000)}",
    ]
    arguments = {"connect_timeout": 10, "options": " ".join(options).strip()}
    driver = url.set(drivername="postgresql+psycopg").difference_update_query(["options"])
    return create_engine(driver, connect_args=arguments, pool_pre_ping=True, **_POOL)


def _mysql(url: URL, busy_timeout: float) -> Engine:
    require(
        "pymysql", feature="a validation store on MySQL", install="'./packages/validation[mysql]'"
    )
    engine = create_engine(
        url.set(drivername="mysql+pymysql").update_query_dict({"charset": "utf8mb4"}),
        connect_args={"connect_timeout": 10},
        pool_pre_ping=True,
        **_POOL,
        pool_recycle=3600,  # the server closes what was idle for long
        isolation_level="READ COMMITTED",  # writers then lock rows, not the gaps between them
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET SESSION innodb_lock_wait_timeout={max(1, int(busy_timeout))}")
            cursor.execute("SET SESSION sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'")

    return engine


def _sqlite(url: URL, busy_timeout: float) -> Engine:
    alone = url.database in {None, "", ":memory:"}
    # A database in memory belongs to its connection: all threads must share the one.
    pool: dict[str, Any] = {"poolclass": StaticPool} if alone else _POOL
    arguments = {"timeout": busy_timeout, "check_same_thread": False}
    engine = create_engine(url, connect_args=arguments, **pool)

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


def _wal(connection: Any, busy_timeout: float) -> None:
    """Let readers and a writer go side by side; who comes during the change itself must try again."""
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
