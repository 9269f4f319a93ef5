"""Bringing a database to the tables this version works with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, inspect, select

from modelward.adaptive_pipeline.store import schema
from modelward.core.errors import DataError, StateError

HEAD = "0001"
"""The revision that `schema` describes: the last in `migrations/versions`."""

VERSION_TABLE = "modelward_pipeline_revision"
"""Named so that other applications in the same database may have theirs."""

_FOLDER = Path(__file__).parent / "migrations"
_version = Table(
    VERSION_TABLE,
    MetaData(naming_convention={"pk": f"{VERSION_TABLE}_pkc"}),
    Column("version_num", String(32), primary_key=True),
)


def migrate(engine: Engine, *, make: bool = True) -> None:
    """Make the tables in an empty database, or bring those of an earlier version up to date.

    All in one transaction, one process at a time.

    Raises `StateError` for a database that a later version has written, or that holds tables of the
    same names that are not a pipeline's; `DataError` for one without a pipeline where `make` is off.
    """
    with engine.connect().execution_options(read_only=True) as connection:
        revision = _revision(connection)
    if revision == HEAD:
        return
    if revision is None and not make:
        raise DataError(
            f"expected a pipeline's database, got one without its tables at {engine.url!r}",
            hint="give the one the pipeline runs with.",
        )
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext(current_schema()))")
        revision = _revision(connection)
        if revision is None:
            _make(connection)
        elif revision != HEAD:
            upgrade(connection, revision)


def upgrade(connection: Connection, revision: str | None = None) -> None:
    """Run the migrations after a revision; all of them for an empty database."""
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


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.scalar(select(_version.c.version_num))


def _make(connection: Connection) -> None:
    """Make the tables as they are now, without the way there."""
    taken = sorted(set(inspect(connection).get_table_names()) & set(schema.metadata.tables))
    if taken:
        raise StateError(
            f"expected an empty database or a pipeline's, got one with other tables {taken}",
            hint="give the pipeline a database (on PostgreSQL: a schema) of its own.",
        )
    schema.metadata.create_all(connection, checkfirst=False)
    _version.create(connection)
    connection.execute(_version.insert().values(version_num=HEAD))
