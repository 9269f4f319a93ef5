"""Server, worker and database die under load: no told result is lost, and no point is given twice."""

from __future__ import annotations

import shutil
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import unavailable
from tests.validation.server.conftest import product
from tests.validation.server.serving import Processes, free_port, wait_for

from modelward.core.database import has_ended
from modelward.validation.client.objects import Job
from modelward.validation.client.remote import Remote
from modelward.validation.server.service import Service
from modelward.validation.server.store.access import tenant_id
from modelward.validation.server.store.database import Database

pytestmark = pytest.mark.slow
CLIENTS, EACH = 20, 5
Make = Callable[..., int]


class Crowd:
    """Many clients at one job, each with a connection of its own; they note what was acknowledged."""

    def __init__(self, address: str, job: int) -> None:
        self.address, self.job = address, job
        self.told: list[tuple[int, float]] = []
        self._lock = threading.Lock()

    def client(self, runs: int) -> None:
        connection = Remote(self.address, retries=40, timeout=10)
        job = Job(connection, connection.get_job(self.job))
        for run in job.get_runs(runs, timeout=120):
            value = product(run.get_test_features())
            assert run.send(value) in {"kept", "again"}
            with self._lock:
                self.told.append((run.number, value))

    def during(self, trouble: Callable[[], None]) -> None:
        with ThreadPoolExecutor(CLIENTS) as pool:
            work = [pool.submit(self.client, EACH) for _ in range(CLIENTS)]
            trouble()
            for each in work:
                each.result(timeout=240)

    def have(self, n: int) -> None:
        wait_for(lambda: len(self.told) >= n, seconds=180, saying=f"only {len(self.told)} told")


def judge(database_url: str, job: int, crowd: Crowd) -> None:
    """See that each acknowledged result is there, each run was told once, and no point came twice."""
    assert len(crowd.told) == CLIENTS * EACH
    numbers = Counter(number for number, _ in crowd.told)
    assert {n: c for n, c in numbers.items() if c > 1} == {}
    database = Database(database_url)
    service = Service(database, tenant=tenant_id(database, "local"))
    rows: list[dict[str, Any]] = []
    after: int | None = -1
    while after is not None:
        page = service.list_runs(job, after=after, limit=1_000)
        rows, after = rows + page["runs"], page["next"]
    database.close()
    kept = {row["number"]: row["results"]["z"] for row in rows if row["state"] == "told"}
    assert kept == dict(crowd.told)
    assert [row["number"] for row in rows] == list(range(len(rows)))
    points = Counter(tuple(sorted(row["point"].items())) for row in rows)
    assert {p: c for p, c in points.items() if c > 1} == {}


def local_job(database_url: str, make_job: Make) -> int:
    database = Database(database_url)
    job = make_job(Service(database, tenant=tenant_id(database, "local")))
    database.close()
    return job


def test_server_and_worker_are_killed_under_load(
    database_url: str, processes: Processes, make_job: Make
) -> None:
    job = local_job(database_url, make_job)
    port = free_port()
    crowd = Crowd(processes.serve(database_url, port=port), job)
    processes.work(database_url)

    def trouble() -> None:
        crowd.have(15)
        processes.kill(processes.server)
        processes.serve(database_url, port=port, wait=False)
        crowd.have(45)
        processes.kill(processes.worker)
        processes.work(database_url)

    crowd.during(trouble)
    judge(database_url, job, crowd)


class MariaDb:
    """A MariaDB of this test alone, which may be killed."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"mysql+pymysql://root@127.0.0.1:{self.port}/validation"
        install = [
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={folder}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--user=root",
        ]
        subprocess.run(install, check=True, capture_output=True, timeout=120)
        self.process = self.start()
        self.sql("CREATE DATABASE validation")

    def start(self) -> subprocess.Popen[bytes]:
        command = [
            str(shutil.which("mariadbd", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")),
            "--no-defaults",
            f"--datadir={self.folder}",
            f"--port={self.port}",
            f"--socket={self.folder}/s",
            "--bind-address=127.0.0.1",
            "--user=root",
            "--innodb-buffer-pool-size=64M",
        ]
        with (self.folder.parent / "mariadb.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_for(self.answers, seconds=90, saying="MariaDB did not start")
        return self.process

    def answers(self) -> bool:
        assert self.process.poll() is None, (self.folder.parent / "mariadb.log").read_text()[
            -2_000:
        ]
        try:
            self.sql("SELECT 1")
        except OSError:
            return False
        return True

    def sql(self, statement: str) -> None:
        import pymysql

        try:
            with pymysql.connect(host="127.0.0.1", port=self.port, user="root") as connection:
                connection.cursor().execute(statement)
        except pymysql.err.OperationalError as error:
            raise OSError(str(error)) from error

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=30)


@pytest.fixture
def maria(tmp_path: Path) -> Iterator[MariaDb]:
    if shutil.which("mariadb-install-db") is None:
        unavailable("no MariaDB to start (Debian: apt-get install mariadb-server)")
    folder = tmp_path / "maria"
    folder.mkdir()
    found = MariaDb(folder)
    yield found
    found.kill()


def test_the_database_is_killed_under_load(
    maria: MariaDb, processes: Processes, make_job: Make
) -> None:
    job = local_job(maria.url, make_job)
    crowd = Crowd(processes.serve(maria.url), job)
    processes.work(maria.url)

    def trouble() -> None:
        for told in (15, 50):
            crowd.have(told)
            maria.kill()
            maria.start()

    crowd.during(trouble)
    assert processes.server.poll() is None, "the server outlives its database"
    assert processes.worker.poll() is None, "the worker outlives its database"
    judge(maria.url, job, crowd)


def test_a_worker_that_is_told_to_stop_gives_its_jobs_back(
    tmp_path: Path, processes: Processes, make_job: Make
) -> None:
    url = f"sqlite:///{tmp_path / 'v.db'}"
    job = local_job(url, make_job)
    worker = processes.work(url)
    database = Database(url)
    service = Service(database, tenant=tenant_id(database, "local"))
    wait_for(lambda: service.get_job(job)["runs"]["ready"] > 0, saying=processes.logs())
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=30) == 0
    with database.reading() as tx:
        assert tx.exec_driver_sql("SELECT worker_until FROM validation_jobs").scalar() == 0.0
    database.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["term", "kill"])
def test_the_workers_of_a_server_end_with_it(
    tmp_path: Path, processes: Processes, number: signal.Signals
) -> None:
    url, port = f"sqlite:///{tmp_path / 'v.db'}", free_port()
    server = processes.start("serve", "--port", str(port), "--workers", "1", database=url)
    wait_for((tmp_path / "v.db").is_file, saying=processes.logs())
    database = Database(url)

    def worker() -> str | None:
        with database.reading() as tx:
            return tx.exec_driver_sql("SELECT name FROM validation_workers").scalar()

    wait_for(worker, saying=processes.logs())
    name = worker() or ""
    assert not has_ended(name)
    server.send_signal(number)
    server.wait(timeout=60)
    wait_for(lambda: has_ended(name), saying=processes.logs())
    database.close()
