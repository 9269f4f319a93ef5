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

from modelward.core.database.schema import Schema
from modelward.core.errors import ConfigError
from modelward.core.optional import require

_NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL", "mysql": "MySQL"}
_URLS = {
    "sqlite": "sqlite:///{name}.db",
    "postgresql": "postgresql+psycopg://user@host/database",
    "mysql": "mysql+pymysql://user@host/database",
}


def make_engine(url: str, schema: Schema, *, busy_timeout: float) -> Engine:
    """Give the engine of a URL. Raises `ConfigError` for one of another kind."""
    kinds = [_NAMES[kind] for kind in schema.kinds]
    hint = f"use {_either([_URLS[kind].format(name=schema.name) for kind in schema.kinds])}."
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(f"expected a database URL, got {url!r}", hint=hint) from error
    kind = parsed.get_backend_name()
    known = "mysql" if kind == "mariadb" else kind
    if known not in schema.kinds:
        raise ConfigError(f"expected a {_either(kinds)} URL, got one for {kind!r}", hint=hint)
    make = {"sqlite": _sqlite, "postgresql": _postgresql, "mysql": _mysql}[known]
    return make(parsed, schema, busy_timeout)


def in_memory(engine: Engine) -> bool:
    """Tell whether the database is one connection of this process, which threads have to share."""
    return isinstance(engine.pool, StaticPool)


def _either(names: list[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


def _postgresql(url: URL, schema: Schema, busy_timeout: float) -> Engine:
    require("psycopg", feature=f"{schema.owner} on PostgreSQL", install=schema.driver("postgres"))
    theirs = url.query.get("options", "")
    options = [
        *((theirs,) if isinstance(theirs, str) else theirs),
        f"-c lock_timeout={int(busy_timeout * 1000)}",
    ]
    arguments = {"connect_timeout": 10, "options": " ".join(options).strip()}
    driver = url.set(drivername="postgresql+psycopg").difference_update_query(["options"])
    return create_engine(
        driver, connect_args=arguments, pool_pre_ping=True, **schema.pool, **schema.engine
    )


def _mysql(url: URL, schema: Schema, busy_timeout: float) -> Engine:
    require("pymysql", feature=f"{schema.owner} on MySQL", install=schema.driver("mysql"))
    engine = create_engine(
        url.set(drivername="mysql+pymysql").update_query_dict({"charset": "utf8mb4"}),
        connect_args={"connect_timeout": 10},
        pool_pre_ping=True,
        pool_recycle=3600,  # the server closes what was idle for long
        isolation_level="READ COMMITTED",  # writers then lock rows, not the gaps between them
        **schema.pool,
        **schema.engine,
    )

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET SESSION innodb_lock_wait_timeout={max(1, int(busy_timeout))}")
            cursor.execute("SET SESSION sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'")

    return engine


def _sqlite(url: URL, schema: Schema, busy_timeout: float) -> Engine:
    alone = url.database in {None, "", ":memory:"}
    # A database in memory belongs to its connection: all threads must share the one.
    pool: dict[str, Any] = {"poolclass": StaticPool} if alone else dict(schema.pool)
    arguments = {"timeout": busy_timeout, "check_same_thread": False}
    engine = create_engine(url, connect_args=arguments, **pool, **schema.engine)

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        _wal(connection, busy_timeout)
        for pragma in schema.sqlite_settings:
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
