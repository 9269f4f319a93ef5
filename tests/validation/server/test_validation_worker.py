"""The worker: takes over from another, never works beside one, and bears jobs that are odd."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.validation.server.conftest import product
from tests.validation.server.serving import wait_for

from modelward.core.errors import ServiceError
from modelward.validation.server import Database, Service, Worker
from modelward.validation.server import worker as worker_module
from modelward.validation.server.engine import Engine, Pace
from modelward.validation.server.store import queue
from modelward.validation.server.store.access import tenant_id

Make = Callable[..., int]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    database = Database(f"sqlite:///{tmp_path / 'v.db'}")
    yield Service(database, tenant=tenant_id(database, "ours"))
    database.close()


def tell_all(
    service: Service, job: int, outcome: Callable[[dict[str, Any]], dict[str, Any]]
) -> int:
    leased = service.lease_runs(job, 100)["runs"]
    told = [{"number": r["number"], "lease": r["lease"], **outcome(r["point"])} for r in leased]
    if told:
        service.tell_runs(job, told)
    return len(told)


def right(point: dict[str, Any]) -> dict[str, Any]:
    return {"results": {"z": product(point)}}


def test_another_worker_goes_on_where_the_first_ended(
    service: Service, make_job: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "CLAIM_SECONDS", 600.0)  # nobody prolongs it here
    job = make_job(service)
    first = Worker(service.database, steady=True)
    for _ in range(4):
        first.look()
        tell_all(service, job, right)
    with service.database.reading() as tx:
        before = {row.number: row.proposal for row in queue.listed(tx, job)}
    second = Worker(Database(service.database.url), steady=True)
    assert not second.look()  # the job is the first's
    first.release()
    for _ in range(4):
        second.look()
        tell_all(service, job, right)
    with service.database.reading() as tx:
        rows = queue.listed(tx, job)
    assert [row.number for row in rows] == list(range(len(rows)))
    assert len(rows) > len(before) > 8
    # What was foretold before the change is what it was; no point came twice.
    assert {row.number: row.proposal for row in rows[: len(before)]} == before
    assert len({str(row.point) for row in rows}) == len(rows)
    second.release()
    second.database.close()


def test_two_workers_share_the_jobs(service: Service, make_job: Make) -> None:
    jobs = [make_job(service, f"job {i}") for i in range(3)]
    over = threading.Event()
    workers = [Worker(Database(service.database.url), poll=0.02) for _ in range(2)]
    threads = [threading.Thread(target=worker.run, args=(over,)) for worker in workers]
    for thread in threads:
        thread.start()
    told = dict.fromkeys(jobs, 0)

    def enough() -> bool:
        for job in jobs:
            told[job] += tell_all(service, job, right)
        return min(told.values()) >= 8

    wait_for(enough, seconds=240)
    over.set()
    for thread in threads:
        thread.join()
    for worker in workers:
        worker.database.close()
    for job in jobs:
        assert service.get_job(job)["stopped"] is None
        rows = service.list_runs(job, limit=1_000)["runs"]
        assert [row["number"] for row in rows] == list(range(len(rows)))


@pytest.mark.parametrize(
    "outcome",
    [{"results": {"z": 0.0}}, {"results": {"z": 1.0}}, {"crash": "always"}],
    ids=["none-fails", "all-fail", "always-crashes"],
)
def test_odd_systems_are_borne(service: Service, make_job: Make, outcome: dict[str, Any]) -> None:
    job = make_job(service)
    worker = Worker(service.database, steady=True)
    for _ in range(4):
        worker.look()
        tell_all(service, job, lambda _: outcome)
    while worker.look():
        pass
    found = service.certainty(job)
    assert found["told"] == service.explanation(job)["told"] >= 12
    share = found["outputs"]["z"]["failure_probability"]
    assert share["low"] <= float(outcome != {"results": {"z": 0.0}}) <= share["high"]
    assert service.get_job(job)["stopped"] is None


def test_a_proposer_that_fails_stops_its_job_alone(
    service: Service, make_job: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = make_job(service, "bad"), make_job(service, "good")
    refill = Engine.refill

    def failing(self: Engine, ready: int, leased: int) -> int:
        if self.job == bad:
            raise ZeroDivisionError("no way")
        return refill(self, ready, leased)

    monkeypatch.setattr(Engine, "refill", failing)
    worker = Worker(service.database, steady=True)
    worker.look()
    reason = service.get_job(bad)["stopped"]
    assert reason == "the proposer failed: ZeroDivisionError: no way"
    assert service.lease_runs(bad)["stopped"] == reason
    assert service.lease_runs(good)["runs"]


def test_a_database_that_is_away_is_asked_again(
    service: Service, make_job: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(service)
    worker = Worker(service.database, steady=True)
    monkeypatch.setattr(queue, "put", lambda *_: (_ for _ in ()).throw(ServiceError("away")))
    assert not worker.look()  # what was proposed and not written is forgotten
    monkeypatch.undo()
    worker._round = 0
    worker.look()
    assert [r["number"] for r in service.lease_runs(job, 2)["runs"]] == [0, 1]


def test_the_queue_grows_with_what_is_asked_for() -> None:
    pace = Pace()
    pace.refilled(given=0, now=0.0)
    pace.busy(1.0)
    for second in range(1, 8):  # everything is taken at once
        target = pace.refilled(given=100 * second, now=float(second))
    assert target == 200
    for second in range(8, 12):  # nothing is taken any more
        target = pace.refilled(given=700, now=float(second))
    assert target == 4
    assert pace.target(told=2_000) == 40
