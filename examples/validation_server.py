# %% [markdown]
# # A validation server, three clients at once
#
# A server and a worker run as processes of their own, on one SQLite file (a database's URL works as
# well). Three clients, each a process that could be on another machine, try the same job: a braking
# distance model with speed, load, slope and surface. No run goes to two of them. The worker learns
# from what they tell, and prepares runs near the boundary of failure.
#
# While they work, http://127.0.0.1:PORT/jobs shows how far it is; with `--serve` it stays up at the end.
# Kept under `modelward-runs/validation-server/`: the database, the table of runs, and, where Chromium
# is at hand, a picture of each page. The last line printed is one JSON object with the headline figures.

# %%
from __future__ import annotations

import argparse
import contextlib
import json
import math
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import modelward.validation as valicy

RUNS, CLIENTS = 90, 3
LIMIT = 60.0
"""Metres within which the car must stand."""
GRIP = {"dry": 0.8, "wet": 0.45, "snow": 0.2}

# %% [markdown]
# ## The system under test
#
# In earnest this is a simulator, a test bench, or a model with its data. Here it is a formula, so that
# the truth is known: the distance to stop from a speed, with reaction time, grip and slope.


# %%
def stopping_distance(speed: float, load: int, slope: float, surface: str) -> dict[str, float]:
    """Give the metres to stop, and the seconds it takes."""
    v = speed / 3.6
    deceleration = 9.81 * (GRIP[surface] * (1.0 - 0.04 * load) - math.sin(math.radians(slope)))
    if deceleration <= 0.1:
        raise ArithmeticError("the car does not stop on this slope")
    return {"distance": v * 0.9 + v * v / (2.0 * deceleration), "time": 0.9 + v / deceleration}


def fails(**point: Any) -> bool:
    """The truth, that the job is to learn."""
    try:
        found = stopping_distance(**point)
    except ArithmeticError:
        return True
    return found["distance"] >= LIMIT or found["time"] >= 6.0


# %% [markdown]
# ## A client
#
# It makes the job, or finds it made by another; then it takes runs, tries them, and sends what came
# back. A crash of the system is a result, too.


# %%
def make_job(address: str, key: str) -> valicy.models.Job:
    """Say what is tested, in which space, and what must hold."""
    api = valicy.ValicyAPI(key, address)
    scenario = api.get_or_create_scenario("stop before the obstacle")
    scenario.configure_features(
        valicy.models.FeatureContinuous("speed", 20, 130),
        valicy.models.FeatureInteger("load", 0, 5),
        valicy.models.FeatureContinuous("slope", -5, 12),
        valicy.models.FeatureCategorical("surface", tuple(GRIP)),
    )
    scenario.configure_output(
        valicy.models.Output("distance", threshold=LIMIT, orientation="lower"),
        valicy.models.Output("time", threshold=6.0, orientation="lower"),
    )
    system = api.get_or_create_system("brake controller", system_metainfo={"version": "2.1"})
    # All three clients ask for the same job: the first makes it, the others find it.
    return api.get_or_create_job(system, scenario, "night build", number_of_instances=2, seed=1)


def client(address: str, key: str, runs: int, told: Any) -> None:
    """Try runs of the job, and send what came back."""
    job = make_job(address, key)
    for run in job.get_runs(runs):
        try:
            run.send(stopping_distance(**run.get_test_features()))
        except ArithmeticError as error:
            run.send_crash(str(error))
        told.put(run.number)


# %% [markdown]
# ## All of it


# %%
def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "modelward.core.command", "validation", *arguments]


def wait_until_ready(address: str) -> None:
    """Wait until the server answers."""
    never = threading.Event()
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{address}/readyz", timeout=2).close()
            return
        except OSError:
            never.wait(0.1)
    sys.exit(f"no server answers at {address}")


def pictures(address: str, key: str, job: int, folder: Path) -> int:
    """Take a picture of each page, where there is a browser."""
    chromium = shutil.which("chromium")
    if chromium is None:
        return 0
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return 0
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    pages = {"progress": "", "space": "/space", "runs": "/runs", "models": "/models"}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=flags)
        tab = browser.new_page(viewport={"width": 1120, "height": 900})
        tab.goto(f"{address}/login")
        tab.fill("#key", key)
        tab.press("#key", "Enter")
        tab.wait_for_url("**/jobs")
        for name, path in pages.items():
            tab.goto(f"{address}/jobs/{job}{path}")
            tab.screenshot(path=folder / f"{name}.png", full_page=True)
        browser.close()
    return len(pages)


def main(
    runs: int = RUNS, folder: Path = Path("modelward-runs/validation-server"), *, stay: bool = False
) -> dict[str, Any]:
    """Run server, worker and three clients, and look at what was learnt."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    url = f"sqlite:///{folder / 'validation.db'}"
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "MODELWARD_VALIDATION_DATABASE": url}
    made = subprocess.run(
        command("create-key", "night-team"),
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    key = made.stdout.strip()
    with (folder / "log.jsonl").open("w") as log:
        services = [
            subprocess.Popen(command(*what), env=environment, stdout=log, stderr=log)
            for what in (("serve", "--port", str(port)), ("worker",))
        ]
    try:
        wait_until_ready(address)
        print(f"watch it at {address}/jobs with the key {key}", flush=True)
        job = make_job(address, key)
        context = multiprocessing.get_context("spawn")
        told = context.Queue()
        begun = time.monotonic()
        share = [runs // CLIENTS + (i < runs % CLIENTS) for i in range(CLIENTS)]
        clients = [
            context.Process(target=client, args=(address, key, each, told)) for each in share
        ]
        for each in clients:
            each.start()
        for each in clients:
            each.join()
        seconds = time.monotonic() - begun
        numbers = [told.get() for _ in range(sum(share))]
        never = threading.Event()
        while job.explanation()["told"] < runs:  # until the worker has looked at the last of them
            never.wait(0.2)
        frame = job.results_frame()
        frame.to_csv(folder / "runs.csv")
        known, certainty = job.explanation(), job.certainty()["outputs"]
        print("\nWhere it fails:", *(f"- {rule['words']}" for rule in known["rules"]), sep="\n")
        print("\nWhat is not known:", *(f"- {text}" for text in known["unknown"]), sep="\n")
        right = [
            fails(**point) == bad
            for point, bad in zip(
                frame[["speed", "load", "slope", "surface"]].to_dict("records"),
                frame["failed"],
                strict=True,
            )
        ]
        figures = {
            "runs": len(frame),
            "given_twice": len(numbers) - len(set(numbers)),
            "lost": len(set(numbers) - set(frame.index)),
            "failed": int(frame["failed"].sum()),
            "crashes": int(frame["crash"].notna().sum()),
            "proven": {name: round(each["proven"], 3) for name, each in certainty.items()},
            "rules": len(known["rules"]),
            "seconds": round(seconds, 1),
            "pictures": pictures(address, key, job.id, folder),
        }
        figures["ok"] = bool(
            all(right) and not figures["given_twice"] and not figures["lost"] and len(frame) == runs
        )
        if stay:
            print(f"\n{address}/jobs stays up; stop it with Ctrl+C", flush=True)
            with contextlib.suppress(KeyboardInterrupt):
                services[0].wait()
    finally:
        for service in services:
            service.terminate()
        for service in services:
            service.wait(timeout=30)
    return figures


# %%
if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--serve", action="store_true", help="keep the server up at the end")
    given = parser.parse_args()
    print(json.dumps(main(given.runs, stay=given.serve)))
