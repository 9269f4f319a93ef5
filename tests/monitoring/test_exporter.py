"""The exporter: what a fleet says of itself, within its limit, and while its database is away."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.monitoring.watching import HOSTILE, NOW, eventually, in_trouble, rows, samples, tool

from modelward.core.errors import DataError
from modelward.core.metrics import Exposition
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.fleet.records import Model, Window
from modelward.monitoring.outputs.exporter import PARTS, DriftExporter, FleetExporter, within_limit
from modelward.monitoring.outputs.families import FAMILIES, label


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with in_trouble(f"sqlite:///{tmp_path_factory.mktemp('fleet') / 'fleet.db'}") as made:
        yield made


@pytest.fixture(scope="module")
def told(fleet: Fleet) -> dict[tuple[str, ...], float]:
    return samples(FleetExporter(fleet).render())


def test_a_model_is_told_as_the_fleet_knows_it(
    fleet: Fleet, told: dict[tuple[str, ...], float]
) -> None:
    status = fleet.status("broken-1")
    assert told["window_rows", "broken-1"] == status.rows == 400
    assert told["features_drifted", "broken-1"] == len(status.drifted) == 1
    assert told["model_largest_change_ratio", "broken-1"] == status.largest_change
    assert told["model_smallest_q_value", "broken-1"] == status.smallest_q
    assert told["model_alarmed", "broken-1"] == 1
    assert told["model_state", "broken-1", "alarmed"] == 1
    assert status.window is not None
    end = told["model_window_end_timestamp_seconds", "broken-1"]
    assert end == status.window.end.timestamp()
    assert told["model_incident", status.incident or "", "broken-1"] == 1
    # The values of labels come in the order of the labels' names: group, metric, model, owner, …
    assert told["model_info", 'c"\n', "", HOSTILE, "<i>ada</i>", "classification", "7"] == 1


def test_performance_is_told_with_its_intervals(told: dict[tuple[str, ...], float]) -> None:
    assert told["model_performance", "realised", HOSTILE] == 0.5
    assert told["model_performance_low", "estimated", HOSTILE] == pytest.approx(0.48)
    assert told["model_performance_high", "baseline", HOSTILE] == pytest.approx(0.91)
    assert told["model_performance_lost", HOSTILE] == pytest.approx(0.4)
    assert told["model_expected_loss", HOSTILE] == pytest.approx(0.4)
    assert told["model_retrain", HOSTILE] == 1
    # Its data is broken: what it would learn is the fault.
    assert not any(key[0] == "model_retrain" and key[1] != HOSTILE for key in told)


def test_what_cannot_be_said_is_never_told_as_no_drift(
    told: dict[tuple[str, ...], float],
) -> None:
    assert told["model_state", "dumb", "cannot say"] == 1
    assert told["features_unjudged", "dumb"] == 2
    assert told["feature_unjudged", "age", "dumb"] == 1
    assert ("feature_drifted", "age", "dumb") not in told
    assert told["model_state", "new", "new"] == 1
    for family in ("window_rows", "features_drifted", "model_expected_loss"):
        assert (family, "new") not in told


def test_features_are_the_top_ones_the_failed_and_drifted_first(fleet: Fleet) -> None:
    told = samples(FleetExporter(fleet, top=1).render())
    assert told["feature_drifted", "age", "broken-1"] == 1
    assert told["feature_q_value", "age", "broken-1"] == fleet.drift("broken-1")["age"].q_value
    assert ("feature_drifted", "size", "broken-1") not in told
    assert told["feature_failures", "size", "well-0"] == 1
    assert not any(
        key[0].startswith("feature_") for key in samples(FleetExporter(fleet, top=0).render())
    )


def test_incidents_groups_and_the_assessment_are_told(
    fleet: Fleet, told: dict[tuple[str, ...], float]
) -> None:
    shared = next(i for i in fleet.incidents() if len(i.members) == 8)
    assert told["incident_models", shared.id] == 8
    assert told["incident_silenced", shared.id] == 0
    assert told["incident_criticality", shared.id] == 1
    summary = fleet.summary()
    assert told["incidents_open",] == summary.incidents
    assert told["false_alarm_rate",] == 0.05
    assert summary.assessed is not None
    assert told["last_assessment_timestamp_seconds",] == summary.assessed.timestamp()
    assert told["models", "a", "alarmed"] == 8
    assert sum(v for key, v in told.items() if key[0] == "models") == summary.models
    assert told["assessment_lag_seconds",] >= told["assessment_duration_seconds",] > 0


def test_workflows_machines_and_events_are_told(told: dict[tuple[str, ...], float]) -> None:
    assert told["workflow_runs", "succeeded", "load"] == 4
    assert told["workflow_runs", "failed", "load"] == told["workflow_failed", "load"] == 1
    assert told["workflow_duration_seconds", "load"] == 30
    assert told["workflow_queue_seconds", "load"] == 5
    assert told["workflow_retries", "load"] == 2
    assert told["workflow_interval_seconds", "load"] == 600
    success = (NOW - timedelta(minutes=20)).timestamp() + 30
    assert told["workflow_last_success_timestamp_seconds", "load"] == success
    assert told["resource_cpu_ratio", "node-1"] == 0.5  # the newest, not the 0.9 before
    assert told["resource_network_received_bytes_total", "node-1"] == 10
    assert told["resource_gpu_ratio", "0", "node-1"] == 0.25
    event = ("event_timestamp_seconds", "deployment", HOSTILE, "out it goes", "7")
    assert told[event] == (NOW - timedelta(hours=2)).timestamp()


def test_every_family_that_is_declared_is_told_by_such_a_fleet(
    told: dict[tuple[str, ...], float],
) -> None:
    assert {key[0] for key in told} == set(FAMILIES)


def test_every_kind_of_database_tells_the_same(
    database_url: str, told: dict[tuple[str, ...], float]
) -> None:
    with in_trouble(database_url) as fleet:
        found = samples(FleetExporter(fleet).render())
    clocked = ("assessment_", "last_assessment_", "read_")  # these are of the moment
    assert {k: v for k, v in found.items() if not k[0].startswith(clocked)} == {
        k: v for k, v in told.items() if not k[0].startswith(clocked)
    }


def test_promtool_finds_no_fault_in_the_names(fleet: Fleet) -> None:
    text = FleetExporter(fleet).render()
    done = subprocess.run(
        [tool("promtool"), "check", "metrics"], input=text, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("limit", [0, 20, 100, 250, 10_000])
def test_the_limit_holds_and_what_is_left_out_is_told(fleet: Fleet, limit: int) -> None:
    told = samples(FleetExporter(fleet, series_limit=limit).render())
    own = {"series", "series_limit", "left_out", "store_up", "read_timestamp_seconds"}
    own |= {"read_duration_seconds"}
    exported = [key for key in told if key[0] not in own]
    assert len(exported) == told["series",] <= limit
    out = {key[1]: value for key, value in told.items() if key[0] == "left_out"}
    assert out.keys() == set(PARTS)
    shown = {key[1] for key in exported if key[0] == "model_alarmed"}
    assert len(shown) + out["models"] == 19
    if shown and out["models"]:
        assert HOSTILE in shown  # the largest expected loss is the last to go
    # A model is told whole or not at all.
    assert {key[1] for key in exported if key[0] == "model_criticality"} == shown


def test_what_is_less_important_does_not_get_in_where_more_had_no_room() -> None:
    wide = [("models", (str(i), "new"), 1.0) for i in range(3)]
    kept, out = within_limit(
        {"models": [wide], "features": [[("feature_drifted", ("a",), 1.0)]]}, 2
    )
    assert kept == {}
    assert out["models"] == out["features"] == 1


def test_figures_stay_while_the_database_is_away(tmp_path: Path) -> None:
    fleet = Fleet(f"sqlite:///{tmp_path / 'fleet.db'}")
    fleet.add(Model("fraud"))
    exporter = FleetExporter(fleet, every=None)
    assert samples(exporter.render())["store_up",] == 1
    fleet.close()
    (tmp_path / "fleet.db").write_bytes(b"not a database at all" * 500)
    for more in ("-wal", "-shm"):
        (tmp_path / f"fleet.db{more}").unlink(missing_ok=True)
    assert not exporter.refresh()
    told = samples(exporter.render())
    assert told["store_up",] == 0
    assert told["model_state", "fraud", "new"] == 1


def test_features_are_read_again_only_where_something_was_decided(tmp_path: Path) -> None:
    fleet = Fleet(f"sqlite:///{tmp_path / 'fleet.db'}")
    for name in ("a", "b"):
        fleet.add(Model(name), rows())
    window, later = Window(NOW - timedelta(hours=2), NOW - timedelta(hours=1)), None
    fleet.record("a", window, rows())
    fleet.record("b", window, rows())
    fleet.assess()
    exporter = FleetExporter(fleet, every=None)
    assert samples(exporter.render())["feature_drifted", "age", "a"] == 0
    before = dict(exporter._features._subjects)
    later = Window(NOW - timedelta(hours=1), NOW)
    fleet.record("a", later, rows(1.0))
    fleet.assess(later)
    exporter.refresh()
    assert samples(exporter.render())["feature_drifted", "age", "a"] == 1
    assert exporter._features._subjects["b"] is before["b"]
    fleet.remove("a")
    exporter.refresh()
    assert ("feature_drifted", "age", "a") not in samples(exporter.render())


def test_a_scrape_does_not_wait_for_the_fleet_after_the_first(tmp_path: Path) -> None:
    with Fleet(f"sqlite:///{tmp_path / 'fleet.db'}") as fleet:
        fleet.add(Model("one"))
        exporter = FleetExporter(fleet, every=0.0)
        exporter.render()
        fleet.add(Model("two"))
        with exporter._reading:  # as if a look took long
            assert ("model_state", "two", "new") not in samples(exporter.render())
        eventually(
            "the second model is told",
            lambda: ("model_state", "two", "new") in samples(exporter.render()),
        )
        with exporter._reading:  # nobody is at it when the database is closed
            exporter.every = None


def test_scrapes_see_each_look_whole_while_others_look(tmp_path: Path) -> None:
    with in_trouble(f"sqlite:///{tmp_path / 'fleet.db'}", shared=4, well=4) as fleet:
        exporter = FleetExporter(fleet, every=None)
        first = exporter.render()
        lookers = [threading.Thread(target=exporter.refresh) for _ in range(4)]
        for looker in lookers:
            looker.start()
        while any(looker.is_alive() for looker in lookers):
            assert len(exporter.render().splitlines()) == len(first.splitlines())
        for looker in lookers:
            looker.join()


def test_a_label_is_short_and_two_texts_stay_two() -> None:
    long = [label("x" * 10_000 + end) for end in "ab"]
    assert len(set(long)) == 2
    assert all(len(text) == 200 for text in long)
    assert label(None) == ""


def test_a_silenced_incident_is_told_as_such(tmp_path: Path) -> None:
    with in_trouble(f"sqlite:///{tmp_path / 'fleet.db'}", shared=2, well=2) as fleet:
        exporter = FleetExporter(fleet, every=None)
        incident = fleet.incidents()[0].id
        fleet.silence(incident, NOW + timedelta(hours=1))
        assert samples(exporter.render())["incident_silenced", incident] == 1
        fleet.silence(incident, NOW - timedelta(hours=1))
        exporter.refresh()
        assert samples(exporter.render())["incident_silenced", incident] == 0


@pytest.mark.parametrize("wrong", [{"top": -1}, {"series_limit": -1}])
def test_settings_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(DataError, match="expected top and series_limit >= 0"):
        FleetExporter(Fleet("sqlite://"), **wrong)


def test_both_exporters_do_not_share_one_exposition() -> None:
    exposition = Exposition()
    DriftExporter(exposition=exposition)
    with pytest.raises(DataError, match="expected a new name of a family"):
        FleetExporter(Fleet("sqlite://"), exposition=exposition)
