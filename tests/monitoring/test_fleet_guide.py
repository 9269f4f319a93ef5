"""The guides on fleets: their Python runs as it stands, and their commands and addresses are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from modelward.monitoring.command import app

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
GUIDE = (HOW_TO / "monitor-a-fleet.md").read_text("utf-8")


def run(name: str) -> dict[str, object]:
    """Run the Python of a guide, block after block."""
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", (HOW_TO / name).read_text("utf-8"), re.DOTALL):
        exec(compile(block, name, "exec"), names)
    return names


def test_the_python_of_the_guide_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    run("monitor-a-fleet.md")
    told = capsys.readouterr().out
    assert "('fraud',)" in told
    assert "fraud: 'age' drifted" in told
    assert "nightly scoring succeeded False" in told


def test_the_commands_of_the_guide_are_there() -> None:
    commands = set(re.findall(r"(?:modelward monitoring |`)(\w[a-z-]+) [A-Za-z`]", GUIDE))
    known = {"add", "expect", "record", "silence", "sync-mlflow", "sync-pipeline"}
    assert known <= commands
    for command in [*known, "assess", "status", "watch"]:
        shown = CliRunner().invoke(app, [command, "--help"])
        assert shown.exit_code == 0, command
    assert set(re.findall(r"`?(--[a-z]+)", GUIDE)) == {
        "--group", "--traffic", "--out", "--start", "--expectations", "--until", "--fleet", "--runs",
    }  # fmt: skip


def test_the_guide_to_the_dashboard_is_true(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app_of_it: Any = run("fleet-dashboard.md")["app"]
    guide = (HOW_TO / "fleet-dashboard.md").read_text("utf-8")
    told = set(re.findall(r"`(/[a-z./]*)(?:\?[a-z=&]*)?`", guide))
    described = set(app_of_it.openapi()["paths"])
    assert {path for path in told if path.startswith("/api/")} | {
        "/metrics",
        "/healthz",
        "/readyz",
    } == described
    with TestClient(app_of_it, base_url="http://localhost") as client:
        for path in told - {"/api"}:  # 422: it wants to know of which model
            assert client.get(path).status_code in {200, 422}, path
    for option in re.findall(r"serve.*?(--[a-z-]+)", guide):
        assert option in CliRunner().invoke(app, ["serve", "--help"]).stdout


@pytest.mark.slow
def test_the_guide_to_full_reports_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: Any = run("evidently.md")
    assert names["report"].html.is_file()
    assert names["later"].made > names["report"].made
