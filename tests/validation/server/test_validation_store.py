"""The store of the server, on SQLite, PostgreSQL and MariaDB alike: each run once, each result kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from modelward.core.errors import ConfigError, DataError
from modelward.validation.server.errors import ClaimLostError, ConflictError, NotFoundError
from modelward.validation.server.service import Service
from modelward.validation.server.store import progress, queue
from modelward.validation.server.store.access import tenant_id
from modelward.validation.server.store.database import Database

Make = Callable[..., int]
HOSTILE = [
    'a "quoted"\n<b onload=alert(1)>name</b>\\',
    "'; DROP TABLE validation_jobs; --",
    "{{7*7}} 100%_sure",
    "Case",
    "case",
    "case ",
    "ünïcödé \N{PILE OF POO} \u202egnp.exe",
    "n" * 500,
    "n" * 499 + "m",
]


def fill(database: Database, job: int, n: int, first: int = 0) -> None:
    rows = [
        {
            "number": i,
            "kind": "initial",
            "point": {"x": i / 1e4, "y": 0.5},
            "proposal": {"id": i, "kind": "initial", "values": {"x": i / 1e4, "y": 0.5}},
        }
        for i in range(first, first + n)
    ]
    with database.writing() as tx:
        queue.put(tx, job, rows)


def test_names_stay_what_they_are(service: Service) -> None:
    for name in HOSTILE:
        made = service.get_or_create_system(name, description=name, metainfo={name: name})
        again = service.get_or_create_system(name)
        assert (made["name"], made["metainfo"]) == (name, {name: name})
        assert again == made
    assert [each["name"] for each in service.list_systems()] == HOSTILE
    for wrong in ("", "  ", "n" * 501, "a\0b", "\ud800"):
        with pytest.raises(DataError, match="the name of a system"):
            service.get_or_create_system(wrong)


def test_the_configuration_locks_with_the_first_job(service: Service, make_job: Make) -> None:
    scenario = service.get_or_create_scenario("day")["id"]
    system = service.get_or_create_system("brake")["id"]
    with pytest.raises(ConflictError, match="without features and outputs"):
        service.get_or_create_job(system, scenario, "job")
    job = make_job(service)
    there = service.get_scenario(scenario)
    assert there["locked"]
    assert service.configure_features(scenario, there["features"]) == there  # the same: no change
    with pytest.raises(ConflictError, match="as it is: a job runs on it"):
        service.configure_outputs(scenario, [{"name": "z", "threshold": 0.6}])
    assert make_job(service) == job
    assert service.list_scenarios(system=system) == [there]


@pytest.mark.parametrize(
    ("features", "what"),
    [
        ([{"kind": "FeatureContinuous", "name": "x", "lower": 2, "upper": 1}], "lower < upper"),
        (
            [{"kind": "FeatureContinuous", "name": "x", "lower": 0}],
            "the fields of a FeatureContinuous",
        ),
        ([{"kind": "Nothing", "name": "x"}], "Nothing"),
        ([], "at least one feature"),
        ([{"kind": "FeatureInteger", "name": n, "lower": 0, "upper": 1} for n in "xx"], "'x'"),
    ],
)
def test_features_that_do_not_fit_are_told(features: Any, what: str) -> None:
    database = Database("sqlite://")
    service = Service(database, tenant=tenant_id(database, "ours"))
    scenario = service.get_or_create_scenario("day")["id"]
    with pytest.raises(ConfigError, match=what):
        service.configure_features(scenario, features)


def test_another_tenant_sees_nothing(service: Service, make_job: Make) -> None:
    job = make_job(service)
    other = Service(service.database, tenant=tenant_id(service.database, "theirs"))
    assert other.list_jobs() == []
    assert other.list_systems() == []
    for ask in (
        lambda: other.get_job(job),
        lambda: other.lease_runs(job),
        lambda: other.tell_run(job, 0, {"results": {"z": 0.0}}),
        lambda: other.list_runs(job),
        lambda: other.explanation(job),
        lambda: other.stop_job(job),
        lambda: other.get_scenario(1),
        lambda: other.get_or_create_job(1, 1, "mine"),
        lambda: other.get_job(2**70),
    ):
        with pytest.raises(NotFoundError):
            ask()


def test_each_run_is_leased_to_one(service: Service, make_job: Make) -> None:
    job = make_job(service)
    fill(service.database, job, 200)
    together = threading.Barrier(8)

    def take() -> list[int]:
        together.wait()
        found: list[int] = []
        while len(found) < 25:
            found += [run["number"] for run in service.lease_runs(job, 5)["runs"]]
        return found

    with ThreadPoolExecutor(8) as pool:
        taken = [pool.submit(take) for _ in range(8)]
        numbers = [number for each in taken for number in each.result()]
    assert sorted(numbers) == list(range(200))
    assert service.lease_runs(job, 5)["runs"] == []


def test_a_repeated_request_gets_the_same_runs(service: Service, make_job: Make) -> None:
    job = make_job(service)
    fill(service.database, job, 10)
    first = service.lease_runs(job, 3, request="r1")
    assert service.lease_runs(job, 3, request="r1") == first
    second = service.lease_runs(job, 3, request="r2")
    assert {r["number"] for r in second["runs"]} == {3, 4, 5}


def test_a_lease_that_ran_out_is_given_out_again(service: Service, make_job: Make) -> None:
    job = make_job(service)
    fill(service.database, job, 3)
    (old,) = service.lease_runs(job, 1, seconds=1)["runs"]
    with service.database.writing() as tx:
        tx.exec_driver_sql("UPDATE validation_runs SET lease_until = 1 WHERE number = 0")
    (new,) = service.lease_runs(job, 1)["runs"]
    assert new["number"] == old["number"] == 0
    assert new["lease"] != old["lease"]
    # Late, but first: it counts, and is marked.
    late = {"results": {"z": 0.1}, "lease": old["lease"]}
    assert service.tell_run(job, 0, late) == {"became": "kept"}
    assert service.get_run(job, 0)["late"] is True
    assert service.tell_run(job, 0, late) == {"became": "again"}
    # The other holder's result differs: it is kept as well, once.
    other = {"results": {"z": 0.2}, "lease": new["lease"]}
    assert service.tell_run(job, 0, other) == {"became": "repeat"}
    assert service.tell_run(job, 0, other) == {"became": "repeat"}
    assert service.get_run(job, 0)["results"] == {"z": 0.1}
    assert service.get_job(job)["runs"] == {"ready": 2, "leased": 0, "told": 2}
    with pytest.raises(ConflictError, match="one outcome of run 0"):
        service.tell_run(job, 0, {"results": {"z": 0.3}, "lease": old["lease"]})
    with pytest.raises(ConflictError, match="after"):
        service.tell_run(job, 0, {"crash": "no answer"})


def test_leases_are_kept_and_given_back(service: Service, make_job: Make) -> None:
    job = make_job(service)
    fill(service.database, job, 2)
    (run, _) = service.lease_runs(job, 2)["runs"]
    assert service.renew_lease(job, [0, 1], run["lease"], seconds=60) == {"held": 2}
    assert service.renew_lease(job, [1], "another", seconds=0) == {"held": 0}
    assert service.renew_lease(job, [1], run["lease"], seconds=0) == {"held": 1}
    assert [r["number"] for r in service.lease_runs(job, 2)["runs"]] == [1]


@pytest.mark.parametrize(
    ("outcome", "what"),
    [
        ({}, "got neither"),
        ({"results": {"z": 1.0}, "crash": "x"}, "got both"),
        ({"results": {}}, r"\['z'\]"),
        ({"results": {"z": 1.0, "w": 2.0}}, "w"),
        ({"results": {"z": float("nan")}}, "finite"),
        ({"results": {"z": float("inf")}}, "finite"),
        ({"results": {"z": "1"}}, "finite number"),
        ({"crash": "a\0b"}, "NUL"),
    ],
)
def test_outcomes_that_do_not_fit_change_nothing(outcome: Any, what: str, make_job: Make) -> None:
    database = Database("sqlite://")
    service = Service(database, tenant=tenant_id(database, "ours"))
    job = make_job(service)
    fill(database, job, 2)
    with pytest.raises(DataError, match=what):
        service.tell_runs(job, [{"number": 0, "results": {"z": 0.1}}, {"number": 1, **outcome}])
    assert service.get_job(job)["runs"]["told"] == 0
    with pytest.raises(NotFoundError, match="number 7"):
        service.tell_runs(
            job, [{"number": 0, "results": {"z": 0.1}}, {"number": 7, "results": {"z": 0.1}}]
        )
    assert service.get_job(job)["runs"]["told"] == 0  # all, or none


def test_field_data_is_kept_once(service: Service, make_job: Make) -> None:
    job = make_job(service)
    rows = [
        {"point": {"x": 0.1, "y": 0.2}, "results": {"z": 0.02}},
        {"point": {"x": 1, "y": 1}, "crash": "stuck"},
    ]
    assert service.add_field_data(job, rows, request="a") == {"kept": 2}
    assert service.add_field_data(job, rows, request="a") == {"kept": 2}
    assert service.get_job(job)["runs"]["told"] == 2
    with pytest.raises(DataError, match="row 1: expected a number in"):
        service.add_field_data(
            job, [rows[0], {"point": {"x": 2, "y": 0}, "results": {"z": 1}}], request="b"
        )
    assert service.get_job(job)["runs"]["told"] == 2


def test_one_worker_has_a_job_and_a_dead_one_loses_it(service: Service, make_job: Make) -> None:
    job = make_job(service)
    first = progress.claim(service.database, job, worker="elsewhere/1/a", seconds=60)
    assert first == 1
    assert progress.claim(service.database, job, worker="elsewhere/2/b", seconds=60) is None
    with service.database.writing() as tx:
        progress.hold(tx, job, first, seconds=0)  # given back
    second = progress.claim(service.database, job, worker="elsewhere/2/b", seconds=60)
    assert second == 2
    with (
        pytest.raises(ClaimLostError, match="another in its place"),
        service.database.writing() as tx,
    ):
        progress.hold(tx, job, first)
