"""The `modelward` command and its doctor, run as a user runs them."""

from __future__ import annotations

import http.server
import json
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from typer.testing import CliRunner

from modelward.core import command, doctor
from modelward.core.evidence import Evidence, Input, Metric, Subject, sha256_file


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [sys.executable, "-m", "modelward.core.command", *arguments],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def test_help_lists_what_is_installed() -> None:
    answer = run("--help")
    assert answer.returncode == 0
    for name in (
        "doctor",
        "evidence",
        "pipeline",
        "monitoring",
        "adversarial",
        "validation",
        "card",
    ):
        assert f"\n  {name} " in answer.stdout
    assert "cannot be loaded" not in answer.stdout


def test_version_and_unknown_command() -> None:
    assert run("--version").stdout.startswith("modelward ")
    answer = run("docter")
    assert answer.returncode == 2
    assert "No such command" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_broken_package_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    working = command.installed_commands()
    broken = EntryPoint("broken", "no.such.module:app", command.GROUP)
    monkeypatch.setattr(command, "installed_commands", lambda: {"broken": broken, **working})
    runner = CliRunner()
    listing = runner.invoke(command.app, ["--help"])
    assert listing.exit_code == 0
    assert "cannot be loaded from no.such.module" in listing.output
    failing = runner.invoke(command.app, ["broken", "--anything"])
    assert failing.exit_code == 2
    assert "ModuleNotFoundError" in failing.output
    assert runner.invoke(command.app, ["evidence", "schema"]).exit_code == 0


def test_our_errors_show_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("{}")
    answer = run("evidence", "show", str(tmp_path / "r.json"))
    assert answer.returncode == 2
    assert answer.stderr.startswith("error: expected a valid evidence record")
    assert "Traceback" not in answer.stderr


def test_evidence_commands(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a\n1\n")
    record = Evidence.create(
        kind="monitoring.window",
        subject=Subject(name="scenes"),
        tool="modelward-core",
        inputs=[Input(name="d", uri="data.csv", sha256=sha256_file(tmp_path / "data.csv"))],
        metrics=[Metric.of("drifted", 2)],
    )
    path = record.save(tmp_path / "r.json")
    runner = CliRunner()
    shown = runner.invoke(command.app, ["evidence", "show", str(path)])
    assert "drifted = 2" in shown.output
    good = runner.invoke(command.app, ["evidence", "verify", str(path)])
    assert (good.exit_code, good.output.count("verified")) == (0, 2)
    (tmp_path / "data.csv").write_text("a\n2\n")
    bad = runner.invoke(command.app, ["evidence", "verify", str(path)])
    assert bad.exit_code == 1
    assert "input d: mismatch" in bad.output
    schema = runner.invoke(command.app, ["evidence", "schema"])
    assert json.loads(schema.output)["title"] == "Evidence"


@pytest.fixture
def server() -> Iterator[str]:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/-/ready" else 503)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    thread.join()
    running.server_close()


def test_doctor_tells_which_servers_answer(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELWARD_PROMETHEUS_URL", server)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    monkeypatch.setenv("MODELWARD_DATABASE_URL", "postgresql+psycopg://me:hunter2@127.0.0.1:9/db")
    found = {s.name: s for s in doctor.servers()}
    assert found["Prometheus"].answers
    assert not found["MLflow"].answers
    assert found["MLflow"].detail == "status 503"
    assert not found["database"].answers
    assert "hunter2" not in json.dumps([s.address for s in found.values()])


@pytest.mark.parametrize(
    ("url", "answers"),
    [
        ("postgresql://u:hunter2@127.0.0.1:port/db", False),
        ("postgresql:///x?password=hunter2", None),
        ("mysql+pymysql://u:hunter2@127.0.0.1:9/x", False),
        ("sqlite:///x.db?key=hunter2", True),
        ("mlruns", True),
    ],
)
def test_doctor_survives_any_address_and_shows_no_password(
    url: str, answers: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELWARD_DATABASE_URL", url)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
    monkeypatch.setenv("MODELWARD_PROMETHEUS_URL", "nonsense")
    found = {s.name: s for s in doctor.servers()}
    assert "hunter2" not in str(found)
    assert not found["Prometheus"].answers
    if answers is not None:
        assert found["MLflow"].answers == found["database"].answers == answers


def test_doctor_tells_what_does_not_speak_http(monkeypatch: pytest.MonkeyPatch) -> None:
    class Rude(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1024)
            self.request.sendall(b"nothing you would call HTTP\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Rude) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{running.server_address[1]}"
        monkeypatch.setenv("MODELWARD_PROMETHEUS_URL", url)
        found = doctor.servers()[0]
        running.shutdown()
        thread.join()
    assert (found.answers, found.detail) == (False, "something answers, but not in HTTP")


def test_doctor_knows_local_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELWARD_PROMETHEUS_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///m.db")
    monkeypatch.setenv("MODELWARD_DATABASE_URL", "sqlite:///m.db")
    assert [s.answers for s in doctor.servers()] == [False, True, True]
    monkeypatch.delenv("MODELWARD_DATABASE_URL")
    assert [s.name for s in doctor.servers()][2:] == ["PostgreSQL", "MariaDB"]


def test_doctor_names_missing_parts_with_their_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    real = doctor.installed_version
    monkeypatch.setattr(
        doctor, "installed_version", lambda name: None if name == "evidently" else real(name)
    )
    parts = {(p.package, p.extra): p for p in doctor.optional_parts()}
    part = parts["modelward-monitoring", "evidently"]
    assert part.missing == ("evidently",)
    assert part.install == "pip install './packages/monitoring[evidently]'"
    assert parts["modelward-core", "sklearn"].missing == ()


def test_doctor_prints_both_forms() -> None:
    runner = CliRunner()
    plain = runner.invoke(command.app, ["doctor"])
    assert plain.exit_code == 0
    assert "Device      cpu" in plain.output
    report = json.loads(runner.invoke(command.app, ["doctor", "--json"]).output)
    assert report["packages"]["modelward-core"] == command.__version__
    assert {"devices", "optional", "servers", "python"} <= report.keys()
