"""The dashboard of 10,000 models: first paint in Chromium, bytes, its API, and a scrape of 20 series each.

A fleet of 10,000 judged models in SQLite, served by the real command. Times are of requests one after
another over one connection, and beside them the processor time the server spent on each, which says the
same on a machine that is busy with other things; the first paint is Chromium's own figure, of a fresh
profile. The peer of
the text that a scrape renders is prometheus-client with the same number of series.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from modelward.core.metrics import Estimate
from modelward.monitoring import Sketch
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.fleet.records import Model, Performance, Window
from modelward.monitoring.outputs.exporter import FleetExporter

SHORT = os.environ.get("MODELWARD_BENCH") == "short"
MODELS, REPEATS = (300, 5) if SHORT else (10_000, 30)
ROWS, DISTINCT, FEATURES, PORT = 500, 40, 20, 18_417
DAY = Window.of("2026-03-01", hours=24)
CHROMIUM = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]


def fill(folder: Path) -> Fleet:
    rng = np.random.default_rng(0)

    def table(shift: float, rows: int) -> pd.DataFrame:
        values = rng.normal(size=(rows, FEATURES))
        values[:, :2] += shift
        return pd.DataFrame(values, columns=[f"f{i:02d}" for i in range(FEATURES)])

    reference = Sketch.fit(table(0.0, 2_000), cells=32)
    windows = [reference.empty().add(table(0.5 * (i < 2), ROWS)) for i in range(DISTINCT)]
    names = [f"group-{i % 40:02d}/model-{i:05d}" for i in range(MODELS)]
    fleet = Fleet(f"sqlite:///{folder / 'fleet.db'}", now=lambda: DAY.end)
    fleet.add_many(
        (Model(n, owner="team", group=n.partition("/")[0], traffic=float(i)), reference)
        for i, n in enumerate(names)
    )
    baseline = Estimate(0.9, 0.89, 0.91, level=0.95, n=5_000)
    found = [Estimate(v, v - 0.02, v + 0.02, level=0.95, n=500) for v in rng.uniform(0.8, 0.9, 40)]
    fleet.record_many(
        (n, DAY, windows[i % DISTINCT], Performance("accuracy", baseline, realised=found[i % 40]))
        for i, n in enumerate(names)
    )
    fleet.assess(DAY)
    return fleet


def scrape(fleet: Fleet) -> dict[str, float]:
    """Time the text of a scrape, and the same number of series by prometheus-client."""
    exporter = FleetExporter(fleet, top=0, every=None)
    start = time.perf_counter()
    text = exporter.render()
    first = time.perf_counter() - start
    again, fresh = [], []
    for _ in range(3):
        start = time.process_time()
        exporter.refresh()
        again.append(time.process_time() - start)
        start = time.process_time()
        exporter.render()
        fresh.append(time.process_time() - start)
    series = sum(1 for line in text.splitlines() if line and not line.startswith(b"#"))
    registry = CollectorRegistry()
    families = -(-series // MODELS)
    for k in range(families):
        gauge = Gauge(f"figure_{k}_ratio", "A figure.", ["model"], registry=registry)
        for i in range(MODELS):
            gauge.labels(f"group-{i % 40:02d}/model-{i:05d}").set(i / 7)
    start = time.process_time()
    generate_latest(registry)
    peer = time.process_time() - start
    return {
        "models": MODELS,
        "series a model": round(series / MODELS, 1),
        "scrape text, every value read anew, s of processor time": statistics.median(fresh),
        "prometheus-client, as many series, s of processor time": peer,
        "scrape text, times as fast": peer / statistics.median(fresh),
        "first scrape, the fleet read, s": first,
        "fleet read again, beside the scrapes, s of processor time": statistics.median(again),
    }


def requests(paths: dict[str, str], server: psutil.Process) -> dict[str, float]:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    found: dict[str, float] = {}
    for name, path in paths.items():
        times, size = [], 0
        before = sum(server.cpu_times()[:2])
        for _ in range(REPEATS):
            start = time.perf_counter()
            connection.request("GET", path, headers={"accept": "text/html"})
            answer = connection.getresponse()
            size = len(answer.read())
            times.append(1e3 * (time.perf_counter() - start))
            assert answer.status == 200, (path, answer.status)
        found[f"{name}, ms (median)"] = statistics.median(times)
        spent = 1e3 * (sum(server.cpu_times()[:2]) - before) / REPEATS
        found[f"{name}, ms of processor time"] = spent
        found[f"{name}, kB"] = size / 1e3
    return found


def painted() -> dict[str, float]:
    chromium = shutil.which("chromium")
    if chromium is None:
        return {}
    from playwright.sync_api import sync_playwright

    paints, bytes_ = [], 0.0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM)
        for _ in range(5):
            tab = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            tab.goto(f"http://127.0.0.1:{PORT}/")
            paints.append(
                tab.evaluate(
                    "new Promise(r => { const look = () => { const e = performance.getEntriesByName("
                    "'first-contentful-paint')[0]; e ? r(e.startTime) : requestAnimationFrame(look) };"
                    " look() })"
                )
            )
            bytes_ = tab.evaluate(
                "performance.getEntries().reduce((s, e) => s + (e.transferSize || 0), 0)"
            )
            tab.context.close()
        browser.close()
    return {
        "first paint of the fleet's page, ms (median of 5)": statistics.median(paints),
        "first paint, ms (slowest of 5)": max(paints),
        "transferred for it, kB": bytes_ / 1e3,
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fleet = fill(folder)
        figures = scrape(fleet)
        fleet.close()
        command = [sys.executable, "-m", "modelward.core.command", "monitoring", "serve"]
        url = f"sqlite:///{folder / 'fleet.db'}"
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [*command, "--fleet", url, "--port", str(PORT)], stdout=log, stderr=log
            )
            try:
                wait(server)
                figures |= requests(
                    {
                        "API, one page of the table": "/api/models",
                        "API, a search": "/api/models?search=model-0099&sort=largest_change",
                        "API, the last page": f"/api/models?offset={MODELS - 50}",
                        "API, the summary": "/api/summary",
                        "page, the fleet": "/",
                        "page, a model": "/model?name=group-00/model-00000",
                    },
                    psutil.Process(server.pid),
                )
                figures |= painted()
            finally:
                server.terminate()
                server.wait(30)
    print(json.dumps({k: round(v, 4) for k, v in figures.items()}))


def wait(server: subprocess.Popen[bytes]) -> None:
    pause = threading.Event()
    while server.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=5)
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pause.wait(0.2)
    sys.exit("the dashboard ended before it answered")


if __name__ == "__main__":
    main()
