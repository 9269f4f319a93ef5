"""The whole way round by real servers: bad labels, an alert, a webhook, a retraining, a promotion."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.adaptive_pipeline.exporting import expressions, tool

from modelward.adaptive_pipeline import Ledger, Store
from modelward.adaptive_pipeline.export import Limits, export_config
from modelward.adaptive_pipeline.export.rules import rules

SERVER = """
import sys
from modelward.adaptive_pipeline import AdaptivePipeline, Inline, Performance, PipelineConfig, Store
from modelward.adaptive_pipeline.testing import MemoryRegistry, Threshold, learn
from modelward.core.config import loads

class Deaf(Performance):
    "Learns the reference, and leaves the alarm to Prometheus."
    def update(self, loss, *, seq):
        super().update(loss, seq=seq)

memory = MemoryRegistry()
memory.register(Threshold(0.5), alias="champion", columns=["x", "side"])
config = loads(sys.argv[2], PipelineConfig)
parts = {"registry": memory, "train": learn, "triggers": [Deaf(reference=40)], "executor": Inline()}
AdaptivePipeline(config, store=Store(sys.argv[1]), **parts).run()
"""
CONFIG = """
registry: {name: memory}
train: given:here
horizon: 3
window: {kind: last_n, n: 100, minimum: 40}
arbiter: {cooldown: 0}
monitor: {window: 1, segments: [side]}
comparison: {watch: 100}
gateway: {port: %d, alert_secret: s3cret, isolate: false}
"""
SECONDS = 90.0  # how long anything may take on a busy machine


def free_ports(n: int) -> list[int]:
    sockets = [socket.socket() for _ in range(n)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


@contextmanager
def running(name: str, command: list[str], folder: Path, logs: Path) -> Iterator[None]:
    with (logs / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Servers:
    """Gateway, Prometheus and Alertmanager as they run in this test, and what can be asked of them."""

    def __init__(self, folder: Path) -> None:
        self.config, self.logs = folder / "config", folder
        self.store = f"sqlite:///{folder / 'pipeline.db'}"
        ports = dict(zip(("gateway", "prometheus", "alertmanager"), free_ports(3), strict=True))
        self.at = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        self.secret = self.config / "alert-secret"
        self.sent = 0
        export_config(
            self.config,
            name="cut",
            interval="1s",
            limits=Limits(labels=5, hold="0s"),
            **self.at,
        )
        self.commands = {
            "gateway": [sys.executable, "-c", SERVER, self.store, CONFIG % ports["gateway"]],
            "prometheus": [
                tool("prometheus"),
                "--config.file=prometheus.yml",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address={self.at['prometheus']}",
            ],
            "alertmanager": [
                tool("prometheus-alertmanager"),
                "--config.file=alertmanager.yml",
                f"--storage.path={folder / 'alerts'}",
                f"--web.listen-address={self.at['alertmanager']}",
                "--cluster.listen-address=",
            ],
        }

    def get(self, name: str, path: str, **params: str) -> requests.Response:
        return requests.get(f"http://{self.at[name]}{path}", params=params, timeout=10)

    def post(self, path: str, body: dict[str, Any]) -> None:
        answer = requests.post(f"http://{self.at['gateway']}{path}", json=body, timeout=10)
        assert answer.ok, answer.text

    def ready(self) -> bool:
        paths = {"gateway": "/readyz", "prometheus": "/-/ready", "alertmanager": "/-/ready"}
        return all(self.get(name, path).ok for name, path in paths.items())

    def traffic(self, cut: float) -> None:
        """Send a few requests, and their labels: 1 where x is above the cut."""
        xs = [0.05 + 0.1 * (i % 10) for i in range(10)]
        names = [f"r{self.sent + i}" for i in range(10)]
        self.sent += 10
        rows = [{"x": x, "side": "left" if x < 0.5 else "right"} for x in xs]
        self.post("/predict", {"rows": rows, "request_ids": names})
        told = [{"request_id": n, "label": int(x > cut)} for n, x in zip(names, xs, strict=True)]
        self.post("/labels", {"labels": told})

    def value(self, expression: str) -> float | None:
        """What Prometheus answers; None where it has nothing to say."""
        answer = self.get("prometheus", "/api/v1/query", query=expression).json()
        assert answer["status"] == "success", (expression, answer)
        found = answer["data"]["result"]
        return float(found[0]["value"][1]) if found else None

    def story(self, kind: str | None = None) -> list[dict[str, Any]]:
        """The ledger, or its entries of one kind."""
        store = Store(self.store)
        try:
            return [entry.body for entry in Ledger(store).entries(kind)]
        finally:
            store.close()

    def eventually(self, what: str, holds: Callable[[], Any]) -> None:
        until, never, last = time.monotonic() + SECONDS, threading.Event(), ""
        while time.monotonic() < until:
            try:
                if holds():
                    return
            except requests.RequestException as error:
                last = str(error)
            never.wait(0.1)
        logs = {path.name: path.read_text("utf-8")[-2_000:] for path in self.logs.glob("*.log")}
        pytest.fail(f"not within {SECONDS:g} seconds: {what} {last} {logs}")


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    made = Servers(tmp_path)
    made.secret.write_text("not the secret", "utf-8")
    commands = iter(made.commands.items())
    first, second, third = (
        running(name, command, made.config, tmp_path) for name, command in commands
    )
    with first, second, third:
        made.eventually("all are ready", made.ready)
        yield made


@pytest.mark.slow
def test_bad_labels_come_round_to_a_retraining(servers: Servers) -> None:
    asked = dict.fromkeys(expressions(servers.config), False)

    def after_traffic(cut: float, holds: Callable[[], Any]) -> Callable[[], Any]:
        def step() -> Any:
            servers.traffic(cut)
            for expression, answered in asked.items():
                if not answered:
                    query = expression.replace("$model", "cut")
                    asked[expression] = servers.value(query) is not None
            return holds()

        return step

    excess, firing = "model:modelward_pipeline_loss:excess", 'ALERTS{alertname="ModelLossHigh"}'
    quiet = after_traffic(0.5, lambda: servers.value(f'{excess}{{model="cut"}} <= 0') is not None)
    servers.eventually("a loss as good as the reference", quiet)
    assert servers.value(firing) is None
    assert servers.value('up{job="modelward",model="cut"}') == 1
    groups = servers.get("prometheus", "/api/v1/rules").json()["data"]["groups"]
    known = {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}
    written = [rule for group in rules(Limits())["groups"] for rule in group["rules"]]
    assert known == {rule.get("alert") or rule["record"]: "ok" for rule in written}

    def refused() -> bool:
        text = servers.get("alertmanager", "/metrics").text
        failed = r'^alertmanager_notifications_failed_total{integration="webhook".*} [1-9]'
        return re.search(failed, text, re.MULTILINE) is not None

    # The world changes; the alert is raised, and whoever does not know the secret starts nothing.
    servers.eventually("an alert", after_traffic(0.9, lambda: servers.value(firing) is not None))
    servers.eventually("a webhook that is refused", after_traffic(0.9, refused))
    assert not servers.story()

    servers.secret.write_text("s3cret", "utf-8")
    servers.eventually("a retraining", after_traffic(0.9, lambda: servers.story("retraining")))
    signals = servers.story("signal")
    assert len(signals) == 1  # however often Alertmanager says it again
    assert signals[0]["trigger"] == "alert"
    words = (
        r"ModelLossHigh is firing since \S+Z: The loss of version 1 is 0\.\d+ above its reference"
    )
    assert re.fullmatch(words, signals[0]["reason"])
    assert len(servers.story("retraining")) == 1

    # The new version is better, takes over, and the alert ends.
    servers.eventually("a promotion", after_traffic(0.9, lambda: servers.story("promotion")))
    good = f'{excess}{{version="2"}} <= 0 unless on (model) {firing}'
    servers.eventually("silence", after_traffic(0.9, lambda: servers.value(good) is not None))
    assert len(servers.story("retraining")) == 1
    assert servers.value("modelward_pipeline_promotions_total") == 1

    # No panel stayed empty, but for what did not happen here.
    empty = [expression for expression, answered in asked.items() if not answered]
    absent = ("rollbacks_total", "failed:share5m", "pipeline_drift")
    assert [each for each in empty if not any(name in each for name in absent)] == []
