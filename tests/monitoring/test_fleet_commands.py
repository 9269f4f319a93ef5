"""`modelward monitoring` on a fleet: from files to alarms."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from modelward.core.errors import DataError
from modelward.monitoring import Fleet
from modelward.monitoring.command import app

runner = CliRunner()


def run(*arguments: object, code: int = 0) -> str:
    result = runner.invoke(app, [str(a) for a in arguments])
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


@pytest.fixture
def fleet(tmp_path: Path) -> str:
    rng = np.random.default_rng(0)
    for name, shift in (("reference", 0.0), ("steady", 0.0), ("shifted", 1.0)):
        frame = pd.DataFrame(rng.normal(size=(400, 2)), columns=["a", "b"])
        frame["a"] += shift
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    url = f"sqlite:///{tmp_path / 'fleet.db'}"
    for name in ("[b]churn[/b]", "fraud"):
        run("add", name, tmp_path / "reference.csv", "--fleet", url, "--group", "bank")
    return url


def test_from_files_to_alarms(fleet: str, tmp_path: Path) -> None:
    for name, data in (("[b]churn[/b]", "steady"), ("fraud", "shifted")):
        run("record", name, tmp_path / f"{data}.csv", "--start", "2026-03-01", "--fleet", fleet)
    told = run("assess", "--start", "2026-03-01", "--fleet", fleet, code=1)
    assert "1 of 2 models drifted" in told
    assert "incident: fraud: 'a' drifted" in told
    shown = run("status", "--fleet", fleet)
    assert "2 models: 1 alarmed" in shown
    assert "[b]churn" in shown  # as text, not as markup
    rows = json.loads(run("status", "bank", "--state", "alarmed", "--json", "--fleet", fleet))
    assert [row["model"] for row in rows["models"]] == ["fraud"]
    incident = Fleet(fleet).incidents()[0].id
    assert "silent until" in run("silence", incident, "--until", "2027-01-01", "--fleet", fleet)
    assert json.loads(run("assess", "--json", "--fleet", fleet, code=1))["alarmed"] == ["fraud"]


def test_a_steady_fleet_ends_with_0(fleet: str, tmp_path: Path) -> None:
    run("record", "fraud", tmp_path / "steady.csv", "--start", "2026-03-01", "--fleet", fleet)
    assert "0 of 1 models drifted" in run("assess", "--fleet", fleet)


def test_expectations_are_learned_and_checked(fleet: str, tmp_path: Path) -> None:
    out = tmp_path / "expectations.yaml"
    assert "2 columns" in run("expect", tmp_path / "reference.csv", "--out", out)
    assert "0 of " in run("check", out, tmp_path / "steady.csv")
    broken = pd.read_csv(tmp_path / "steady.csv").assign(a=-999.0)
    broken.to_csv(tmp_path / "broken.csv", index=False)
    failed = json.loads(run("check", out, tmp_path / "broken.csv", "--json", code=1))
    assert any(c["column"] == "a" and c["state"] == "failed" for c in failed["checks"])
    told = run(
        "record", "fraud", tmp_path / "broken.csv", "--start", "2026-03-01",
        "--expectations", out, "--fleet", fleet,
    )  # fmt: skip
    assert "a: 100.0% outside" in told
    assert Fleet(fleet).assess().alarmed == ("fraud",)


def test_no_fleet_is_made_by_looking(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'none.db'}"
    for command in (["status"], ["assess"], ["silence", "x"]):
        result = runner.invoke(app, [*command, "--fleet", url])
        assert isinstance(result.exception, DataError)
    assert list(tmp_path.iterdir()) == []


def test_a_machine_is_watched(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'fleet.db'}"
    run("watch", "--every", "1", "--looks", "1", "--fleet", url)
    (sample,) = Fleet(url).resources()
    assert "cpu_ratio" in sample.values


def test_metrics_and_dashboards_are_written(fleet: str, tmp_path: Path) -> None:
    assert 'modelward_monitoring_model_info{model="fraud"' in run("metrics", "--fleet", fleet)
    written = run("export-grafana", tmp_path / "out", "--fleet", fleet).split()
    assert any(name.endswith("prometheus.yml") for name in written)
    assert all(Path(name).is_file() for name in written)


def test_a_webhook_is_told_once(fleet: str, tmp_path: Path) -> None:
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    told = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    run("record", "fraud", tmp_path / "shifted.csv", "--start", "2026-03-01", "--fleet", fleet)
    run("assess", "--fleet", fleet, code=1)
    address = f"http://127.0.0.1:{server.server_port}/told"
    for expected in ("1 told, 0 failed", "0 told, 0 failed"):
        state = tmp_path / "told.json"
        assert expected in run("notify", address, "--state", state, "--fleet", fleet)
    server.shutdown()
    server.server_close()
    assert len(told) == 1
