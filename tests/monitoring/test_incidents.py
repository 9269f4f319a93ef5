"""Incidents: one broken column is told once, whatever the number of models it breaks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from modelward.core.errors import DataError
from modelward.core.metrics import Estimate
from modelward.monitoring import Sketch
from modelward.monitoring.fleet.common_cause import Columns, common_causes
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.fleet.records import Event, Model, Performance, Window

DAYS = [Window.of(f"2026-03-0{day}", hours=24) for day in range(1, 7)]
COLUMNS = ("a", "b", "c", "d")
BROKEN = [f"m{i:02d}" for i in range(12)]


def rows(rng: np.random.Generator, n: int = 1000, **shifts: float) -> pd.DataFrame:
    return pd.DataFrame({c: rng.normal(shifts.get(c, 0.0), 1, n) for c in COLUMNS})


def lost(share: float) -> Performance:
    def near(value: float) -> Estimate:
        return Estimate(value, low=value - 0.02, high=value + 0.02, level=0.95, n=1000)

    return Performance("accuracy", baseline=near(0.9), realised=near(0.9 - share))


class World:
    """A fleet of forty models, and days of windows in which some columns are shifted."""

    def __init__(self, **tags: dict[str, str]) -> None:
        self.clock = DAYS[0].end
        self.rng = np.random.default_rng(7)
        self.fleet = Fleet("sqlite://", now=lambda: self.clock)
        self.reference = Sketch.fit(rows(self.rng, 6000), cells=128)
        self.names = [f"m{i:02d}" for i in range(40)]
        models = []
        for name in self.names:
            model = Model(name, owner="o", group="g", tags=tags.get(name, {}))
            models.append((model, self.reference))
        self.fleet.add_many(models)

    def day(self, window: Window, shifts: dict[str, dict[str, float]], **more: Any) -> None:
        self.clock = window.end
        skipped = more.pop("skip", ())
        came = []
        for name in self.names:
            if name not in skipped:
                frame = rows(self.rng, **shifts.get(name, {}))
                for column in more.get("missing", {}).get(name, ()):
                    frame = frame.drop(columns=column)
                sketch = self.reference.empty().add(frame)
                performance = more.get("performance", {}).get(name)
                failures = more.get("failures", {}).get(name, ())
                came.append((name, window, sketch, performance, failures))
        self.fleet.record_many(came)
        self.fleet.assess(window, smallest_shift=0.1)  # so that no chance alarm disturbs


def test_a_column_broken_for_many_models_is_one_incident() -> None:
    world = World()
    world.fleet.tell(Event("data", DAYS[1].start - timedelta(hours=2), "new feed", columns=("b",)))
    world.fleet.tell(Event("data", DAYS[1].start - timedelta(hours=1), "of d", columns=("d",)))
    world.fleet.tell(Event("deployment", DAYS[1].start - timedelta(hours=9), "v2", "m03", "2"))
    world.fleet.tell(Event("deployment", DAYS[1].start - timedelta(hours=3), "v9", "m39", "9"))
    world.fleet.tell(Event("note", DAYS[1].start - timedelta(days=30), "long ago"))
    world.day(DAYS[0], {})
    assert world.fleet.incidents() == ()
    shifts = {name: {"b": 1.0} for name in BROKEN}
    shifts["m30"] = {"c": 1.0}
    costs = {"m05": lost(0.3), "m07": lost(0.1), "m30": lost(0.2)}
    world.day(DAYS[1], shifts, performance=costs)
    first, alone = world.fleet.incidents()
    assert first.columns == ("b",)
    assert set(first.members) == set(BROKEN)
    assert first.members[:3] == ("m05", "m07", "m00"), "by what they cost"
    assert first.expected_loss == pytest.approx(0.4)
    assert (first.first, first.last) == (DAYS[1], DAYS[1])
    assert [event.text for event in first.before] == ["new feed", "v2"], "the nearest first"
    assert "new feed" in first.suggestion
    assert "12 models" in first.title
    assert "binomial" in first.rule
    assert alone.members == ("m30",)
    assert alone.columns == ("c",)
    assert world.fleet.status("m05").incident == first.id
    assert world.fleet.status("m30").incident == alone.id
    assert world.fleet.status("m35").incident is None


def test_an_incident_lasts_as_long_as_its_cause_and_is_told_once() -> None:
    world = World()
    shifts = {name: {"b": 1.0} for name in BROKEN}
    world.day(DAYS[0], {})
    world.day(DAYS[1], shifts)
    [first] = world.fleet.incidents()
    world.fleet.silence(first.id, DAYS[3].end)
    world.fleet.assess(DAYS[1], smallest_shift=0.1)
    world.fleet.assess(DAYS[1], q=0.04, smallest_shift=0.1)
    assert [i.id for i in world.fleet.incidents()] == [first.id], "judging again changes nothing"
    more = shifts | {name: {"b": 1.0} for name in ("m20", "m21", "m22", "m23")}
    world.day(DAYS[2], more, skip=("m00",))
    [second] = world.fleet.incidents()
    assert second.id == first.id
    assert second.first == DAYS[1]
    assert second.last == DAYS[2]
    assert set(second.members) == {*BROKEN, "m20", "m21", "m22", "m23"}, "m00 did not report"
    assert second.silenced_until == DAYS[3].end
    world.day(DAYS[3], {"m01": {"b": 1.0}})
    [third] = world.fleet.incidents()
    assert third.id == first.id, "one model still has it"
    assert third.members == ("m01",)
    world.day(DAYS[4], {})
    assert world.fleet.incidents() == ()
    [closed] = world.fleet.incidents(open=False)
    assert closed.id == first.id
    assert not closed.open
    assert world.fleet.status("m01").incident is None
    world.day(DAYS[5], shifts)
    [again] = world.fleet.incidents()
    assert again.id != first.id, "what broke anew is a new incident"
    world.fleet.assess(DAYS[2])
    assert [i.id for i in world.fleet.incidents()] == [again.id], "the past does not change now"
    with pytest.raises(DataError, match="expected the id of an incident"):
        world.fleet.silence("nothing", None)


def test_a_model_that_is_removed_leaves_its_incidents() -> None:
    world = World()
    world.day(DAYS[0], {name: {"b": 1.0} for name in BROKEN[:5]} | {"m30": {"c": 1.0}})
    world.fleet.remove("m30")
    [common] = world.fleet.incidents()
    world.fleet.remove("m01")
    assert world.fleet.incidents()[0].members == ("m00", "m02", "m03", "m04")
    for name in ("m00", "m02", "m03", "m04"):
        world.fleet.remove(name)
    assert world.fleet.incidents() == ()
    assert {i.id for i in world.fleet.incidents(open=False)} > {common.id}


def test_one_after_the_other_is_no_common_cause() -> None:
    """Models that drift on one column on different days have no cause in common."""
    world = World()
    shifts: dict[str, dict[str, float]] = {}
    for i, day in enumerate(DAYS):
        shifts[f"m{i:02d}"] = {"b": 1.0}
        world.day(day, shifts)
    found = world.fleet.incidents()
    assert len(found) == len(DAYS)
    assert all(len(incident.members) == 1 for incident in found)
    assert {incident.first for incident in found} == set(DAYS)


def test_a_column_that_is_gone_is_a_common_cause_too() -> None:
    world = World()
    world.day(DAYS[0], {})
    gone = dict.fromkeys(BROKEN, ("c",))
    world.day(DAYS[1], {}, missing=gone)
    [incident] = world.fleet.incidents()
    assert incident.columns == ("c",)
    assert set(incident.members) == set(BROKEN)
    assert "missing in the window" in incident.suggestion
    assert world.fleet.status("m00").state == "cannot say"


def test_failed_checks_of_one_column_are_a_common_cause_too() -> None:
    world = World()
    world.day(DAYS[0], {}, failures=dict.fromkeys(BROKEN[:5], ("d: 40 % missing",)))
    [incident] = world.fleet.incidents()
    assert incident.columns == ("d",)
    assert set(incident.members) == set(BROKEN[:5])
    assert world.fleet.status("m00").state == "alarmed"


def test_columns_that_break_together_are_one_incident() -> None:
    world = World()
    world.day(DAYS[0], {name: dict.fromkeys(COLUMNS, 1.0) for name in BROKEN})
    [incident] = world.fleet.incidents()
    assert set(incident.columns) == set(COLUMNS)
    assert set(incident.members) == set(BROKEN)


def test_a_member_in_other_trouble_has_an_incident_of_its_own_too() -> None:
    world = World()
    world.day(DAYS[0], {name: {"b": 1.0} for name in BROKEN} | {"m03": {"b": 1.0, "d": 1.0}})
    common, own = sorted(world.fleet.incidents(), key=lambda i: -len(i.members))
    assert set(common.members) == set(BROKEN)
    assert own.members == ("m03",)
    assert own.columns == ("d",)
    assert world.fleet.status("m03").incident == common.id


def test_a_declared_source_tells_columns_of_one_name_apart() -> None:
    here = {f"m{i:02d}": {"source:b": "crm.b"} for i in range(6)}
    there = {f"m{i:02d}": {"source": "web"} for i in range(6, 12)}
    world = World(**here, **there)
    world.day(DAYS[0], {name: {"b": 1.0} for name in BROKEN})
    found = {frozenset(i.members) for i in world.fleet.incidents()}
    assert found == {frozenset(BROKEN[:6]), frozenset(BROKEN[6:])}
    renamed = {"m00": {"source:a": "crm.x"}, "m01": {"source:b": "crm.x"}}
    renamed |= {"m02": {"source:c": "crm.x"}}
    world = World(**renamed)
    world.day(DAYS[0], {"m00": {"a": 1.0}, "m01": {"b": 1.0}, "m02": {"c": 1.0}})
    [incident] = world.fleet.incidents()
    assert incident.columns == ("a", "b", "c"), "one place upstream, three names"


def test_a_model_that_only_performs_worse_has_an_incident() -> None:
    world = World()
    steady = {name: lost(0.0) for name in world.names}
    world.fleet.tell(Event("deployment", DAYS[1].start - timedelta(hours=1), "v4", "m11", "4"))
    world.day(DAYS[0], {}, performance=steady)
    assert world.fleet.incidents() == ()
    world.day(DAYS[1], {}, performance=steady | {"m11": lost(0.3)})
    [incident] = world.fleet.incidents()
    assert incident.members == ("m11",)
    assert incident.columns == ()
    assert "accuracy 0.9 to 0.6" in incident.title
    assert "version 4" in incident.suggestion
    assert world.fleet.status("m11").state == "alarmed"
    assert world.fleet.statuses().rows[0].model.name == "m11"


def fleet_of(
    rng: np.random.Generator, models: int, columns: int, rate: float, width: int
) -> list[Columns]:
    """Models that each have some of the columns, each of which goes bad by itself at a rate."""
    names = [("", f"c{j}") for j in range(columns)]
    seen = []
    for i in range(models):
        mine = rng.permutation(columns)[:width].tolist()
        fell = (rng.random(width) < rate).tolist()
        bad = frozenset(names[j] for j, yes in zip(mine, fell, strict=True) if yes)
        seen.append(Columns(f"m{i}", frozenset(names[j] for j in mine), bad))
    return seen


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.001, 0.01, 0.05, 0.2])
@pytest.mark.parametrize(
    ("models", "columns", "width", "runs"), [(200, 20, 20, 100), (800, 200, 8, 50)]
)
def test_chance_alone_seldom_makes_a_common_cause(
    rate: float, models: int, columns: int, width: int, runs: int
) -> None:
    """Alarms of independent models: at most 1 in 100 windows may tell a cause (Monte Carlo)."""
    rng = np.random.default_rng(int(1000 * rate) + models)
    told = sum(
        bool(common_causes(fleet_of(rng, models, columns, rate, width))) for _ in range(runs)
    )
    # At 1 %, six or more of 100 windows come by chance in 1 of 2,000 suites.
    assert told <= 5, f"{told} of {runs} windows"


def test_the_chance_is_the_binomial_one() -> None:
    """The p-value against a count by simulation of the same binomial, and Bonferroni over columns."""
    rng = np.random.default_rng(0)
    names = frozenset({("", "a"), ("", "b")})
    bad_b = [Columns(f"x{i}", names, frozenset({("", "b")})) for i in range(60)]
    bad_a = [Columns(f"y{i}", names, frozenset({("", "a")})) for i in range(40)]
    well = [Columns(f"z{i}", names, frozenset()) for i in range(300)]
    [cause] = [c for c in common_causes(bad_a + bad_b + well, alpha=1.0) if ("", "a") in c.columns]
    rate = (60 + 1) / (360 + 20)
    assert cause.expected == pytest.approx(400 * rate)
    simulated = (rng.binomial(400, rate, 200_000) >= 40).mean()
    assert cause.p_value == pytest.approx(min(1.0, 2 * simulated), abs=0.01)


def test_three_models_are_the_least() -> None:
    names = frozenset(("", name) for name in "abcdefghij")
    for count, told in ((2, 0), (3, 1)):
        bad = [Columns(f"x{i}", names, frozenset({("", "a")})) for i in range(count)]
        well = [Columns(f"z{i}", names, frozenset()) for i in range(100)]
        assert len(common_causes(bad + well)) == told


def test_a_fleet_of_one_column_has_a_rate_too() -> None:
    names = frozenset({("", "a")})
    bad = [Columns(f"x{i}", names, names) for i in range(200)]
    well = [Columns(f"z{i}", names, frozenset()) for i in range(100)]
    [cause] = common_causes(bad + well)
    assert len(cause.members) == 200
