"""Validation server: the next run from 2,000 told ones, and 20 clients on real databases.

Server and worker run as processes. First a job in 5-D with 2,000 told runs: one client asks for the
next run and tells it, again and again, while the worker learns and refills the queue; beside it, in
turn, the floor: `/healthz` of the same server, which touches nothing. Then 20 clients at once on
MariaDB and PostgreSQL (where they run), each trying its share of one job: what was acknowledged is
compared with what the database holds.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import requests
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.validation.server.serving import Processes, wait_for  # noqa: E402

import modelward.validation as valicy  # noqa: E402
from modelward.validation.client.objects import Job  # noqa: E402
from modelward.validation.client.remote import Remote  # noqa: E402
from modelward.validation.problems import five_features  # noqa: E402

SHORT = os.environ.get("MODELWARD_BENCH") == "short"
TOLD, ASKS = (200, 100) if SHORT else (2_000, 1_000)
CLIENTS, EACH = (20, 5) if SHORT else (20, 500)
UPPER = (180, 180, 90, 90, 180)
SERVERS = {
    "postgresql": os.environ.get(
        "MODELWARD_TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
    ),
    "mariadb": os.environ.get(
        "MODELWARD_TEST_MYSQL_URL", "mysql+pymysql://root@127.0.0.1:3306/test"
    ),
}


def make_job(address: str, **settings: Any) -> Job:
    """Make the original's five-feature job."""
    api = valicy.ValicyAPI(address=address)
    scenario = api.get_or_create_scenario("bench")
    scenario.configure_features(
        *(valicy.FeatureContinuous(f"feature_{i}", 0, upper) for i, upper in enumerate(UPPER))
    )
    scenario.configure_output(valicy.Output("output_0", threshold=0.4))
    rule = valicy.StopRule(certainty=False)
    return api.get_or_create_job(
        api.get_or_create_system("s"), scenario, uuid.uuid4().hex, stop=rule, **settings
    )


def answer_time(processes: Processes, folder: Path) -> dict[str, Any]:
    """Measure asking for the next run, and its floor, with the worker at work."""
    import pandas as pd

    url = f"sqlite:///{folder / 'v.db'}"
    address = processes.serve(url)
    worker = processes.work(url)
    job = make_job(address)
    unit = np.random.default_rng(0).random((TOLD, 5)) * np.array(UPPER)
    frame = pd.DataFrame(unit, columns=[f"feature_{i}" for i in range(5)])
    frame["output_0"] = [five_features(**row) for row in frame.to_dict("records")]
    job.send_frame(frame)
    connection = job.connection
    wait_for(lambda: connection.get_job(job.id)["runs"]["ready"] >= TOLD // 100, seconds=600)
    session, floor, asked, empty = requests.Session(), [], [], 0
    never = threading.Event()
    while len(asked) < ASKS:
        begun = time.perf_counter()
        session.get(f"{address}/healthz", timeout=10)
        middle = time.perf_counter()
        runs = connection.lease_runs(job.id, 1)["runs"]
        ended = time.perf_counter()
        floor.append(middle - begun)
        asked.append(ended - middle)
        empty += not runs
        for run in runs:
            told = {"results": {"output_0": five_features(**run["point"])}, "lease": run["lease"]}
            connection.tell_run(job.id, run["number"], told)
        never.wait(0.05)  # a system under test takes its time
    assert worker.poll() is None, processes.logs()
    fresh = connection.get_job(job.id)["runs"]["told"] - TOLD
    p50, p99 = np.quantile(asked, [0.5, 0.99]) * 1000
    f50, f99 = np.quantile(floor, [0.5, 0.99]) * 1000
    return {
        "told_runs_before": TOLD,
        "next_run_p50_ms": float(p50),
        "next_run_p99_ms": float(p99),
        "floor_p50_ms": float(f50),
        "floor_p99_ms": float(f99),
        "next_run_share_without_a_run_ready": empty / ASKS,
        "runs_told_meanwhile": fresh,
    }


def many_clients(processes: Processes, name: str, url: str) -> dict[str, Any]:
    """Let 20 clients try one job, and compare what they were told with what is kept."""
    address = processes.serve(url)
    processes.work(url)
    job = make_job(address, number_of_instances=1, initial=20_000)
    told: dict[int, float] = {}
    twice: Counter[int] = Counter()
    lock = threading.Lock()

    def client() -> None:
        mine = Job(
            Remote(address),
            {"id": job.id, "name": "", "system_id": 0, "scenario_id": job.scenario_id},
        )
        for run in mine.get_runs(EACH):
            value = five_features(**run.get_test_features())
            run.send(value)
            with lock:
                twice[run.number] += 1
                told[run.number] = value

    begun = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        for each in [pool.submit(client) for _ in range(CLIENTS)]:
            each.result()
    seconds = time.perf_counter() - begun
    kept = {}
    after: int | None = -1
    while after is not None:
        page = job.connection.list_runs(job.id, after=after, limit=1_000, state="told")
        kept |= {run["number"]: run["results"]["output_0"] for run in page["runs"]}
        after = page["next"]
    return {
        f"{name}_clients": CLIENTS,
        f"{name}_runs_acknowledged": sum(twice.values()),
        f"{name}_lost": sum(kept.get(number) != value for number, value in told.items()),
        f"{name}_double": sum(count - 1 for count in twice.values()),
        f"{name}_runs_per_second": sum(twice.values()) / seconds,
    }


def fresh(name: str, url: str) -> tuple[str, str, Any] | None:
    """Make a schema or database of its own; give its URL and how to drop it."""
    own = f"bench_{uuid.uuid4().hex}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 3})
    what = "SCHEMA" if name == "postgresql" else "DATABASE"
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE {what} {own}")
    except OperationalError:
        return None
    drop = f"DROP {what} {own}" + (" CASCADE" if name == "postgresql" else "")
    if name == "postgresql":
        return f"{url}{'&' if '?' in url else '?'}options=-csearch_path%3D{own}", drop, engine
    return make_url(url).set(database=own).render_as_string(hide_password=False), drop, engine


def main() -> None:
    figures: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        processes = Processes(folder)
        try:
            figures |= answer_time(processes, folder)
            processes.end()
            for kind, url in SERVERS.items():
                made = fresh(kind, url)
                if made is None:
                    print(f"no {kind} answers at {url}")
                    continue
                own, drop, engine = made
                processes = Processes(folder)
                figures |= many_clients(processes, kind, own)
                processes.end()
                with engine.connect() as connection:
                    connection.exec_driver_sql(drop)
        finally:
            processes.end()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
