"""MLflow: what was logged comes back, the registry fills the catalogue, and nothing comes twice."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests
from tests.monitoring.watching import eventually, free_port

from modelward.core.errors import DataError, ServiceError
from modelward.monitoring import Sketch
from modelward.monitoring.fleet import registry
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.fleet.records import Model, Window
from modelward.monitoring.outputs.mlflow import (
    asked,
    load_reference,
    log_reference,
)

DAY = Window.of("2026-03-01", hours=24)


def rows(seed: int, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"a": rng.normal(shift, 1, 500), "b": rng.normal(0, 1, 500)})


class Tracking:
    """An MLflow store with registered models in it."""

    def __init__(self, folder: Path, empty: Path) -> None:
        shutil.copy(empty, folder / "mlflow.db")
        self.uri = f"sqlite:///{folder / 'mlflow.db'}"
        with asked(self.uri) as client:
            self.experiment = client.create_experiment(
                "training", artifact_location=(folder / "artifacts").as_uri()
            )
            self.client = client

    def version(
        self, name: str, reference: Sketch | None = None, tags: dict[str, str] | None = None
    ) -> str:
        with asked(self.uri) as client:
            if not client.search_registered_models(f"name = '{name}'"):
                client.create_registered_model(name, tags=tags)
            run = client.create_run(self.experiment).info.run_id
            if reference is not None:
                log_reference(run, reference, tracking_uri=self.uri)
            made = client.create_model_version(name, f"runs:/{run}/model", run)
            return str(made.version)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of MLflow's with nothing in it, to be copied: making one takes seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "empty.db"
    with asked(f"sqlite:///{path}") as client:
        client.search_experiments()
    return path


@pytest.fixture
def tracking(tmp_path: Path, empty: Path) -> Tracking:
    return Tracking(tmp_path, empty)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with Fleet(f"sqlite:///{tmp_path / 'fleet.db'}", now=lambda: DAY.end) as made:
        yield made


def test_a_reference_comes_back_from_its_run(tracking: Tracking) -> None:
    run = tracking.client.create_run(tracking.experiment).info.run_id
    sketch = Sketch.fit(rows(0))
    with pytest.raises(DataError, match="expected a reference sketch with the run"):
        load_reference(run, tracking_uri=tracking.uri)
    assert log_reference(run, sketch, tracking_uri=tracking.uri) == sketch.digest
    assert load_reference(run, tracking_uri=tracking.uri).digest == sketch.digest
    with pytest.raises(DataError, match="expected a run of MLflow"):
        log_reference("nothing", sketch, tracking_uri=tracking.uri)


def test_a_reference_that_was_changed_is_refused(tracking: Tracking, tmp_path: Path) -> None:
    run = tracking.client.create_run(tracking.experiment).info.run_id
    log_reference(run, Sketch.fit(rows(0)), tracking_uri=tracking.uri)
    [path] = (tmp_path / "artifacts").rglob("reference.sketch.json")
    Sketch.fit(rows(1)).save(path)
    with pytest.raises(DataError, match="with the digest"):
        load_reference(run, tracking_uri=tracking.uri)


def test_the_registry_fills_the_catalogue(
    tracking: Tracking, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "PAGE", 3)
    monkeypatch.setattr(registry, "RUNS", 2)
    reference = Sketch.fit(rows(0))
    tags = {"owner": "risk", "modelward.group": "cards", "traffic": "1e5", "criticality": "high"}
    tracking.version("fraud", reference, tags | {"source:a": "crm.a", "task": "classification"})
    for i in range(7):
        tracking.version(f"m{i}")
    tracking.client.create_registered_model("empty")
    fleet.add(Model("mine", registered="m3", owner="me", traffic=7.0))
    report = fleet.sync_mlflow(tracking_uri=tracking.uri)
    assert report.seen == 9
    assert sorted(report.added) == ["empty", "fraud", "m0", "m1", "m2", "m4", "m5", "m6"]
    assert report.changed == ["mine"]
    assert report.references == ["fraud"]
    assert report.problems == ["fraud: criticality 'high' is no number >= 0"]
    fraud = fleet.model("fraud")
    assert (fraud.owner, fraud.group, fraud.traffic, fraud.criticality) == ("risk", "cards", 1e5, 1)
    assert (fraud.registered, fraud.version, fraud.task) == ("fraud", "1", "classification")
    assert fraud.tags["source:a"] == "crm.a"
    assert fleet.reference("fraud").digest == fraud.reference == reference.digest
    mine = fleet.model("mine")
    assert (mine.owner, mine.traffic, mine.version) == ("me", 7.0, "1"), "what MLflow does not say"
    assert fleet.model("empty").version is None
    assert len(fleet.models()) == 9
    assert len(fleet.events()) == 8
    again = fleet.sync_mlflow(tracking_uri=tracking.uri)
    assert (again.seen, again.added, again.changed, again.deployed) == (9, [], [], [])
    assert again.references == []
    assert len(fleet.events()) == 8


def test_another_version_is_a_deployment(tracking: Tracking, fleet: Fleet) -> None:
    before = datetime.now(UTC)
    first, second = Sketch.fit(rows(0)), Sketch.fit(rows(1))
    tracking.version("fraud", first)
    fleet.sync_mlflow(tracking_uri=tracking.uri)
    [event] = fleet.events("fraud")
    assert (event.kind, event.version) == ("deployment", "1")
    assert before.timestamp() - 1 < event.at.timestamp() < time.time() + 1
    tracking.version("fraud", second)
    tracking.client.set_registered_model_alias("fraud", "champion", "1")
    assert fleet.sync_mlflow(tracking_uri=tracking.uri).deployed == []
    tracking.client.set_registered_model_alias("fraud", "champion", "2")
    tracking.client.set_model_version_tag("fraud", "2", "modelward.deployed", "2026-02-28T10:00")
    assert fleet.sync_mlflow(tracking_uri=tracking.uri).deployed == ["fraud"]
    assert {e.version: e.at for e in fleet.events("fraud")}["2"].isoformat()[:16] == (
        "2026-02-28T10:00"
    )
    assert fleet.reference("fraud").digest == second.digest
    tracking.version("fraud")
    assert fleet.sync_mlflow(tracking_uri=tracking.uri, alias=None).deployed == ["fraud"]
    assert fleet.model("fraud").version == "3"


def test_results_are_tags_of_the_version_and_metrics_of_the_run(
    tracking: Tracking, fleet: Fleet
) -> None:
    tracking.version("fraud", Sketch.fit(rows(0)))
    tracking.version("idle")
    fleet.sync_mlflow(tracking_uri=tracking.uri)
    fleet.record("fraud", DAY, rows(1, shift=1.0), failures=["x" * 20_000])
    fleet.assess(DAY)
    for _ in range(2):
        assert fleet.tell_mlflow(tracking_uri=tracking.uri) == 1
    tags = tracking.client.get_model_version("fraud", "1").tags
    assert tags["modelward.state"] == "alarmed"
    assert tags["modelward.drifted"] == "a"
    assert len(tags["modelward.failures"]) == 5_000
    run = fleet.model("fraud").run_id
    [metric] = tracking.client.get_metric_history(run, "modelward.features_drifted")
    assert (metric.value, metric.timestamp) == (1.0, DAY.end.timestamp() * 1000), "once"


def test_a_broken_reference_does_not_stop_the_others(
    tracking: Tracking, fleet: Fleet, tmp_path: Path
) -> None:
    tracking.version("a-good", Sketch.fit(rows(0)))
    tracking.version("b-bad", Sketch.fit(rows(1)))
    bad = max((tmp_path / "artifacts").rglob("reference.sketch.json"), key=os.path.getmtime)
    bad.write_text("{")
    report = fleet.sync_mlflow(tracking_uri=tracking.uri)
    assert report.references == ["a-good"]
    [problem] = report.problems
    assert problem.startswith("b-bad: expected a sketch in")


def test_mlflow_gone_in_the_middle_goes_on_with_the_next_call(
    tracking: Tracking, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "PAGE", 4)
    for i in range(10):
        tracking.version(f"m{i}")
    reached = 0

    def going_down(uri: str) -> None:
        nonlocal reached
        reached += 1
        if reached == 3:
            raise ServiceError("expected MLflow to answer, got: nothing")

    monkeypatch.setattr(registry, "reach", going_down)
    with pytest.raises(ServiceError):
        fleet.sync_mlflow(tracking_uri=tracking.uri)
    assert len(fleet.models()) == len(fleet.events()) == 8, "two whole pages"
    fleet.sync_mlflow(tracking_uri=tracking.uri)
    assert len(fleet.models()) == len(fleet.events()) == 10


def test_nobody_there_is_said_at_once(fleet: Fleet) -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    start = time.monotonic()
    with pytest.raises(ServiceError, match=r"expected MLflow at http://127\.0\.0\.1"):
        fleet.sync_mlflow(tracking_uri=f"http://127.0.0.1:{port}")
    assert time.monotonic() - start < 20


@pytest.fixture
def server(tracking: Tracking, tmp_path: Path) -> Iterator[Any]:
    """A real tracking server over the same store."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port)]
    command += ["--host", "127.0.0.1", "--backend-store-uri", tracking.uri]
    command += ["--artifacts-destination", str(tmp_path / "artifacts")]
    log = tmp_path / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True)
    uri = f"http://127.0.0.1:{port}"

    def up() -> bool:
        assert process.poll() is None, log.read_text()
        return requests.get(f"{uri}/health", timeout=2).ok

    try:
        eventually("MLflow's server answers", up, log=log)
        yield uri, process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


@pytest.mark.slow
def test_a_real_server_is_asked_in_pages_and_may_die(
    tracking: Tracking, fleet: Fleet, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, process = server
    monkeypatch.setattr(registry, "PAGE", 3)
    tracking.version("a", Sketch.fit(rows(0)))
    for i in range(6):
        tracking.version(f"m{i}")
    keep = registry._keep

    def keep_and_kill(*args: Any) -> None:
        keep(*args)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)

    monkeypatch.setattr(registry, "_keep", keep_and_kill)
    with pytest.raises(ServiceError, match="to answer"):
        fleet.sync_mlflow(tracking_uri=uri)
    assert [m.name for m in fleet.models()] == ["a", "m0", "m1"]
    assert fleet.reference("a").rows == 500
    monkeypatch.setattr(registry, "_keep", keep)
    fleet.sync_mlflow(tracking_uri=tracking.uri)
    assert len(fleet.models()) == len(fleet.events()) == 7


def test_mlflow_is_imported_only_when_asked() -> None:
    code = (
        "import sys, modelward.monitoring.fleet.fleet, modelward.monitoring.outputs.mlflow;"
        "sys.exit('mlflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
