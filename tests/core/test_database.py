"""The database that the libraries share: kinds, messages, and inserts that replace."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table
from sqlalchemy.exc import OperationalError

from modelward.core.database import Database, Schema, has_ended, this_process
from modelward.core.database.columns import Instant, Json
from modelward.core.errors import ConfigError, DataError, ServiceError, StateError

metadata = MetaData()
notes = Table(
    "notes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("text", String(20)),
    Column("seen", Integer),
)
NOTES = Schema(
    name="notes",
    owner="a note book",
    library="core",
    metadata=metadata,
    revision="7",
    migrations=Path(__file__).parent,
    kinds=("sqlite", "postgresql"),
)


def content(database: Database) -> list[tuple[object, ...]]:
    with database.reading() as tx:
        return [tuple(row) for row in tx.execute(notes.select().order_by(notes.c.id))]


def test_a_row_is_replaced_but_for_what_is_to_stay(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'n.db'}", NOTES)
    with database.writing() as tx:
        database.upsert(tx, notes, [{"id": n, "text": "old", "seen": n} for n in (2, 1)], by=["id"])
        new = [{"id": n, "text": "new", "seen": 9} for n in (3, 2)]
        database.upsert(tx, notes, new, by=["id"], keep=["seen"])
        database.upsert(tx, notes, [], by=["id"])
    assert content(database) == [(1, "old", 1), (2, "new", 2), (3, "new", 9)]
    database.close()


def test_what_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'n.db'}", NOTES)
    with pytest.raises(ZeroDivisionError), database.writing() as tx:  # noqa: PT012
        database.upsert(tx, notes, [{"id": 1, "text": "a", "seen": 0}], by=["id"])
        raise ZeroDivisionError
    assert content(database) == []
    database.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "expected a database URL, got 'nonsense'"),
        ("mysql://u@h/d", "expected a SQLite or PostgreSQL URL, got one for 'mysql'"),
        ("oracle://u@h/d", "expected a SQLite or PostgreSQL URL, got one for 'oracle'"),
    ],
)
def test_other_urls_are_refused_with_those_that_go(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r"sqlite:///notes\.db or postgresql") as caught:
        Database(url, NOTES)
    assert said in str(caught.value)


def test_without_leave_nothing_is_made(tmp_path: Path) -> None:
    missing, empty = tmp_path / "missing.db", tmp_path / "empty.db"
    sqlite3.connect(empty).close()
    for path in (missing, empty):
        with pytest.raises(DataError, match="expected a note book's database, got"):
            Database(f"sqlite:///{path}", NOTES, make=False)
    assert not missing.exists()


@pytest.mark.parametrize(
    ("damage", "hint"),
    [("text", "give a note book a file of its own"), ("folder", "see that the folder exists")],
)
def test_a_file_that_is_none_is_told(tmp_path: Path, damage: str, hint: str) -> None:
    path = tmp_path / "n.db" if damage == "text" else tmp_path / "gone" / "n.db"
    if damage == "text":
        path.write_text("no database, but long enough to be read as one " * 100)
    with pytest.raises(ServiceError, match=hint):
        Database(f"sqlite:///{path}", NOTES)


def test_other_and_later_tables_are_left_alone(tmp_path: Path) -> None:
    theirs, later = tmp_path / "theirs.db", tmp_path / "later.db"
    with sqlite3.connect(theirs) as other:
        other.execute("CREATE TABLE notes (mine TEXT)")
    with pytest.raises(StateError, match=r"or a note book's, got one with other tables \['notes'"):
        Database(f"sqlite:///{theirs}", NOTES)
    Database(f"sqlite:///{later}", NOTES).close()
    with sqlite3.connect(later) as other:
        other.execute("UPDATE modelward_notes_revision SET version_num = '9'")
    with pytest.raises(StateError, match="expected a database of revision 7 or earlier, got 9"):
        Database(f"sqlite:///{later}", NOTES)


class Deadlock(Exception):
    """As PostgreSQL's driver raises it."""

    sqlstate = "40P01"


def test_what_a_database_broke_off_is_done_again(tmp_path: Path) -> None:
    database, tried = Database(f"sqlite:///{tmp_path / 'n.db'}", NOTES), []

    def act(tx: object) -> str:
        database.upsert(tx, notes, [{"id": 1, "text": "a", "seen": len(tried)}], by=["id"])  # type: ignore[arg-type]
        tried.append(1)
        if len(tried) < 3:
            raise OperationalError("UPDATE", {}, Deadlock())
        return "done"

    assert database.written(act) == "done"
    assert content(database) == [(1, "a", 2)]
    tried.clear()

    def never(_: object) -> None:
        tried.append(1)
        raise OperationalError("UPDATE", {}, Deadlock())

    with pytest.raises(ServiceError):
        database.written(never)
    assert len(tried) == 5
    database.close()


def test_times_need_a_zone_and_json_no_infinity() -> None:
    from datetime import datetime

    from sqlalchemy.dialects.sqlite import dialect

    assert Instant().process_bind_param(datetime.fromisoformat("2026-01-01T01:00+01:00"), dialect())
    with pytest.raises(ValueError, match="Out of range"):
        Json().process_bind_param({"a": float("inf")}, dialect())


def test_a_process_that_has_ended_is_known() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from modelward.core.database import this_process; print(this_process())",
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    assert has_ended(done.stdout.strip())
    assert has_ended(f"{done.stdout.strip()}/more")
    assert not has_ended(this_process())
    assert not has_ended(f"elsewhere/{os.getpid()}")
    assert not has_ended("anything")
