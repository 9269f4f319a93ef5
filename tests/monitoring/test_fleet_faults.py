"""Killed in the middle, cut off by the database, two at once: nothing is lost, nothing is twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import MetaData, create_engine, func, inspect, select, text

from modelward.core.database.migrate import upgrade
from modelward.core.errors import DataError, ServiceError, StateError
from modelward.monitoring import Sketch
from modelward.monitoring.fleet import judging
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.fleet.records import Model, Window
from modelward.monitoring.fleet.store import schema
from modelward.monitoring.fleet.store.database import FLEET
from modelward.monitoring.fleet.store.leases import Lease

DAY = Window.of("2026-03-01", hours=24)
NAMES = [f"m{i:02d}" for i in range(30)]


def rows(seed: int, **shifts: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({c: rng.normal(shifts.get(c, 0.0), 1, 400) for c in ("a", "b")})


def fill(fleet: Fleet) -> None:
    reference = Sketch.fit(rows(0), cells=64)
    fleet.add_many((Model(name), reference) for name in NAMES)
    fleet.record_many(
        (name, DAY, reference.empty().add(rows(i + 1, a=1.0 if i < 5 else 0.0)))
        for i, name in enumerate(NAMES)
    )


def count(fleet: Fleet, table: Any) -> int:
    with fleet.database.reading() as tx:
        return int(tx.scalar(select(func.count()).select_from(table)) or 0)


def test_the_migrations_make_the_tables_of_the_schema(database_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    engine = create_engine(database_url)
    with engine.begin() as connection:
        upgrade(connection, FLEET)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": FLEET.version_table, "compare_type": True}
        )
        assert compare_metadata(context, schema.metadata) == []
    with Fleet(database_url) as fleet:
        fill(fleet)
        assert fleet.assess(DAY).alarmed
    engine.dispose()


def test_a_database_of_a_later_version_or_of_others_is_left_alone(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE fleet_models (id INTEGER)"))
    with pytest.raises(StateError, match="other tables"):
        Fleet(database_url)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE fleet_models"))
    with pytest.raises(DataError, match="without its tables"):
        Fleet(database_url, make=False)
    assert inspect(engine).get_table_names() == []
    Fleet(database_url).close()
    Fleet(database_url, make=False).close()
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {FLEET.version_table} SET version_num = '9999'"))
    with pytest.raises(StateError, match="later version"):
        Fleet(database_url)
    engine.dispose()


def test_a_making_that_was_cut_off_goes_on(database_url: str) -> None:
    Fleet(database_url).close()
    engine = create_engine(database_url)
    reflected = MetaData()
    with engine.begin() as connection:
        connection.execute(text(f"DELETE FROM {FLEET.version_table}"))
        reflected.reflect(connection)
        reflected.tables["fleet_results"].drop(connection)
    engine.dispose()
    with Fleet(database_url) as fleet:
        fill(fleet)
        fleet.assess(DAY)
        assert count(fleet, schema.results) == len(NAMES)


CHILD = """
import sys, time
from modelward.monitoring.fleet import judging
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.fleet.records import Window

judging.CHUNK = 10
keep, chunks = judging.keep_results, []

def slowly(*args):
    if len(chunks) == 2:  # in the middle of the third transaction
        keep(*args)
        print("now", flush=True)
        time.sleep(600)
    chunks.append(1)
    keep(*args)

judging.keep_results = slowly
fleet = Fleet(sys.argv[1])
fleet.assess(Window.of("2026-03-01", hours=24))
"""


def killed(code: str, url: str) -> None:
    """Run a child until it says 'now', and kill it for good."""
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), url], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"now\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait(10)
    child.stdout.close()


@pytest.mark.slow
def test_an_assessment_that_was_killed_goes_on(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Fleet(database_url) as fleet:
        fill(fleet)
        killed(CHILD, database_url)
        assert count(fleet, schema.results) == 20, "two whole transactions, nothing of the third"
        assert fleet.summary().alarmed == 0, "shown only when it is whole"
        assert fleet.incidents() == ()
        kept = []
        keep = judging.keep_results
        monkeypatch.setattr(
            judging, "keep_results", lambda *args: (kept.extend(args[3]), keep(*args))
        )
        result = fleet.assess(DAY, wait=5)
        assert len(kept) == 10, "only what was missing"
        assert count(fleet, schema.results) == len(NAMES)
        assert count(fleet, schema.assessments) == 1
        assert fleet.summary().alarmed == len(result.alarmed) >= 5
        [common] = [i for i in fleet.incidents() if len(i.members) > 1]
        assert set(common.members) == set(NAMES[:5])


def test_what_was_recorded_meanwhile_is_judged_too(database_url: str) -> None:
    """A cut-off assessment is not gone on with when a window has changed since."""
    with Fleet(database_url) as fleet:
        fill(fleet)
        killed(CHILD, database_url)
        fleet.record("m20", DAY, rows(99, b=1.0))
        fleet.record("m03", DAY, rows(98))
        assert "m20" in fleet.assess(DAY).alarmed
        assert fleet.status("m20").drifted == ("b",)
        assert fleet.status("m03").drifted == fleet.drift("m03").shifted == ()
        assert count(fleet, schema.results) == len(NAMES)
        assert count(fleet, schema.assessments) == 1


RECORDING = """
import sys, time
import numpy as np, pandas as pd
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.fleet.records import Window
from modelward.monitoring.fleet.store import recording

recording.CHUNK = 4
fleet = Fleet(sys.argv[1])
day = Window.of("2026-03-01", hours=24)
sketch = fleet.reference("m00").empty().add(pd.DataFrame({"a": [1.0], "b": [2.0]}))

def windows():
    for i in range(10):
        if i == 9:
            print("now", flush=True)
            time.sleep(600)
        yield f"m{i:02d}", day, sketch

fleet.record_many(windows())
"""


def test_a_recording_that_was_killed_is_done_again(database_url: str) -> None:
    with Fleet(database_url) as fleet:
        reference = Sketch.fit(rows(0), cells=64)
        fleet.add_many((Model(name), reference) for name in NAMES)
        killed(RECORDING, database_url)
        assert count(fleet, schema.windows) == count(fleet, schema.sketches) == 8
        fleet.record_many((name, DAY, reference) for name in NAMES)
        assert count(fleet, schema.windows) == count(fleet, schema.sketches) == 30


def test_the_second_of_two_assessors_says_so_or_waits(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, refused = Lease._take, threading.Event()

    def watched(lease: Lease) -> str | None:
        other = take(lease)
        if other is not None:
            refused.set()
        return other

    with Fleet(database_url) as first, Fleet(database_url) as second:
        fill(first)
        lease = Lease(first.database, "assess")
        with lease.held(wait=0):
            with pytest.raises(StateError, match="expected to be the only one at 'assess'"):
                second.assess(DAY, wait=0)
            monkeypatch.setattr(Lease, "_take", watched)
            done: list[Any] = []
            thread = threading.Thread(target=lambda: done.append(second.assess(DAY, wait=30)))
            thread.start()
            assert refused.wait(30)
            assert not done
        thread.join(30)
        assert len(done[0].alarmed) >= 5


def test_two_assessors_at_once_decide_once(database_url: str) -> None:
    with Fleet(database_url) as first, Fleet(database_url) as second:
        fill(first)
        found: list[Any] = []
        threads = [
            threading.Thread(target=lambda f=fleet: found.append(f.assess(DAY, wait=60).alarmed))
            for fleet in (first, second)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(found) == 2
        assert found[0] == found[1]
        assert count(first, schema.results) == len(NAMES)
        assert len([i for i in first.incidents() if len(i.members) > 1]) == 1


def test_many_writers_at_once_lose_nothing(database_url: str) -> None:
    """Four recorders of the same models, each in another order, with windows of their own."""
    with Fleet(database_url) as fleet:
        reference = Sketch.fit(rows(0), cells=64)
        fleet.add_many((Model(name), reference) for name in NAMES)
        failed: list[Exception] = []

        def write(number: int) -> None:
            names = NAMES[number:] + NAMES[:number]
            names = names[::-1] if number % 2 else names
            try:
                for hour in range(3):
                    window = Window.of(DAY.start + timedelta(hours=4 * hour + number), hours=1)
                    fleet.record_many((name, window, reference) for name in names)
                fleet.record_many((name, DAY, reference) for name in names)
            except Exception as error:
                failed.append(error)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failed == []
        assert count(fleet, schema.windows) == count(fleet, schema.sketches) == 13 * len(NAMES)


def test_who_is_taken_for_dead_cannot_write(database_url: str) -> None:
    with Fleet(database_url) as first, Fleet(database_url) as second:
        early = Lease(first.database, "assess", seconds=0.2)
        early._renew = lambda over: None  # type: ignore[method-assign] # as if it hung
        with early.held(wait=0):
            late = Lease(second.database, "assess")
            with late.held(wait=5):
                assert late.token > early.token
                with (
                    pytest.raises(StateError, match="another in its place"),
                    first.database.writing() as tx,
                ):
                    early.check(tx)
                with second.database.writing() as tx:
                    late.check(tx)


def test_the_lease_of_a_dead_process_is_free_at_once(tmp_path: Path) -> None:
    with Fleet(f"sqlite:///{tmp_path / 'fleet.db'}") as fleet:
        with fleet.database.writing() as tx:
            fleet.database.upsert(
                tx,
                schema.leases,
                [
                    {
                        "name": "assess",
                        "holder": f"{os.uname().nodename}/{2**22 + 5}/x",
                        "token": 1,
                        "expires": time.time() + 1000,
                    }
                ],
                by=["name"],
            )
        with Lease(fleet.database, "assess").held(wait=0):
            pass


@pytest.fixture(params=["postgres", "mysql"])
def server_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database of a server, of each kind in turn."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


def test_a_database_that_goes_in_the_middle_is_gone_on_with(
    server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Fleet(server_url) as fleet:
        fill(fleet)
        monkeypatch.setattr(judging, "CHUNK", 10)
        keep, chunks = judging.keep_results, []

        def cut_off(*args: Any) -> None:
            chunks.append(1)
            if len(chunks) == 2:
                _kill_own(args[1], server_url)
            keep(*args)

        monkeypatch.setattr(judging, "keep_results", cut_off)
        with pytest.raises(ServiceError, match=r"expected the database .* to answer"):
            fleet.assess(DAY)
        assert count(fleet, schema.results) == 10
        assert fleet.summary().alarmed == 0
        monkeypatch.setattr(judging, "keep_results", keep)
        result = fleet.assess(DAY, wait=60)
        assert count(fleet, schema.results) == len(NAMES)
        assert count(fleet, schema.assessments) == 1
        assert fleet.summary().alarmed == len(result.alarmed)


def _kill_own(tx: Any, url: str) -> None:
    """End the very connection a transaction is on."""
    postgres = tx.dialect.name == "postgresql"
    number = tx.scalar(text("SELECT pg_backend_pid()" if postgres else "SELECT CONNECTION_ID()"))
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(
            text(f"SELECT pg_terminate_backend({number})" if postgres else f"KILL {number}")
        )
    engine.dispose()


def test_a_locked_file_is_said_and_the_next_call_goes_on(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'fleet.db'}"
    with Fleet(url, busy_timeout=0.2) as fleet:
        fill(fleet)
        with Fleet(url).database.writing(), pytest.raises(ServiceError, match="locked"):
            fleet.assess(DAY, wait=0)
        assert fleet.assess(DAY).alarmed


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    path.write_text("no database " * 500)
    with pytest.raises(ServiceError, match="not a database"):
        Fleet(f"sqlite:///{path}")


def test_a_broken_sketch_is_cannot_say_for_its_model_alone(database_url: str) -> None:
    with Fleet(database_url, now=lambda: DAY.end + timedelta(hours=1)) as fleet:
        fill(fleet)
        with fleet.database.writing() as tx:
            joined = schema.windows.join(schema.models)
            named = select(schema.windows.c.id).select_from(joined)
            first = tx.scalar(named.where(schema.models.c.name == "m00"))
            tx.execute(
                schema.sketches.update()
                .where(schema.sketches.c.window_id == first)
                .values(content=b"broken")
            )
        result = fleet.assess(DAY)
        assert len(result) == len(NAMES)
        assert "m00" in result.cannot_say
        assert "bytes that are broken" in result["m00"].features[0].words
        assert fleet.status("m00").state == "cannot say"
        assert set(result.alarmed) >= set(NAMES[1:5])


@pytest.mark.parametrize("control", ["benjamini_hochberg", "hierarchical"])
@pytest.mark.parametrize("at_once", [1, 7])
def test_any_number_at_once_gives_the_same_decisions(
    at_once: int, control: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten thousand models are measured in parts, and judged as one list all the same."""
    with Fleet("sqlite://") as fleet:
        fill(fleet)
        fleet.record("m07", DAY, rows(8).assign(a="text", c=1.0))
        fleet.add(Model("empty"), rows(0))
        fleet.record("empty", DAY, failures=("it did not come",))
        whole = fleet.assess(DAY, control=control)
        kept = [fleet.drift(name).to_dict() for name in NAMES]
        monkeypatch.setattr(judging, "AT_ONCE", at_once)
        parts = fleet.assess(DAY, control=control)
        assert [r.to_dict() for r in parts] == [r.to_dict() for r in whole]
        assert parts.to_dict() == whole.to_dict()
        assert repr(parts) == repr(whole)
        assert (parts.alarmed, parts.cannot_say) == (whole.alarmed, whole.cannot_say)
        assert set(parts.cannot_say) == {"m07", "empty"}
        assert [fleet.drift(name).to_dict() for name in NAMES] == kept
        assert kept == [whole[name].to_dict() for name in NAMES]
        one = parts["m00"]
        assert one.current.digest == whole["m00"].current.digest
        assert one.reference.digest == fleet.reference("m00").digest
        assert one.to_evidence().inputs == whole["m00"].to_evidence().inputs
