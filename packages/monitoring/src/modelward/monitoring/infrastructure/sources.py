"""Runs that others know of: MLflow's, and the retrainings in an adaptive pipeline's ledger."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from modelward.core.errors import ServiceError
from modelward.core.optional import require
from modelward.monitoring.fleet.records import LONGEST_NAME, Event
from modelward.monitoring.infrastructure.records import RunState, WorkflowRun

if TYPE_CHECKING:
    from mlflow.entities import Run

_STATES: dict[str, RunState] = {
    "SCHEDULED": "queued",
    "RUNNING": "running",
    "FINISHED": "succeeded",
    "FAILED": "failed",
    "KILLED": "failed",
}
PAGE = 1_000


def mlflow_runs(
    tracking_uri: str, *, since: datetime | None = None, experiments: list[str] | None = None
) -> Iterator[WorkflowRun]:
    """Give the runs of an MLflow tracking store, each as a run of the workflow named by its experiment.

    `since` leaves out what started earlier; `experiments` are names (default: all). Pages of 1,000
    runs, so that memory stays flat. Raises `ServiceError` when MLflow does not answer.
    """
    require("mlflow", feature="runs from MLflow", install="'./packages/monitoring[mlflow]'")
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    try:
        client = MlflowClient(tracking_uri)
        names = {
            experiment.experiment_id: experiment.name
            for experiment in _experiments(client)
            if experiments is None or experiment.name in experiments
        }
        wanted = "" if since is None else f"attributes.start_time >= {_milliseconds(since)}"
        token: str | None = None
        while names:
            page = client.search_runs(
                list(names), filter_string=wanted, max_results=PAGE, page_token=token
            )
            for run in page:
                yield _of_mlflow(run, names[run.info.experiment_id])
            token = page.token
            if not token:
                return
    except MlflowException as error:
        raise ServiceError(
            f"expected MLflow at {tracking_uri} to answer, got: {error.message}",
            hint="is the server up, and the address right?",
        ) from error


def pipeline_runs(url: str) -> Iterator[WorkflowRun]:
    """Give the retrainings of an adaptive pipeline, from the ledger in its database.

    Needs `modelward.adaptive_pipeline`; the database is only read. Raises `DataError` where there is
    no pipeline.
    """
    started: float | None = None
    for entry in _ledger(url):
        if entry.kind == "decision" and entry.body.get("start"):
            started = entry.at
        elif entry.kind == "retraining":
            version = entry.body.get("version")
            yield WorkflowRun(
                name="retraining",
                run_id=str(entry.number),
                state="succeeded" if version else "failed",
                started=None if started is None else datetime.fromtimestamp(started, UTC),
                ended=datetime.fromtimestamp(max(entry.at, started or entry.at), UTC),
                retries=max(0, int(entry.body.get("attempt", 1)) - 1),
                source=url.rsplit("@", maxsplit=1)[-1][:LONGEST_NAME],
                error="" if version else str(entry.body.get("because", "")),
            )
            started = None


def pipeline_events(url: str, *, model: str) -> Iterator[Event]:
    """Give the retrainings, promotions and rollbacks of an adaptive pipeline as events of a model."""
    for entry in _ledger(url):
        at, body = datetime.fromtimestamp(entry.at, UTC), entry.body
        if entry.kind == "retraining" and body.get("version"):
            version = str(body["version"])
            yield Event("retraining", at, f"version {version} trained", model, version)
        elif entry.kind in {"promotion", "rollback"}:
            version = str(body.get("to", ""))
            yield Event("deployment", at, f"{entry.kind} to version {version}", model, version)


def _ledger(url: str) -> list[Any]:
    pipeline = require(
        "modelward.adaptive_pipeline",
        feature="runs from a pipeline's ledger",
        install="./packages/adaptive_pipeline",
    )
    store = pipeline.Store(url, make=False)
    try:
        return list(pipeline.Ledger(store).entries())
    finally:
        store.close()


def _experiments(client: Any) -> Iterator[Any]:
    token: str | None = None
    while True:
        page = client.search_experiments(max_results=PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _of_mlflow(run: Run, workflow: str) -> WorkflowRun:
    info = run.info
    started = None if info.start_time is None else info.start_time / 1000
    ended = None if info.end_time is None else info.end_time / 1000
    return WorkflowRun(
        name=workflow[:LONGEST_NAME],
        run_id=info.run_id,
        state=_STATES.get(info.status, "lost"),
        started=None if started is None else datetime.fromtimestamp(started, UTC),
        ended=None if ended is None else datetime.fromtimestamp(max(ended, started or ended), UTC),
        source="mlflow",
    )


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
