"""The way to the tables: migrations and the short way give the same, and only one goes at a time."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect

from modelward.adaptive_pipeline import Joiner, Label, Store
from modelward.adaptive_pipeline.store import schema
from modelward.adaptive_pipeline.store.store import PIPELINE
from modelward.core.database.migrate import upgrade
from modelward.core.errors import StateError

COLUMNS = (
    "SELECT table_name, ordinal_position, column_name, data_type, character_maximum_length, "
    "is_nullable, column_default FROM information_schema.columns "
    "WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position"
)
INDEXES = (
    "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 2"
)
CONSTRAINTS = (
    "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = current_schema()::regnamespace ORDER BY 1"
)
TRIGGERS = (
    "SELECT pg_get_triggerdef(t.oid), p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid "
    "WHERE NOT tgisinternal AND tgrelid = 'predictions'::regclass ORDER BY 1"
)
TABLES = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name"


def description(connection: Connection) -> list[tuple[Any, ...]]:
    """All that the database itself says about its tables."""
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(TABLES).all()
        return [(name, sorted(_parts(text))) for name, text in rows]
    name = connection.exec_driver_sql("SELECT current_schema()").scalar()
    return [
        tuple(str(value).replace(f"{name}.", "") for value in row)
        for query in (COLUMNS, INDEXES, CONSTRAINTS, TRIGGERS)
        for row in connection.exec_driver_sql(query)
    ]


def _parts(sql: str) -> list[str]:
    """The columns and constraints of a statement, in whatever order they were written."""
    return [" ".join(line.split()).strip(", ") for line in sql.splitlines()]


def test_the_migrations_give_the_tables_of_the_schema(url: str) -> None:
    Store(url).close()
    engine = Store(url).engine
    with engine.begin() as connection:
        quick = description(connection)
        for table in reversed(schema.metadata.sorted_tables):
            table.drop(connection)
        connection.exec_driver_sql(f"DROP TABLE {PIPELINE.version_table}")
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("DROP FUNCTION recording")
    with engine.begin() as connection:
        upgrade(connection, PIPELINE)
        assert description(connection) == quick
        options = {"compare_type": True, "version_table": PIPELINE.version_table}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, schema.metadata) == []
    engine.dispose()
    store = Store(url)  # and the database works as it is
    assert Joiner(store).add([Label("r", 1)]) == 0
    store.close()


def test_the_head_is_the_last_migration() -> None:
    folder = str(PIPELINE.migrations)
    assert ScriptDirectory(folder).get_heads() == [PIPELINE.revision]


def test_a_database_of_a_later_version_is_refused(url: str) -> None:
    store = Store(url)
    with store.transaction() as tx:
        tx.exec_driver_sql(f"UPDATE {PIPELINE.version_table} SET version_num = '9999'")
    store.close()
    with pytest.raises(StateError, match="revision 0001 or earlier, got 9999"):
        Store(url)


def test_tables_of_others_are_left_alone(url: str) -> None:
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE labels (mine TEXT)")
        connection.exec_driver_sql("CREATE TABLE alembic_version (version_num TEXT)")
    with pytest.raises(StateError, match=r"got one with other tables \['labels'\]"):
        Store(url)
    assert set(inspect(engine).get_table_names()) == {"labels", "alembic_version"}
    engine.dispose()


def test_many_processes_may_open_an_empty_database_at_once(url: str) -> None:
    code = (
        "import sys\n"
        "from modelward.adaptive_pipeline import Store\n"
        "import psycopg, sqlalchemy.dialects.sqlite\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        f"store = Store({url!r})\n"
        "store.save_state(sys.argv[1], {'here': True}); store.close()\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    children = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", code, str(i)], text=True, **pipes)
        for i in range(6)
    ]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("\n")
        child.stdin.flush()
    ends = [(child.communicate(timeout=60)[1], child.returncode) for child in children]
    assert ends == [("", 0)] * 6
    store = Store(url)
    assert all(store.load_state(str(i)) for i in range(6))
    store.close()


def test_opening_a_store_needs_no_migration_tool() -> None:
    code = (
        "import sys; from modelward.adaptive_pipeline import Store; Store('sqlite://')\n"
        "assert 'alembic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
