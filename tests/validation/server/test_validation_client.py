"""The client: the original's example as it stands, tables, and a server that does not answer well."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.validation.server.conftest import QUICK
from tests.validation.server.serving import Processes

import modelward.validation as valicy
from modelward.core.errors import ConfigError, DataError, ServiceError, StateError
from modelward.validation.client.local import Local
from modelward.validation.client.remote import Remote
from modelward.validation.problems import five_features
from modelward.validation.server.errors import AccessError, ConflictError, NotFoundError

UPPER = (180, 180, 90, 90, 180)


def original_script(api: valicy.ValicyAPI, runs: int) -> valicy.models.Job:
    """The calls of the original tool's public example, in their order."""
    api.config(
        number_of_instances=1,
        min_instance_predictions_before_deletion=50,
        number_of_regular_grid_points=2,
    )
    system = api.get_or_create_system("My system", system_metainfo={"version": "1"})
    assert [each.name for each in api.load_all_systems()] == ["My system"]
    scenario = api.get_or_create_scenario("Day", scenario_metainfo={}, scenario_description="sun")
    features = [
        valicy.models.FeatureContinuous(name=f"feature_{i}", lower=0, upper=upper)
        for i, upper in enumerate(UPPER)
    ]
    scenario.configure_features(*features)
    scenario.configure_output(
        valicy.models.Output(
            name="output_0", threshold=0.4, orientation="lower", certainty_target=0.9
        )
    )
    job: valicy.models.Job = system + scenario + "My job"
    rng = np.random.default_rng(0)
    for run in job.get_runs(number=runs):
        inputs = run.get_test_features()
        assert list(inputs) == [f"feature_{i}" for i in range(5)]
        result = run.get_result_dict()
        assert result == {"output_0": None}
        result["output_0"] = five_features(**inputs) + rng.uniform(-0.01, 0.01)
        run.send(result)
    run = job.get_next_run()
    run.send({"output_0": np.float32(0.1)})
    assert [each.id for each in scenario.load_all_jobs()] == [job.id]
    assert [each.name for each in system.load_all_scenarios()] == ["Day"]
    return job


def judge_script(job: valicy.models.Job, runs: int) -> None:
    frame = job.results_frame()
    assert len(frame) == runs + 1
    assert list(frame.columns[:6]) == [*(f"feature_{i}" for i in range(5)), "output_0"]
    corners = frame.iloc[:32, :5].to_numpy()  # two grid points of each feature, crossed
    assert {tuple(row) for row in corners} == {
        tuple(c) for c in np.array(np.meshgrid(*((0, u) for u in UPPER))).reshape(5, -1).T
    }
    assert (frame["failed"] == ~(frame["output_0"] < 0.4)).all()


def test_the_original_script_runs_on_a_store_of_ones_own(tmp_path: Path) -> None:
    api = valicy.ValicyAPI(api_key="of the original", store=f"sqlite:///{tmp_path / 'v.db'}")
    job = original_script(api, 60)
    judge_script(job, 60)
    found = job.certainty()
    assert found["told"] == 61
    assert 0 <= found["outputs"]["output_0"]["proven"] <= 1
    assert job.explanation()["told"] == 61
    assert [row["told"] for row in job.history()][-1] == 61


def test_the_original_script_runs_on_a_server(tmp_path: Path, processes: Processes) -> None:
    url = f"sqlite:///{tmp_path / 'v.db'}"
    address = processes.serve(url)
    processes.work(url)
    job = original_script(valicy.Valicy("of the original", address), 40)
    judge_script(job, 40)


def test_the_same_seed_and_results_give_the_same_runs() -> None:
    def points() -> list[dict[str, Any]]:
        api = valicy.ValicyAPI(store="sqlite://")
        job = small_job(api, seed=5, number_of_instances=1, initial=8)
        return [
            (run.get_test_features(), run.send(run.get_test_features()["x"]))[0]
            for run in job.get_runs(20)
        ]

    assert points() == points()


def small_job(api: valicy.ValicyAPI, **settings: Any) -> valicy.models.Job:
    scenario = api.get_or_create_scenario("day")
    scenario.configure_features(
        valicy.FeatureContinuous("x", 0, 1), valicy.FeatureCategorical("c", ("a", "b"))
    )
    scenario.configure_output(valicy.Output("z", threshold=0.5))
    system = api.get_or_create_system("s")
    return api.get_or_create_job(system, scenario, "j", **settings)


def test_tables_go_out_and_come_back() -> None:
    job = small_job(valicy.ValicyAPI(store="sqlite://"), **QUICK)
    frame = job.get_runs_frame(3)
    assert list(frame.columns) == ["x", "c"]
    assert frame.index.name == "run"
    frame["z"] = frame["x"] / 2
    frame["crash"] = [None, "stuck", None]
    job.send_frame(frame)
    job.send_frame(frame)  # the same again changes nothing
    field = pd.DataFrame({"x": [0.25, 0.5], "c": ["a", "b"], "z": [1.0, 0.0]})
    job.send_frame(field)
    job.certainty()
    results = job.results_frame()
    assert list(results["kind"]) == ["initial"] * 3 + ["field"] * 2 or len(results) == 5
    assert results.loc[frame.index[1], "crash"] == "stuck"
    assert results["failed"].sum() == 2
    for wrong, what in (
        (field.drop(columns="z"), r"got none of \['z'\]"),
        (field.assign(z=[1.0, np.nan]), "row 1: expected a finite number"),
        (field.assign(z=["1", "2"]), "row 0: expected a number"),
        (field.assign(x=[0.1, 5.0]), "row 1: expected a number in"),
    ):
        with pytest.raises(DataError, match=what):
            job.send_frame(wrong)
    assert len(job.results_frame()) == 5


def test_mistakes_are_told() -> None:
    api = valicy.ValicyAPI(store="sqlite://")
    job = small_job(api, **QUICK)
    run = job.get_next_run()
    with pytest.raises(DataError, match=r"outputs \['z'\], got none"):
        run.send(run.get_result_dict())
    with pytest.raises(DataError, match="finite number for output 'z', got nan"):
        run.send({"z": float("nan")})
    assert run.send_crash("it hung") == "kept"
    assert run.send_crash("it hung") == "again"
    with pytest.raises(ConflictError, match="one outcome"):
        run.send({"z": 1.0})
    with pytest.raises(ConfigError, match="settings of a study"):
        api.config(instances=3)
    with pytest.raises(ConfigError, match="not in a list"):
        api.get_or_create_scenario("n").configure_features([valicy.FeatureContinuous("x", 0, 1)])  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="address of a server"):
        valicy.ValicyAPI("k", "localhost:80")
    with pytest.raises(ConfigError, match="got both"):
        valicy.ValicyAPI("k", "http://localhost", store="sqlite://")
    job.stop("enough")
    assert list(job.get_runs(3)) == [] or job.stopped == "enough"


def test_a_loop_that_is_left_gives_its_runs_back_and_a_stop_ends_it() -> None:
    job = small_job(valicy.ValicyAPI(store="sqlite://"), **QUICK, stop=valicy.StopRule(runs=12))
    for i, run in enumerate(job.get_runs(10)):
        run.send(0.0)
        if i == 4:
            break
    assert sum(1 for run in job.get_runs(100) if run.send(0.0)) == 7
    assert job.stopped == "the budget of 12 runs is spent"
    with pytest.raises(StateError, match="it has stopped: the budget"):
        job.get_next_run()
    job.resume(valicy.StopRule(runs=15, certainty=False))
    assert sum(1 for run in job.get_runs(100) if run.send(0.0)) == 3


def test_without_a_worker_the_wait_ends_with_a_hint(tmp_path: Path) -> None:
    from modelward.validation.server import Database, Service
    from modelward.validation.server.store.access import tenant_id

    local = Local(f"sqlite:///{tmp_path / 'v.db'}")
    api = valicy.ValicyAPI(store=local.database.url)
    job = small_job(api)
    database = Database(local.database.url)
    job.connection = Service(database, tenant=tenant_id(database, "local"))
    with pytest.raises(ServiceError, match="modelward validation worker"):
        next(job.get_runs(1, timeout=0.1))


Answer = tuple[int, dict[str, str], bytes]


@contextmanager
def crooked(answers: list[Answer | None]) -> Iterator[tuple[str, list[Any]]]:
    """A server that gives these answers, one after the other; None hangs up."""
    asked: list[Any] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            asked.append((self.headers.get("Idempotency-Key"), json.loads(body)))
            answer = answers.pop(0)
            if answer is None:
                self.connection.close()
                return
            self.send_response(answer[0])
            for name, value in {"Content-Length": str(len(answer[2])), **answer[1]}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer[2])

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_call_is_repeated_with_the_same_key_until_it_is_answered() -> None:
    good = (200, {}, b'{"runs": [], "stopped": null}')
    busy = (503, {"Retry-After": "0"}, b"{}")
    with crooked([None, busy, (429, {}, b"{}"), good]) as (address, asked):
        assert Remote(address).lease_runs(1)["runs"] == []
    keys = [key for key, _ in asked]
    assert len(keys) == 4
    assert len(set(keys)) == 1
    assert keys[0]


def test_what_a_server_refuses_is_not_repeated() -> None:
    for status, kind in (
        (401, AccessError),
        (403, AccessError),
        (404, NotFoundError),
        (409, ConflictError),
        (422, DataError),
        (413, DataError),
        (500, ServiceError),
        (302, ServiceError),
    ):
        said = json.dumps({"detail": "no, because", "hint": "do this"}).encode()
        with crooked([(status, {}, said)]) as (address, asked):
            with pytest.raises(kind, match="no, because\n\nHint: do this"):
                Remote(address).get_or_create_system("a")
            assert len(asked) == 1
    with crooked([(200, {}, b"<html>")]) as (address, _), pytest.raises(ServiceError, match="JSON"):
        Remote(address).get_or_create_system("a")


def test_a_server_that_is_not_there_is_told_after_the_tries() -> None:
    with pytest.raises(ServiceError, match="got none in 2 tries"):
        Remote("http://127.0.0.1:9", retries=1).list_systems()


def test_the_environment_names_server_and_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELWARD_VALIDATION_ADDRESS", "http://127.0.0.1:9")
    monkeypatch.setenv("MODELWARD_VALIDATION_KEY", "k")
    connection = valicy.ValicyAPI().connection
    assert isinstance(connection, Remote)
    assert connection.address == "http://127.0.0.1:9"
    monkeypatch.delenv("MODELWARD_VALIDATION_ADDRESS")
    url = tmp_path / "url"
    url.write_text(f"sqlite:///{tmp_path / 'v.db'}\n")
    monkeypatch.setenv("MODELWARD_VALIDATION_DATABASE_FILE", str(url))
    assert valicy.load_all_systems() == []
    assert (tmp_path / "v.db").is_file()
