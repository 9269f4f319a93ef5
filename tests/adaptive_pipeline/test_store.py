"""The store under faults: a clear error, nothing half-written, and the next call works."""

from __future__ import annotations

import os
import sqlite3
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, select, text

from modelward.adaptive_pipeline import JoinCounts, Joiner, Label, Store
from modelward.adaptive_pipeline.store.recording import Recorded, newest, record
from modelward.adaptive_pipeline.store.schema import labels, predictions
from modelward.core.errors import ConfigError, ServiceError


def some(n: int, size: int = 1, start: int = 0) -> list[Recorded]:
    row = '{"x": "' + "y" * size + '"}'
    return [Recorded(f"r{i}", float(i), row, "1", "1") for i in range(start, start + n)]


def write(store: Store, rows: list[Recorded]) -> int:
    with store.transaction() as tx:
        return record(tx, rows)


def count(store: Store) -> int:
    with store.reading() as tx:
        return int(tx.scalar(select(func.count()).select_from(predictions)) or 0)


def test_recording_tells_the_new_from_the_known(stores: Store) -> None:
    assert write(stores, some(3)) == 3
    known = Recorded("r1", 9.0, '{"x": 2}', "2", None, "boom")
    assert write(stores, [known, *some(2, start=2)]) == 1
    assert write(stores, []) == 0
    with stores.reading() as tx:
        rows = tx.execute(select(predictions).order_by(predictions.c.seq)).all()
        assert newest(tx) == rows[-1].seq
    assert [row.request_id for row in rows] == ["r0", "r1", "r2", "r3"]
    assert (rows[1].row, rows[1].prediction, rows[1].error) == ({"x": "y"}, 1, None)


def test_every_field_is_recorded_as_given(stores: Store) -> None:
    full = Recorded(
        "r",
        1.5,
        '{"b": 1, "a": 0.1}',
        "2",
        '"sky"',
        None,
        0.25,
        "e1",
        "u",
        "challenger",
        0.1,
        "slow",
    )
    write(stores, [full])
    with stores.reading() as tx:
        row = tx.execute(select(predictions)).one()._mapping
    given = {**full._asdict(), "row": {"b": 1, "a": 0.1}, "prediction": "sky", "seq": 1}
    assert dict(row) == given
    assert list(row["row"]) == ["b", "a"]


def test_state_is_replaced_as_a_whole(stores: Store) -> None:
    stores.save_state("k", {"a": 1, "b": [1.5, None]})
    stores.save_state("k", {"c": "ü"})
    assert stores.load_state("k") == {"c": "ü"}
    assert stores.load_state("other") is None


def test_what_is_no_database_of_ours_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="expected a SQLite or PostgreSQL URL, got one for 'mysql'"
    ):
        Store("mysql://localhost/x")
    with pytest.raises(ConfigError, match="expected a database URL"):
        Store("pipeline.db")
    with pytest.raises(ServiceError, match="expected a database that opens"):
        Store(f"sqlite:///{tmp_path}/no/such/folder/p.db")


def test_a_password_is_not_shown() -> None:
    url = "postgresql://someone:secret@127.0.0.1:1/nowhere"
    with pytest.raises(ServiceError, match=r"someone:\*\*\*@127.0.0.1") as error:
        Store(url)
    assert "secret" not in str(error.value)


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database\n" * 100)
    with pytest.raises(ServiceError, match="the file is something else"):
        Store(f"sqlite:///{file}")
    assert file.read_text() == "not a database\n" * 100


@pytest.fixture
def nobody() -> Iterator[Path]:
    """A folder in which this process may read and not write."""
    with tempfile.TemporaryDirectory() as name:
        folder, root = Path(name), os.geteuid() == 0
        Store(f"sqlite:///{folder / 'there.db'}").close()
        (folder / "there.db").chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
        folder.chmod(0o555)
        if root:
            os.seteuid(65_534)
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o755)


def test_a_folder_that_may_not_be_written_is_named(nobody: Path) -> None:
    with pytest.raises(ServiceError, match="may write to it"):
        Store(f"sqlite:///{nobody / 'new.db'}")
    with pytest.raises(ServiceError, match=r"(let the process write|may write to it)"):
        Store(f"sqlite:///{nobody / 'there.db'}").save_state("k", {})


def test_a_database_locked_by_another_is_waited_for_and_then_named(
    store: Store, tmp_path: Path
) -> None:
    other = sqlite3.connect(tmp_path / "pipeline.db", isolation_level=None)
    impatient = Store(store.url, busy_timeout=0.05)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(ServiceError, match="another process has been writing for too long"):
        write(impatient, some(2))
    assert impatient.load_state("k") is None  # readers are not kept out
    other.execute("COMMIT")
    assert write(impatient, some(2)) == 2
    other.close()
    impatient.close()


def test_a_writer_waits_while_another_writes(store: Store, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "pipeline.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    waiting = threading.Thread(target=write, args=(store, some(2)))
    waiting.start()
    assert count(store) == 0
    other.execute("COMMIT")
    waiting.join(timeout=60)
    assert count(store) == 2
    other.close()


def test_threads_take_turns_on_a_database_in_memory() -> None:
    store = Store("sqlite://")
    wrong: list[BaseException] = []

    def work(part: int) -> None:
        try:
            for i in range(25):
                write(store, [Recorded(f"{part}-{i}", 0.0, "{}", "1", "1")])
                Joiner(store).add([Label(f"{part}-{i}", 1)])
                count(store)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert wrong == []
    assert Joiner(store).counts() == JoinCounts(joined=100)


def test_a_full_disk_leaves_nothing_half_written(store: Store) -> None:
    write(store, some(1))
    joiner = Joiner(store)
    with store.reading() as tx:
        pages = tx.exec_driver_sql("PRAGMA page_count").scalar()
        tx.exec_driver_sql(f"PRAGMA max_page_count = {pages + 20}")
    with pytest.raises(ServiceError, match="make room on the disk"):
        write(store, some(200, size=10_000, start=1))
    assert count(store) == 1
    with pytest.raises(ServiceError, match="make room on the disk"):
        joiner.add([Label(f"r{i}", "z" * 10_000) for i in range(200)])
    assert joiner.counts() == JoinCounts(waiting=1)
    with store.reading() as tx:
        assert tx.scalar(select(func.count()).select_from(labels)) == 0
        tx.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert write(store, some(200, size=10_000, start=1)) == 200
    assert joiner.add([Label(f"r{i}", "z" * 10_000) for i in range(200)]) == 200


def terminate(store: Store, postgres: str) -> int:
    """Cut every connection of the store, as a server that goes down does."""
    with store.reading() as tx:
        me = tx.exec_driver_sql("SELECT current_schema()").scalar()
    engine = create_engine(postgres.partition("?")[0])
    with engine.connect() as connection:
        ended = connection.execute(
            text(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND application_name = :me"
            ),
            {"me": me},
        ).scalar()
    engine.dispose()
    return int(ended or 0)


@pytest.fixture
def server(postgres: str) -> Iterator[Store]:
    """A store whose connections can be told from those of others."""
    schema = postgres.rpartition("%3D")[2]
    made = Store(f"{postgres}&application_name={schema}", busy_timeout=0.5)
    yield made
    made.close()


def test_a_server_that_went_and_came_back_is_found_again(server: Store, postgres: str) -> None:
    write(server, some(1))
    assert terminate(server, postgres) >= 1
    assert write(server, some(2)) == 1  # an idle connection that was cut is replaced unseen

    def cut_off() -> None:
        with server.transaction() as tx:
            record(tx, some(5))
            assert terminate(server, postgres) >= 1
            tx.execute(select(predictions))

    with pytest.raises(ServiceError, match=r"(?s)to answer, got: .*terminat.*the next call tries"):
        cut_off()
    assert count(server) == 2
    joiner = Joiner(server)
    assert joiner.add([Label("r0", 1), Label("r1", 1)]) == 2


def test_a_lock_held_for_too_long_on_the_server_is_named(server: Store) -> None:
    write(server, some(1))
    joiner = Joiner(server)
    joiner.add([Label("r0", 1)])
    with server.transaction() as tx:
        tx.exec_driver_sql("SELECT value FROM state WHERE key = 'joiner' FOR UPDATE")
        with pytest.raises(ServiceError, match="another process has been writing for too long"):
            joiner.add([Label("r1", 1)])
    assert joiner.counts() == JoinCounts(joined=1)
    assert joiner.add([Label("r1", 1)]) == 0
    assert joiner.counts() == JoinCounts(joined=1, parked=1)


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(ServiceError, match="see that the server runs"):
        Store("postgresql://postgres@127.0.0.1:1/postgres")


def test_a_wrong_statement_is_not_called_a_fault_of_the_database(stores: Store) -> None:
    from sqlalchemy.exc import IntegrityError

    insert = predictions.insert().values(request_id="r", at=None, row={}, version="1")
    with pytest.raises(IntegrityError), stores.transaction() as tx:
        tx.execute(insert)
    assert count(stores) == 0
