"""The fleet in its database, on SQLite, PostgreSQL and MariaDB alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from modelward.core.errors import ConfigError, DataError
from modelward.core.metrics import Estimate
from modelward.monitoring import Sketch, assess
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.fleet.records import Event, Model, Performance, Window
from modelward.monitoring.infrastructure.records import ResourceSample, WorkflowRun

DAY = Window.of("2026-03-01", hours=24)
NEXT = Window.of("2026-03-02", hours=24)
HOSTILE = [
    'a "quoted"\n<b onload=alert(1)>name</b>\\',
    "'; DROP TABLE fleet_models; --",
    "100%_sure",
    "trailing ",
    "trailing",
    "Case",
    "case",
    "ünïcödé \N{PILE OF POO} \u202egnp.exe",
    "n" * 500,
    "n" * 499 + "m",
]


def rows(seed: int, n: int = 400, **shifts: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({c: rng.normal(shifts.get(c, 0.0), 1, n) for c in ("a", "b", "c")})


def fell(before: float, after: float) -> Performance:
    def near(value: float) -> Estimate:
        return Estimate(value, low=value - 0.01, high=value + 0.01, level=0.95, n=1000)

    return Performance("accuracy", baseline=near(before), realised=near(after))


def test_what_is_kept_comes_back(kept: Fleet) -> None:
    model = Model(
        "fraud",
        owner="risk",
        group="cards",
        task="classification",
        metric="accuracy",
        traffic=1e6,
        criticality=2.5,
        silent_after=12,
        registered="fraud",
        version="7",
        run_id="abc",
        tags={"source:a": "crm.people.a", "nöte": "\0"},
    )
    reference = Sketch.fit(rows(0))
    kept.add(model, reference)
    found = kept.model("fraud")
    assert found.reference == reference.digest
    assert found == Model(**{f: getattr(model, f) for f in ("name", "owner", "group", "task", "metric", "traffic", "criticality", "silent_after", "registered", "version", "run_id", "tags")}, reference=reference.digest)  # fmt: skip
    assert kept.models() == (found,)
    assert kept.reference("fraud").digest == reference.digest
    hours = [Window.of(DAY.start + timedelta(hours=h), hours=1) for h in range(3)]
    for i, hour in enumerate(hours):
        kept.record("fraud", hour, rows(i))
    assert kept.windows("fraud") == tuple(hours)
    whole = reference.empty()
    for i in range(3):
        whole = whole.add(rows(i))
    assert kept.sketch("fraud", DAY).digest == whole.digest
    kept.add(model)
    assert kept.reference("fraud").digest == reference.digest
    assert kept.model("fraud").reference == reference.digest
    kept.remove("fraud")
    assert kept.models() == ()
    with pytest.raises(DataError, match="expected models of the fleet, got 'fraud'"):
        kept.windows("fraud")


def test_a_fleet_is_judged_as_one_and_kept(kept: Fleet) -> None:
    shifts: dict[str, dict[str, float]] = {"steady": {}, "bad": {"b": 1.0}, "worse": {"a": 0.8}}
    for i, name in enumerate(shifts):
        kept.add(Model(name, group="g", traffic=10.0), rows(i))
    kept.add(Model("none"), rows(9))
    for i, (name, shift) in enumerate(shifts.items()):
        kept.record(name, DAY, rows(10 + i, **shift), performance=fell(0.9, 0.9 - i / 10))
    result = kept.assess(DAY)
    alone = assess({n: (kept.reference(n), kept.sketch(n, DAY)) for n in shifts})
    assert result.alarmed == alone.alarmed
    assert [r.features for r in result] == [r.features for r in alone]
    for name in shifts:
        again, first = kept.drift(name), alone[name]
        told = [[f.to_dict() for f in each.features] for each in (again, first)]
        assert told[0] == told[1]
        drifted = [[f for f in each.features if f.drifted] for each in (again, first)]
        assert drifted[0] == drifted[1], "of steady ones no words are kept, for none are told"
        assert again.current.digest == first.current.digest
        assert again.reference.digest == first.reference.digest
    page = kept.statuses()
    assert page.total == 4
    assert [s.model.name for s in page] == ["worse", "bad", "none", "steady"]
    worst = page.rows[0]
    assert worst.drifted == ("a",)
    assert worst.worst == "a"
    assert worst.window == DAY
    assert worst.expected_loss == pytest.approx(2.0)
    assert worst.performance == fell(0.9, 0.7)
    assert kept.status("worse") == worst
    assert kept.status("none").state == "new"
    [(window, feature)] = kept.feature_history("bad", "b")
    assert window == DAY
    assert feature.drifted
    with pytest.raises(DataError, match="expected a feature of 'bad', got 'z'"):
        kept.feature_history("bad", "z")
    with pytest.raises(DataError, match="expected an assessed window of 'bad'"):
        kept.drift("bad", NEXT)
    summary = kept.summary()
    assert (summary.models, summary.alarmed, summary.new, summary.q) == (4, 2, 1, 0.05)
    assert summary.window == DAY
    assert summary.incidents == len(kept.incidents()) == 2
    assert [g.group for g in summary.groups] == ["g", ""]


def test_recording_again_changes_nothing(kept: Fleet) -> None:
    kept.add(Model("m"), rows(0))
    for _ in range(2):
        kept.record("m", DAY, rows(1), failures=["a: late"])
        kept.assess()
    assert kept.windows("m") == (DAY,)
    assert kept.sketch("m", DAY).rows == 400
    assert len(kept.history("m")) == 1
    kept.record("m", DAY, performance=fell(0.9, 0.5))
    assert kept.status("m").performance == fell(0.9, 0.5), "late labels are shown at once"
    assert kept.status("m").failures == ("a: late",)
    assert kept.sketch("m", DAY).rows == 400
    kept.record("m", NEXT, rows(2))
    kept.assess()
    assert [s.window for s in kept.history("m")] == [DAY, NEXT]
    assert kept.forget(before=DAY.end + timedelta(hours=1)) == 1
    assert kept.windows("m") == (NEXT,)


def test_names_can_be_anything(kept: Fleet) -> None:
    for i, name in enumerate(HOSTILE):
        kept.add(Model(name, owner=name, group=name), rows(i))
        kept.record(name, DAY, rows(100 + i, b=1.0).rename(columns={"c": name}))
    result = kept.assess(DAY)
    assert set(result.alarmed) == set(HOSTILE)
    assert {m.name for m in kept.models()} == set(HOSTILE)
    for name in HOSTILE:
        status = kept.status(name)
        assert status.model.name == status.model.owner == status.model.group == name
        assert status.drifted == ("b",)
        assert kept.drift(name).model == name
    assert {s.model.name for s in kept.statuses(search="100%_")} == {"100%_sure"}
    assert {s.model.name for s in kept.statuses(search="CASE")} == {"Case", "case"}
    assert kept.statuses(search="%").total == 1
    for name in ("x" * 501, ""):
        with pytest.raises(DataError, match="expected a model name of 1 to 500"):
            Model(name)
    for name, words in (("a\0b", "without NUL"), ("a\ud800", "whole characters")):
        with pytest.raises(DataError, match=words):
            kept.add(Model(name))
    with pytest.raises(DataError, match="owner of 'm' of at most 500 characters, got 10000"):
        kept.add(Model("m", owner="x" * 10_000))


def test_the_table_is_searched_sorted_and_paged(kept: Fleet) -> None:
    kept.add_many((Model(f"m{i:03d}", group=f"g{i % 3}", traffic=i), None) for i in range(250))
    page = kept.statuses(sort="traffic", offset=100, limit=20)
    assert page.total == 250
    assert [s.model.traffic for s in page] == list(range(149, 129, -1))
    assert kept.statuses(group="g1", limit=0).total == 83
    assert kept.statuses(search="g2 m00").total == 3
    names = [s.model.name for s in kept.statuses(sort="name", descending=False, limit=3)]
    assert names == ["m000", "m001", "m002"]
    for wrong in ({"sort": "nothing"}, {"state": "odd"}, {"offset": -1}):
        with pytest.raises(DataError):
            kept.statuses(**wrong)  # type: ignore[arg-type]


def test_what_cannot_be_compared_is_said(kept: Fleet) -> None:
    kept.add(Model("fine"), rows(0))
    kept.record("fine", DAY, rows(1))
    kept.add(Model("no reference"))
    kept.record("no reference", DAY, rows(1))
    kept.add(Model("other grid"), rows(0))
    kept.record("other grid", DAY, Sketch.fit(rows(5, n=900)))
    kept.add(Model("no data"), rows(0))
    kept.record("no data", DAY, performance=fell(0.9, 0.9))
    kept.add(Model("gone"), rows(0))
    kept.record("gone", DAY, rows(1).drop(columns="b"))
    result = kept.assess(DAY)
    assert len(result) == 5
    states = {s.model.name: s.state for s in kept.statuses()}
    assert states.pop("fine") == "steady"
    assert set(states.values()) == {"cannot say"}
    reasons = {
        n: kept.drift(n).features[0].words for n in ("no reference", "other grid", "no data")
    }
    assert "no reference" in reasons["no reference"]
    assert "different grids" in reasons["other grid"]
    assert "no data was recorded" in reasons["no data"]


def test_a_model_falls_silent(tmp_path: object) -> None:
    clock = [datetime(2026, 3, 2, tzinfo=UTC)]
    fleet = Fleet("sqlite://", now=lambda: clock[0])
    fleet.add(Model("m", silent_after=10), rows(0))
    fleet.record("m", DAY, rows(1))
    assert fleet.status("m").state == "new", "recorded, and not judged yet: never steady"
    fleet.assess()
    assert fleet.status("m").state == "steady"
    clock[0] += timedelta(hours=11)
    assert fleet.status("m").state == "silent"
    assert fleet.summary().silent == 1
    assert fleet.statuses(state="silent").total == 1
    fleet.add(Model("m", silent_after=12))
    assert fleet.status("m").state == "steady"


def test_events_runs_and_machines_are_kept_once(kept: Fleet) -> None:
    event = Event("deployment", DAY.start, "version 3 <b>", model="m", version="3")
    for _ in range(2):
        kept.tell(event)
    general = Event("data", DAY.end, "x" * 100_000, columns=("a",))
    kept.tell(general)
    assert kept.events() == (general, event)
    assert kept.events(model="m") == (general, event)
    assert kept.events(model="other") == (general,)
    assert kept.events(since=DAY.end) == (general,)
    run = WorkflowRun("load", "1", "running", started=DAY.start, error="\0broken\ud800")
    kept.workflow(run)
    done = WorkflowRun("load", "1", "succeeded", started=DAY.start, ended=DAY.end, retries=2)
    kept.workflow(done)
    assert kept.workflows() == kept.workflows("load") == (done,)
    assert kept.workflows("other") == ()
    sample = ResourceSample("host", DAY.start, {"cpu_ratio": 0.25})
    for _ in range(2):
        kept.resource(sample)
    assert kept.resources() == kept.resources(host="host") == (sample,)


def test_wrong_databases_are_refused(tmp_path: object) -> None:
    for url in ("nothing", "oracle://x"):
        with pytest.raises(ConfigError, match="expected a"):
            Fleet(url)
    with pytest.raises(DataError, match="no file at"):
        Fleet(f"sqlite:///{tmp_path}/none.db", make=False)
    fleet = Fleet("sqlite://")
    with pytest.raises(DataError, match="expected a fleet with a recorded window"):
        fleet.assess()
