"""Runs that others know of, from a real MLflow store and from a real pipeline's ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from modelward.core.errors import DataError
from modelward.monitoring.infrastructure import sources
from modelward.monitoring.infrastructure.sources import (
    mlflow_runs,
    pipeline_events,
    pipeline_runs,
)


@pytest.fixture
def tracking(tmp_path) -> str:
    from mlflow.tracking import MlflowClient

    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = MlflowClient(uri)
    nightly = client.create_experiment("nightly", artifact_location=str(tmp_path / "artifacts"))
    for i, state in enumerate(["FINISHED", "FAILED", "KILLED", None]):
        run = client.create_run(nightly, start_time=1_000 * (i + 1))
        if state:
            client.set_terminated(run.info.run_id, state, end_time=1_000 * (i + 1) + 500)
    other = client.create_experiment("other", artifact_location=str(tmp_path / "artifacts"))
    client.create_run(other, start_time=10_000)
    return uri


def test_mlflow_runs_become_runs_of_the_experiment(tracking, monkeypatch):
    monkeypatch.setattr(sources, "PAGE", 2)  # several pages
    runs = {run.started: run for run in mlflow_runs(tracking, experiments=["nightly"])}
    states = [runs[at].state for at in sorted(runs)]
    assert states == ["succeeded", "failed", "failed", "running"]
    assert {run.name for run in runs.values()} == {"nightly"}
    assert runs[min(runs)].duration_seconds == 0.5
    assert len(list(mlflow_runs(tracking))) == 5


def test_mlflow_runs_can_begin_at_a_moment(tracking):
    late = mlflow_runs(tracking, since=datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=4))
    assert sorted(run.name for run in late) == ["nightly", "other"]


def test_a_pipeline_s_ledger_gives_runs_and_events(tmp_path):
    pipeline = pytest.importorskip("modelward.adaptive_pipeline")
    url = f"sqlite:///{tmp_path / 'pipeline.db'}"
    store = pipeline.Store(url)
    times = iter([100.0, 130.0, 200.0, 210.0, 220.0])
    ledger = pipeline.Ledger(store, clock=lambda: next(times))
    ledger.append("decision", {"start": True})
    ledger.append("retraining", {"version": "2", "attempt": 1})
    ledger.append("decision", {"start": True})
    ledger.append("retraining", {"version": None, "because": "it raised", "attempt": 3})
    ledger.append("promotion", {"from": "1", "to": "2"})
    store.close()
    first, second = pipeline_runs(url)
    assert (first.state, first.duration_seconds, first.retries) == ("succeeded", 30.0, 0)
    assert (second.state, second.retries, second.error) == ("failed", 2, "it raised")
    assert [(e.kind, e.version) for e in pipeline_events(url, model="fraud")] == [
        ("retraining", "2"),
        ("deployment", "2"),
    ]


def test_a_database_without_a_pipeline_is_left_as_it_is(tmp_path):
    pytest.importorskip("modelward.adaptive_pipeline")
    with pytest.raises(DataError, match="no file"):
        list(pipeline_runs(f"sqlite:///{tmp_path / 'none.db'}"))
    assert list(tmp_path.iterdir()) == []
