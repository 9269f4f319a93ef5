"""Workflows, resources and services: what is told of each run, and what is found by absence."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta

import pytest

from modelward.core.errors import DataError, ServiceError
from modelward.monitoring.infrastructure.health import workflow_health
from modelward.monitoring.infrastructure.records import WorkflowRun
from modelward.monitoring.infrastructure.resources import sample_resources
from modelward.monitoring.infrastructure.services import ServiceMetrics
from modelward.monitoring.infrastructure.workflows import track_workflow

DAY = 86_400.0


class Book:
    """Keeps runs by source and run id, as a fleet does."""

    def __init__(self) -> None:
        self.runs: dict[tuple[str, str], WorkflowRun] = {}
        self.told: list[str] = []

    def workflow(self, run: WorkflowRun) -> None:
        self.runs[run.source, run.run_id] = run
        self.told.append(run.state)

    @property
    def only(self) -> WorkflowRun:
        (run,) = self.runs.values()
        return run


def test_a_tracked_block_is_told_when_it_starts_and_when_it_ends():
    book = Book()
    asked = datetime.now(UTC) - timedelta(seconds=5)
    with track_workflow(book, "load", queued=asked) as work:
        assert book.only.state == "running"
        work.retried()
    assert book.told == ["running", "running", "succeeded"]
    assert book.only.retries == 1
    assert book.only.queue_seconds == pytest.approx(5, abs=1)
    assert book.only.duration_seconds is not None


def test_an_exception_is_recorded_and_goes_on():
    book = Book()
    with pytest.raises(KeyboardInterrupt), track_workflow(book, "load"):
        raise KeyboardInterrupt
    assert book.only.state == "failed"
    assert book.only.error.startswith("KeyboardInterrupt")


def test_each_call_of_a_decorated_function_is_a_run_of_its_own():
    book = Book()

    @track_workflow(book, "sum", retries=1)
    def fact(n: int) -> int:
        return 1 if n == 0 else n * fact(n - 1)

    assert fact(3) == 6
    assert fact.__name__ == "fact"
    assert [run.state for run in book.runs.values()] == ["succeeded"] * 4
    assert all(run.retries == 1 for run in book.runs.values())


def test_a_book_that_does_not_answer_stops_no_work(caplog):
    class Gone:
        def workflow(self, run: WorkflowRun) -> None:
            raise ServiceError("expected the database to answer, got: gone")

    with caplog.at_level(logging.WARNING), track_workflow(Gone(), "load"):
        done = True
    assert done
    assert "the run of 'load' was not recorded" in caplog.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "x" * 10_000},
        {"state": "done"},
        {"started": 10.0, "ended": 9.0},
        {"started": "yesterday"},
    ],
)
def test_a_wrong_run_is_refused(wrong):
    with pytest.raises(DataError, match="expected"):
        WorkflowRun(**({"name": "load", "run_id": "1", "state": "succeeded"} | wrong))


def daily(days: int, *, failed: tuple[int, ...] = (), name: str = "load") -> list[WorkflowRun]:
    return [
        WorkflowRun(
            name,
            str(i),
            "failed" if i in failed else "succeeded",
            queued=i * DAY - 30,
            started=i * DAY,
            ended=i * DAY + 60 + i,
        )
        for i in range(days)
    ]


def test_health_counts_and_times_the_runs():
    (health,) = workflow_health(daily(10, failed=(3, 9)), at=9.5 * DAY)
    assert (health.runs, health.succeeded, health.failed) == (10, 8, 2)
    assert health.last_state == "failed"
    assert health.every == DAY
    assert health.median_queue == 30
    assert health.last_duration == 68
    assert not health.overdue


def test_a_workflow_that_stops_coming_or_only_fails_is_overdue():
    silent = workflow_health(daily(10), at=(9 + 3.1) * DAY)
    failing = workflow_health(daily(10, failed=(6, 7, 8, 9)), at=9 * DAY)
    never = workflow_health(daily(10, failed=tuple(range(10))), at=9 * DAY)
    assert silent[0].overdue
    assert failing[0].overdue
    assert never[0].overdue
    assert never[0].last_success is None


def test_the_overdue_come_first():
    runs = [*daily(10, name="a"), *daily(5, name="b"), *daily(10, failed=(9,), name="c")]
    assert [h.name for h in workflow_health(runs, at=10 * DAY)] == ["b", "c", "a"]


def test_resources_are_of_this_machine():
    sample = sample_resources(interval=0.01)
    assert 0 <= sample.values["cpu_ratio"] <= 1
    assert 0 < sample.values["memory_used_bytes"] < sample.values["memory_total_bytes"]
    assert 0 < sample.values["disk_used_bytes"] <= sample.values["disk_total_bytes"]
    with pytest.raises(DataError, match="folder"):
        sample_resources(disk="/no/such/folder")


def test_a_watched_service_counts_errors_and_time():
    metrics = ServiceMetrics()

    async def app(scope, receive, send):
        if scope["path"] == "/crash":
            raise RuntimeError("crash")
        status = 503 if scope["path"] == "/down" else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    watched = metrics.watch(app, "fraud")
    sent = []

    async def send(message):
        sent.append(message)

    async def ask(path):
        await watched({"type": "http", "path": path}, None, send)

    asyncio.run(ask("/"))
    asyncio.run(ask("/down"))
    with pytest.raises(RuntimeError, match="crash"):
        asyncio.run(ask("/crash"))
    text = metrics.render().decode()
    assert 'modelward_monitoring_service_requests_total{outcome="ok",service="fraud"} 1.0' in text
    assert (
        'modelward_monitoring_service_requests_total{outcome="error",service="fraud"} 2.0' in text
    )
    assert 'modelward_monitoring_service_seconds_count{service="fraud"} 3.0' in text
    assert [m["status"] for m in sent if m["type"] == "http.response.start"] == [200, 503]
