"""Bringing a database to the tables this version works with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    String,
    Table,
    delete,
    insert,
    inspect,
    select,
)

from modelward.core.errors import DataError, ServiceError, StateError
from modelward.core.optional import require
from modelward.validation.server.store import schema

HEAD = "0001"
"""The revision that `schema` describes: the last in `migrations/versions`."""

VERSION_TABLE = "modelward_validation_revision"
"""Named so that other applications in the same database may have theirs."""

MAKING = "making"
_FOLDER = Path(__file__).parent / "migrations"
_version = Table(
    VERSION_TABLE,
    MetaData(naming_convention={"pk": f"{VERSION_TABLE}_pkc"}),
    Column("version_num", String(32), primary_key=True),
)


def migrate(engine: Engine, *, make: bool = True) -> None:
    """Make the tables in an empty database, or bring those of an earlier version up to date.

    One process at a time. SQLite and PostgreSQL do it in one transaction; MySQL commits each table,
    so there a making that was cut off is marked, and the next one goes on with it.

    Raises `StateError` for a database that a later version has written, or with tables of the same
    names of something else; `DataError` for one without them where `make` is off.
    """
    with engine.connect().execution_options(read_only=True) as connection:
        revision = _revision(connection)
    if revision == HEAD:
        return
    if revision in {None, MAKING} and not make:
        raise DataError(
            f"expected a validation store's database, got one without its tables at {engine.url!r}",
            hint="give the one that the store was made in.",
        )
    with engine.begin() as connection, _alone(connection):
        revision = _revision(connection)
        if revision in {None, MAKING}:
            _make(connection, goes_on=revision == MAKING)
        elif revision != HEAD:
            upgrade(connection, revision)


def upgrade(connection: Connection, revision: str | None = None) -> None:
    """Run the migrations after a revision; all of them for an empty database."""
    require("alembic", feature="an older store", install="'./packages/validation[server]'")
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(_FOLDER))
    if revision is not None and revision not in {
        each.revision for each in scripts.walk_revisions()
    }:
        raise StateError(
            f"expected a database of revision {HEAD} or earlier, got {revision}",
            hint="a later version of modelward has written it: install that one.",
        )

    def steps(current: Any, _: Any) -> Any:
        return scripts._upgrade_revs("head", current)

    with EnvironmentContext(Config(), scripts, fn=steps, destination_rev="head") as context:
        context.configure(connection=connection, version_table=VERSION_TABLE)
        context.run_migrations()


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Keep other processes from doing the same; SQLite's write lock does already."""
    kind = connection.dialect.name
    if kind == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext(current_schema()))")
    if kind not in {"mysql", "mariadb"}:
        yield
        return
    name = "CONCAT('modelward_validation_', LEFT(SHA2(DATABASE(), 256), 40))"
    if connection.exec_driver_sql(f"SELECT GET_LOCK({name}, 60)").scalar() != 1:
        raise ServiceError(
            "expected to make the tables of the validation store, but another process is at it"
        )
    try:
        yield
    finally:
        connection.exec_driver_sql(f"SELECT RELEASE_LOCK({name})")


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.scalar(select(_version.c.version_num)) or MAKING


def _make(connection: Connection, *, goes_on: bool) -> None:
    """Make the tables as they are now, without the way there."""
    taken = sorted(set(inspect(connection).get_table_names()) & set(schema.metadata.tables))
    if taken and not goes_on:
        raise StateError(
            f"expected an empty database or a validation store's, got one with other tables {taken}",
            hint="give it a database (on PostgreSQL: a schema) of its own.",
        )
    _version.create(connection, checkfirst=True)  # first: a making that is cut off has left a sign
    schema.metadata.create_all(connection)
    connection.execute(delete(_version))
    connection.execute(insert(_version).values(version_num=HEAD))
