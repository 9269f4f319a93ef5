"""The events of a simulation: in order, the same for a seed, and each fault does only its own."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelward.adaptive_pipeline.simulator import (
    Delay,
    Duplicates,
    Exponential,
    Fault,
    Fixed,
    Gradual,
    LogNormal,
    Loss,
    Never,
    NoDrift,
    Outage,
    Recurring,
    Request,
    Revisions,
    Sample,
    Sea,
    SetBack,
    Shuffle,
    Simulation,
    Sine,
    Sudden,
    Truth,
    Uniform,
    VirtualClock,
)
from modelward.core.errors import ConfigError, DataError

FAULTS: list[Fault] = [
    Duplicates(0.3, after=Exponential(20)),
    Loss(0.1),
    Revisions(0.2, after=Uniform(0, 50)),
    Shuffle(within=40),
    Outage(50, 90),
    Outage(100, 120, of="requests"),
    Outage(150, 160, lost=True),
    Outage(170, 180, of="requests", lost=True),
    SetBack(at=60, seconds=30),
]
DELAYS: list[Delay] = [
    Fixed(),
    Uniform(5, 30),
    Exponential(20),
    LogNormal(20, 1.5),
    Never(0.3, otherwise=Fixed(7)),
]


def simulated(faults: Any = (), delay: Delay | None = None, **more: Any) -> Simulation:
    return Simulation(
        Sea(), **{"n": 250, "delay": delay or Uniform(5, 30), "faults": faults} | more
    )


def requests(simulation: Simulation) -> list[Request]:
    return [event for event in simulation.events() if isinstance(event, Request)]


def truths(simulation: Simulation) -> list[Truth]:
    return [event for event in simulation.events() if isinstance(event, Truth)]


some_faults = st.lists(st.sampled_from(FAULTS), max_size=6)
some_delay = st.sampled_from(DELAYS)
seeds = st.integers(0, 2**32)


@settings(deadline=None, max_examples=60)
@given(faults=some_faults, delay=some_delay, seed=seeds, tick=st.sampled_from([0.0, 0.7, 30.0]))
def test_events_come_in_the_order_of_time_and_the_same_again(
    faults: list[Fault], delay: Delay, seed: int, tick: float
) -> None:
    simulation = simulated(faults, delay, seed=seed, tick=tick)
    events = list(simulation.events())
    assert [event.at for event in events] == sorted(event.at for event in events)
    assert events == list(simulation.events())
    assert len({e.request_id for e in events if isinstance(e, Request)}) == len(
        [e for e in events if isinstance(e, Request)]
    )
    other = list(simulated(faults, delay, seed=seed + 1, tick=tick).events())
    assert other != events


@settings(deadline=None, max_examples=60)
@given(faults=some_faults, more=st.sampled_from(FAULTS), delay=some_delay, seed=seeds)
def test_one_more_fault_changes_nothing_but_what_it_does(
    faults: list[Fault], more: Fault, delay: Delay, seed: int
) -> None:
    """What the others do to a label they do all the same."""
    without = simulated(faults, delay, seed=seed)
    with_it = simulated([*faults, more], delay, seed=seed)
    if not (isinstance(more, Outage) and more.of == "requests"):
        assert requests(with_it) == requests(without)
    before, after = Counter(truths(without)), Counter(truths(with_it))
    if isinstance(more, Loss) or (isinstance(more, Outage) and more.lost):
        assert after <= before
    elif isinstance(more, Duplicates):
        assert before <= after
        assert all(truth.copy for truth in after - before)
    elif isinstance(more, SetBack) or (isinstance(more, Outage) and more.of == "requests"):
        assert after == before
    elif not isinstance(more, Revisions):  # only the times move
        assert len(truths(with_it)) == len(truths(without))


def test_the_world_is_the_same_up_to_a_change() -> None:
    still = requests(Simulation(Sine(), n=200, seed=5))
    moved = Simulation(Sine().then(Sine(phase=1.0), Sudden(at=120)), n=200, seed=5)
    world = requests(Simulation(Sine().then(Sine(phase=1.0), NoDrift()), n=200, seed=5))
    seen = requests(moved)
    assert [r.row for r in seen] == [r.row for r in world]
    assert [r.label for r in seen[:120]] == [r.label for r in world[:120]]
    assert all(a.label != b.label for a, b in zip(seen[120:], world[120:], strict=True))
    assert len(still) == len(world) == 200


def test_the_truth_told_is_the_truth_and_corrections_come_to_it() -> None:
    simulation = simulated([Revisions(0.5), Duplicates(0.5), Shuffle(30)])
    truth = {r.request_id: r.label for r in requests(simulation)}
    last: dict[str, Truth] = {}
    for one in truths(simulation):
        if one.revision >= last.get(one.request_id, one).revision:
            last[one.request_id] = one
    assert {name: one.label for name, one in last.items()} == truth
    revised = [one for one in truths(simulation) if one.revision and not one.copy]
    assert 90 <= len(revised) <= 160


def test_a_label_may_be_corrected_twice() -> None:
    """Each revision is told once, and the last one is the truth."""
    simulation = simulated([Revisions(1.0), Revisions(1.0)])
    truth = {r.request_id: r.label for r in requests(simulation)}
    told = {(t.request_id, t.revision): t.label for t in truths(simulation)}
    assert len(told) == len(truths(simulation)) == 3 * 250
    assert {name: told[name, 2] for name in truth} == truth


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_shares_are_kept(share: float) -> None:
    n = 4_000
    error = 4 * math.sqrt(share * (1 - share) / n) * n
    copies = sum(t.copy for t in truths(simulated([Duplicates(share)], n=n)))
    left = len(truths(simulated([Loss(share)], n=n)))
    told = len(truths(simulated(delay=Never(share), n=n)))
    assert abs(copies - share * n) <= error
    assert abs(left - (1 - share) * n) <= error
    assert abs(told - (1 - share) * n) <= error


def test_delays_have_the_moments_they_say() -> None:
    rng = np.random.default_rng(0)

    def drawn(delay: Delay) -> np.ndarray:
        return np.array([delay.draw(rng) for _ in range(20_000)], dtype=float)

    assert set(drawn(Fixed(3))) == {3.0}
    assert drawn(Uniform(20, 60)).mean() == pytest.approx(40, rel=0.02)
    assert drawn(Exponential(60)).mean() == pytest.approx(60, rel=0.04)
    assert drawn(Exponential(60)).std() == pytest.approx(60, rel=0.06)
    lognormal = np.log(drawn(LogNormal(60, sigma=0.5)))
    assert lognormal.mean() == pytest.approx(math.log(60), abs=0.02)
    assert lognormal.std() == pytest.approx(0.5, rel=0.04)


def test_an_outage_ends_in_a_burst_or_in_nothing() -> None:
    held = truths(simulated([Outage(50, 90)]))
    assert not [t for t in held if 50 <= t.at < 90]
    assert len([t for t in held if t.at == 90]) > 30
    assert len(held) == 250
    lost = truths(simulated([Outage(50, 90, lost=True)]))
    assert len(lost) == 250 - len([t for t in truths(simulated()) if 50 <= t.at < 90])
    served = requests(simulated([Outage(50, 90, of="requests")]))
    assert len([r for r in served if r.at == 90]) == 41
    unserved = simulated([Outage(50, 90, of="requests", lost=True)])
    assert len(requests(unserved)) == 210
    assert len(truths(unserved)) == 250


def test_a_shuffle_lets_labels_come_before_their_requests() -> None:
    simulation = simulated([Shuffle(60)])
    made = {r.request_id: r.at for r in requests(simulation)}
    early = [t for t in truths(simulation) if t.at < made[t.request_id]]
    assert len(early) > 40


def test_with_a_tick_labels_come_together() -> None:
    exact, ticked = truths(simulated()), truths(simulated(tick=25))
    assert {t.at % 25 for t in ticked} == {0.0}
    later = {t.request_id: t.at for t in ticked}
    assert all(0 <= later[t.request_id] - t.at < 25 for t in exact)


def test_gradual_and_recurring_worlds_mix_as_they_say() -> None:
    n = 6_000
    world = Sea(threshold=0, noise=0).then(Sea(threshold=20, noise=0), Gradual(2_000, 4_000))
    ones = np.array([r.label for r in requests(Simulation(world, n=n))])
    assert ones[:2_000].sum() == 0
    assert ones[4_000:].mean() == 1
    assert ones[2_000:3_000].mean() == pytest.approx(0.25, abs=0.05)
    assert ones[3_000:4_000].mean() == pytest.approx(0.75, abs=0.05)
    turns = Sea(threshold=0, noise=0).then(Sea(threshold=20, noise=0), Recurring(1_000))
    ones = np.array([r.label for r in requests(Simulation(turns, n=n))])
    assert ones.reshape(6, 1_000).mean(axis=1).tolist() == [0, 1, 0, 1, 0, 1]
    assert [c.start for c in turns.changes(6_000)] == [1_000, 2_000, 3_000, 4_000, 5_000]


def test_the_sources_keep_their_formulas() -> None:
    sine = Simulation(Sine(phase=1, amplitude=2, noise=0.3), n=4_000, seed=2)
    seen = requests(sine)
    best = np.array([2 * math.sin(r.row["x"] + 1) for r in seen])
    assert np.allclose(best, [r.best for r in seen])
    assert np.std([r.label - r.best for r in seen]) == pytest.approx(0.3, rel=0.05)
    sea = requests(Simulation(Sea(threshold=9, noise=0.1), n=4_000, seed=2))
    assert [r.best for r in sea] == [int(r.row["a"] + r.row["b"] <= 9) for r in sea]
    assert np.mean([r.best != r.label for r in sea]) == pytest.approx(0.1, abs=0.02)


def test_a_sample_gives_the_rows_it_was_given() -> None:
    X, y = pd.DataFrame({"x": [1.0, 2.0], "s": ["a", "b"]}), pd.Series([0, 1])
    seen = requests(Simulation(Sample(X, y), n=200))
    assert {(r.row["x"], r.row["s"], r.label) for r in seen} == {(1.0, "a", 0), (2.0, "b", 1)}
    with pytest.raises(DataError, match="as many labels as rows"):
        Sample(X, y[:1])


def test_it_holds_only_what_is_still_to_come() -> None:
    """A million requests, of which the first thousand are looked at: nothing was made ahead."""
    events = Simulation(Sine(), n=10**6, delay=Fixed(10)).events()
    seen = [next(events) for _ in range(1_000)]
    assert seen[-1].at < 520


def test_the_clock_moves_forward_only_and_shows_what_it_is_set_to() -> None:
    clock = VirtualClock(start=100.0, setbacks=[(105.0, 50.0), (120.0, 7.0)])
    clock.advance(to=104.0)
    assert clock.now() == 104.0
    clock.advance(to=110.0)
    assert (clock.now(), clock.time) == (60.0, 110.0)
    with pytest.raises(DataError, match="from 110 on"):
        clock.advance(to=109.0)
    with pytest.raises(DataError):
        clock.advance(to=math.nan)
    clock.reset()
    assert clock.now() == 100.0


@pytest.mark.parametrize(
    "make",
    [
        lambda: Simulation(Sine(), n=0),
        lambda: Simulation(Sine(), n=1, rate=0),
        lambda: Simulation(Sine(), n=1, tick=-1),
        lambda: Sine(noise=-1),
        lambda: Sea(noise=2),
        lambda: Sudden(at=-1),
        lambda: Gradual(5, 5),
        lambda: Recurring(0),
        lambda: Fixed(-1),
        lambda: Uniform(3, 2),
        lambda: Exponential(0),
        lambda: LogNormal(0),
        lambda: Never(1.5),
        lambda: Duplicates(-0.1),
        lambda: Loss(2),
        lambda: Revisions(2),
        lambda: Shuffle(-1),
        lambda: Outage(5, 5),
        lambda: Outage(5, 6, of="models"),  # type: ignore[arg-type]
        lambda: SetBack(at=1, seconds=0),
    ],
)
def test_settings_out_of_range_are_refused(make: Any) -> None:
    with pytest.raises(ConfigError, match="expected"):
        make()
