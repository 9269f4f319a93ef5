"""What the tests of exporter, rules, dashboards and alerts share: a fleet in trouble, real servers."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families
from tests.conftest import unavailable

from modelward.core.metrics import Estimate
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.fleet.records import Event, Model, Performance, Window
from modelward.monitoring.infrastructure.records import ResourceSample, WorkflowRun
from modelward.monitoring.sketch.table import Sketch

PREFIX = "modelward_monitoring_"
HOSTILE = '<script>alert("1")</script>\n\\"}} or vector(1) #{{ $x }}\\'
SECONDS = 90.0  # the longest wait for a server; only a failing test waits that long
NOW = datetime.now(UTC).replace(microsecond=0)
RESOURCES = {
    "cpu_count": 2.0,
    "cpu_ratio": 0.5,
    "load_1m": 1.0,
    "memory_used_bytes": 97.0,
    "memory_total_bytes": 100.0,
    "swap_used_bytes": 0.0,
    "disk_used_bytes": 50.0,
    "disk_total_bytes": 100.0,
    "network_received_bytes": 10.0,
    "network_sent_bytes": 10.0,
    "disk_read_bytes": 5.0,
    "disk_written_bytes": 5.0,
    "gpu0_ratio": 0.25,
    "gpu0_memory_used_bytes": 1.0,
    "gpu0_memory_total_bytes": 4.0,
}


def rows(shift: float = 0.0, *, n: int = 400, seed: int = 0) -> pd.DataFrame:
    """A table of two features, of which a shift moves the first."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"age": rng.normal(shift, 1, n), "size": rng.normal(0, 1, n)})


def performance(value: float) -> Performance:
    """A model that was right in 90 % of the cases, and now is in so many."""
    return Performance(
        "accuracy",
        baseline=Estimate(0.9, 0.89, 0.91, level=0.95, n=5_000),
        realised=Estimate(value, value - 0.01, value + 0.01, level=0.95, n=5_000),
        estimated=Estimate(value, value - 0.02, value + 0.02, level=0.95, n=5_000),
    )


def in_trouble(url: str, *, shared: int = 8, well: int = 8, ended: datetime = NOW) -> Fleet:
    """A fleet in which one column broke in many models, one model got worse, and much else is wrong."""
    fleet = Fleet(url)
    good, bad = Sketch.fit(rows()), Sketch.fit(rows()).empty().add(rows(1.0, seed=1))
    window = Window(ended - timedelta(hours=1), ended)
    broken = [Model(f"broken-{i}", owner="ada", group="a") for i in range(shared)]
    sound = [Model(f"well-{i}", owner="bob", group="b", criticality=5.0) for i in range(well)]
    worse = Model(HOSTILE, owner="<i>ada</i>", group='c"\n', task="classification", version="7")
    new, dumb = Model("new", group="b"), Model("dumb", group="b", silent_after=0.5)
    fleet.add_many([(model, good) for model in (*broken, *sound, worse, new)])
    fleet.add(dumb)  # without a reference, so that nothing can be said of it
    fleet.record_many(
        [
            *((model.name, window, bad, performance(0.9)) for model in broken),
            *((model.name, window, good, performance(0.9)) for model in sound),
            (worse.name, window, good, performance(0.5)),
            (dumb.name, window, good),
        ]
    )
    fleet.record("well-0", window, failures=["size: 40 % are missing", "12 rows, fewer than 100"])
    fleet.tell(Event("deployment", ended - timedelta(hours=2), "out it goes", HOSTILE, "7"))
    fleet.tell(Event("retraining", ended - timedelta(hours=3), "learned", HOSTILE, "7"))
    fleet.tell(Event("deployment", ended - timedelta(hours=4), "one more", "well-0", "2"))
    fleet.tell(Event("retraining", ended - timedelta(hours=5), "learned", "well-0", "2"))
    fleet.tell(Event("data", ended - timedelta(hours=3), "a new source", columns=("age",)))
    for number in range(5):
        began = NOW - timedelta(minutes=50 - number * 10)
        run = WorkflowRun(
            "load",
            str(number),
            "failed" if number == 4 else "succeeded",
            queued=began - timedelta(seconds=5),
            started=began,
            ended=began + timedelta(seconds=30),
            retries=number % 2,
        )
        fleet.workflow(run)
    fleet.resource(ResourceSample("node-1", NOW, RESOURCES))
    fleet.resource(ResourceSample("node-1", NOW - timedelta(minutes=1), {"cpu_ratio": 0.9}))
    fleet.assess()
    return fleet


def samples(text: bytes) -> dict[tuple[str, ...], float]:
    """The samples by name (without its prefix) and the values of the labels, in order of the labels."""
    return {
        (sample.name.removeprefix(PREFIX), *(v for _, v in sorted(sample.labels.items()))): (
            sample.value
        )
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def tool(*names: str) -> str:
    """A program that came with Prometheus or Alertmanager."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        packages = "apt-get install prometheus prometheus-alertmanager"
        unavailable(f"no {names[0]} on this machine (Debian: {packages})")
    return found


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def eventually(what: str, holds: Callable[[], Any], *, log: Path | None = None) -> Any:
    """Give what holds once it does."""
    until, never, last = time.monotonic() + SECONDS, threading.Event(), ""
    while time.monotonic() < until:
        try:
            if found := holds():
                return found
        except requests.RequestException as error:
            last = str(error)
        never.wait(0.1)
    said = log.read_text("utf-8", "replace")[-3_000:] if log and log.exists() else ""
    pytest.fail(f"not within {SECONDS:g} seconds: {what} {last} {said}")


@contextmanager
def running(command: Sequence[str], folder: Path, *, ready: str, log: Path) -> Iterator[None]:
    """Run a server until the block ends; it is ended by its own id."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out)
        try:

            def up() -> bool:
                if process.poll() is not None:
                    pytest.fail(f"{command[0]} ended: {log.read_text('utf-8')[-3_000:]}")
                return requests.get(ready, timeout=2).ok

            eventually(f"{command[0]} answers", up, log=log)
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Received:
    """What a local HTTP server was sent, and what it answers."""

    def __init__(self) -> None:
        self.bodies: list[tuple[str, dict[str, str], Any]] = []
        self.answers: list[int] = []  # for the next requests; then 200
        self.page = b""

    def __len__(self) -> int:
        return len(self.bodies)

    def json(self) -> list[Any]:
        return [body for _, _, body in self.bodies]


@contextmanager
def receiver(text: Callable[[], bytes] | None = None) -> Iterator[tuple[str, Received]]:
    """A real HTTP server on loopback that keeps what it is sent, and gives a text to those who ask."""
    kept = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.bodies.append((self.path, dict(self.headers), json.loads(body)))
            self._answer(kept.answers.pop(0) if kept.answers else 200, b"ok")

        def do_GET(self) -> None:
            self._answer(200, text() if text else kept.page)

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def prometheus(config: Path, data: Path) -> Iterator[str]:
    """A real Prometheus with its own data folder, on a free port."""
    address = f"127.0.0.1:{free_port()}"
    command = [
        tool("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={data}",
        f"--web.listen-address={address}",
    ]
    url = f"http://{address}"
    data.mkdir(parents=True, exist_ok=True)
    log = data.parent / "prometheus.log"
    with running(command, config.parent, ready=f"{url}/-/ready", log=log):
        yield url


@contextmanager
def alertmanager(config: Path, data: Path, *more: str) -> Iterator[str]:
    """A real Alertmanager with its own data folder, on a free port, alone."""
    address = f"127.0.0.1:{free_port()}"
    command = [
        tool("prometheus-alertmanager", "alertmanager"),
        f"--config.file={config}",
        f"--storage.path={data}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
        *more,
    ]
    url = f"http://{address}"
    data.mkdir(parents=True, exist_ok=True)
    log = data.parent / "alertmanager.log"
    with running(command, config.parent, ready=f"{url}/-/ready", log=log):
        yield url


def asked(url: str, expression: str) -> list[dict[str, Any]]:
    """What a Prometheus answers."""
    found = requests.get(f"{url}/api/v1/query", params={"query": expression}, timeout=10).json()
    assert found["status"] == "success", (expression, found)
    rows: list[dict[str, Any]] = found["data"]["result"]
    return rows
