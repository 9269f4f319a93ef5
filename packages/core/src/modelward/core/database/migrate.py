"""Bringing a database to the tables this version works with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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

from modelward.core.database.schema import Schema
from modelward.core.errors import DataError, ServiceError, StateError
from modelward.core.optional import require

_MAKING = "making"


def migrate(engine: Engine, schema: Schema, *, make: bool = True) -> None:
    """Make the tables in an empty database, or bring those of an earlier version up to date.

    One process at a time. SQLite and PostgreSQL do it in one transaction; MySQL commits each table,
    so there a making that was cut off is marked, and the next one goes on with it.

    Raises `StateError` for a database that a later version has written, or with tables of the same
    names that hold something else; `DataError` for one without the tables where `make` is off.
    """
    with engine.connect().execution_options(read_only=True) as connection:
        revision = _revision(connection, schema)
    if revision == schema.revision:
        return
    if revision in {None, _MAKING} and not make:
        raise DataError(
            f"expected {schema.owner}'s database, got one without its tables at {engine.url!r}",
            hint="give the one that it was made in.",
        )
    with engine.begin() as connection, _alone(connection, schema):
        revision = _revision(connection, schema)
        if revision in {None, _MAKING}:
            _make(connection, schema, goes_on=revision == _MAKING)
        elif revision != schema.revision:
            upgrade(connection, schema, revision)


def upgrade(connection: Connection, schema: Schema, revision: str | None = None) -> None:
    """Run the migrations after a revision; all of them for an empty database."""
    require("alembic", feature="bringing an older database up to date", install="alembic")
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(schema.migrations))
    if revision is not None and revision not in {
        each.revision for each in scripts.walk_revisions()
    }:
        raise StateError(
            f"expected a database of revision {schema.revision} or earlier, got {revision}",
            hint="a later version of modelward has written it: install that one.",
        )

    def steps(current: Any, _: Any) -> Any:
        return scripts._upgrade_revs("head", current)

    with EnvironmentContext(Config(), scripts, fn=steps, destination_rev="head") as context:
        context.configure(connection=connection, version_table=schema.version_table)
        context.run_migrations()


@contextmanager
def _alone(connection: Connection, schema: Schema) -> Iterator[None]:
    """Keep other processes from doing the same; SQLite's write lock does already."""
    kind = connection.dialect.name
    if kind == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext(current_schema()))")
    if kind not in {"mysql", "mariadb"}:
        yield
        return
    name = f"CONCAT('modelward_{schema.name}_', LEFT(SHA2(DATABASE(), 256), 40))"
    if connection.exec_driver_sql(f"SELECT GET_LOCK({name}, 60)").scalar() != 1:
        raise ServiceError(
            f"expected to make the tables of {schema.owner}, but another process is at it"
        )
    try:
        yield
    finally:
        connection.exec_driver_sql(f"SELECT RELEASE_LOCK({name})")


def _versions(schema: Schema) -> Table:
    return Table(
        schema.version_table,
        MetaData(naming_convention={"pk": f"{schema.version_table}_pkc"}),
        Column("version_num", String(32), primary_key=True),
    )


def _revision(connection: Connection, schema: Schema) -> str | None:
    if not inspect(connection).has_table(schema.version_table):
        return None
    return connection.scalar(select(_versions(schema).c.version_num)) or _MAKING


def _make(connection: Connection, schema: Schema, *, goes_on: bool) -> None:
    """Make the tables as they are now, without the way there."""
    taken = sorted(set(inspect(connection).get_table_names()) & set(schema.metadata.tables))
    if taken and not goes_on:
        raise StateError(
            f"expected an empty database or {schema.owner}'s, got one with other tables {taken}",
            hint="give it a database (on PostgreSQL: a schema) of its own.",
        )
    versions = _versions(schema)
    versions.create(connection, checkfirst=True)  # first: a making cut off has left a sign
    schema.metadata.create_all(connection)
    connection.execute(delete(versions))
    connection.execute(insert(versions).values(version_num=schema.revision))
