"""The fleet example tells its story: what is broken is found, what is healthy is left alone."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture(scope="module")
def example(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "monitor_fleet", root / "examples/monitor_fleet.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules["monitor_fleet"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def told(
    example: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("fleet")
    example.MODELS = 60  # the short form; the whole has 300
    return folder, example.main(folder / "run")


@pytest.mark.slow
def test_what_is_broken_is_found_and_little_else(told: tuple[Path, dict[str, Any]]) -> None:
    _, figures = told
    assert figures["broken"] == 15
    assert figures["recall"] >= 0.9
    assert figures["precision"] >= 0.8
    assert max(figures["alarmed_on_healthy_days"]) <= 2
    assert figures["models_in_the_shared_incident"] == 5
    for plain in figures["plain_thresholds"].values():
        assert plain["precision"] < figures["precision"]
    assert figures["ok"]


@pytest.mark.slow
def test_page_and_evidence_are_written(told: tuple[Path, dict[str, Any]]) -> None:
    from modelward.core.evidence import Evidence

    folder, _ = told
    page = (folder / "run" / "index.html").read_text("utf-8")
    assert "worst area" in page
    assert Evidence.load(folder / "run" / "evidence.json").kind == "monitoring.fleet"


@pytest.mark.slow
def test_the_dashboard_shows_what_the_example_kept(told: tuple[Path, dict[str, Any]]) -> None:
    from fastapi.testclient import TestClient

    from modelward.monitoring import Settings, create_app

    folder = told[0] / "run"
    settings = Settings(fleet=f"sqlite:///{folder / 'fleet.db'}", reports=folder / "reports")
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        page = client.get("/").text
        assert "went bad in 5 models" in page
        assert client.get("/api/summary").json()["silent"] == 2
        reported = next(folder.glob("reports/*/*/about.json"))
        name = json.loads(reported.read_text("utf-8"))["model"]
        assert "/report?model=" in client.get("/model", params={"name": name}).text


@pytest.mark.slow
def test_mlflow_knows_the_models_in_trouble(told: tuple[Path, dict[str, Any]]) -> None:
    from modelward.monitoring.outputs.mlflow import asked

    with asked(f"sqlite:///{told[0] / 'run' / 'mlflow.db'}") as client:
        versions = client.search_model_versions()
        states = [version.tags["modelward.state"] for version in versions]
        assert len(states) >= 14
        assert set(states) <= {"alarmed", "silent", "cannot say"}
        run = client.search_runs(["1"], "metrics.recall > 0.5")[0]
        assert run.data.tags["modelward.evidence.monitoring.fleet"]
