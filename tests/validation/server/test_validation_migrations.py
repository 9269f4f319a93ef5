"""The way to the tables: migrations and the short way give the same."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from modelward.core.database.migrate import upgrade
from modelward.core.errors import DataError, StateError
from modelward.validation.server.store import schema
from modelward.validation.server.store.database import VALIDATION, Database


def description(connection: Connection) -> dict[str, object]:
    """What the database says of its tables: columns, keys and indexes."""
    found = inspect(connection)
    return {
        name: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(name)],
            found.get_pk_constraint(name)["constrained_columns"],
            sorted(
                (f["constrained_columns"], f["referred_table"], f["options"])
                for f in found.get_foreign_keys(name)
            ),
            sorted((i["column_names"], bool(i["unique"])) for i in found.get_indexes(name)),
            sorted(u["column_names"] for u in found.get_unique_constraints(name)),
        )
        for name in schema.metadata.tables
    }


def test_the_migrations_give_the_tables_of_the_schema(database_url: str) -> None:
    database = Database(database_url)
    with database.engine.begin() as connection:
        quick = description(connection)
        schema.metadata.drop_all(connection)
        connection.exec_driver_sql(f"DROP TABLE {VALIDATION.version_table}")
    with database.engine.begin() as connection:
        upgrade(connection, VALIDATION)
        assert description(connection) == quick
        options = {"compare_type": True, "version_table": VALIDATION.version_table}
        context = MigrationContext.configure(connection, opts=options)
        assert [
            d for d in compare_metadata(context, schema.metadata) if "validation" in str(d)
        ] == []
    database.close()
    Database(database_url, make=False).close()  # and it is taken for what it is


def test_the_head_is_the_last_migration() -> None:
    assert ScriptDirectory(str(VALIDATION.migrations)).get_heads() == [VALIDATION.revision]


def test_a_store_of_a_later_version_is_left_alone(database_url: str) -> None:
    database = Database(database_url)
    with database.writing() as tx:
        tx.exec_driver_sql(f"UPDATE {VALIDATION.version_table} SET version_num = '9999'")
    database.close()
    with pytest.raises(StateError, match="revision 0001 or earlier, got 9999"):
        Database(database_url)


def test_a_database_without_a_store_is_refused_where_none_is_to_be_made(database_url: str) -> None:
    with pytest.raises(DataError, match="got"):
        Database(database_url, make=False)
