"""Whole pipelines in a simulated world: nothing lost, nothing double, and each change answered."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelward.adaptive_pipeline import (
    AdaptivePipeline,
    Arbiter,
    Comparison,
    Inline,
    LastN,
    Performance,
    Schedule,
    SinceDrift,
    Store,
)
from modelward.adaptive_pipeline.simulator import (
    Duplicates,
    Exponential,
    Fault,
    Gradual,
    LogNormal,
    Loss,
    Never,
    Outage,
    Request,
    Revisions,
    Sea,
    SetBack,
    Shuffle,
    Simulation,
    SimulationResult,
    Sine,
    Source,
    Sudden,
    Truth,
    Uniform,
)
from modelward.adaptive_pipeline.testing import MemoryRegistry
from modelward.core.errors import ConfigError

HARD: list[Fault] = [Duplicates(0.2), Loss(0.05), Shuffle(40), Outage(900, 960)]


class Wave:
    """Least squares on sin x, cos x and 1: it can be any sine."""

    def __init__(self, weights: Any) -> None:
        self.weights = np.asarray(weights, dtype=float)

    def predict(self, frame: pd.DataFrame) -> Any:
        x = frame["x"].to_numpy()
        return np.stack([np.sin(x), np.cos(x), np.ones_like(x)], axis=1) @ self.weights


def fit(data: Any, _: Any) -> Wave:
    x = data.X["x"].to_numpy()
    design = np.stack([np.sin(x), np.cos(x), np.ones_like(x)], axis=1)
    return Wave(np.linalg.lstsq(design, data.y.to_numpy(dtype=float), rcond=None)[0])


def pipeline(simulation: Simulation, **more: Any) -> AdaptivePipeline:
    registry = MemoryRegistry()
    registry.register(Wave([1.0, 0.0, 0.0]), alias="champion", columns=["x"])
    made: dict[str, Any] = {
        "store": Store("sqlite://"),
        "registry": registry,
        "train": fit,
        "loss": "squared",
        "triggers": [Performance(tolerance=0.02, reference=150)],
        "window": SinceDrift(minimum=100),
        "arbiter": Arbiter(cooldown=100),
        "comparison": Comparison(minimum=60, maximum=600),
        "executor": Inline(),
        "watch": 100,
        "clock": simulation.clock.now,
    }
    return AdaptivePipeline(**made | more)


def run(source: Source, faults: Any = (), **more: Any) -> tuple[AdaptivePipeline, SimulationResult]:
    settings_ = {"n": 2_000, "delay": Uniform(10, 40), "tick": 10.0, "faults": faults} | more
    simulation = Simulation(source, **settings_)
    made = pipeline(simulation)
    return made, simulation.run(made)


two_changes = (
    Sine()
    .then(Sine(phase=1.0), Sudden(at=600))
    .then(Sine(phase=1.0, amplitude=1.6), Sudden(at=1_300))
)


def test_it_recovers_after_each_change() -> None:
    made, result = run(two_changes)
    assert [r.change for r in result.recoveries] == [601, 1_301]
    assert all(r.requests is not None and r.requests <= 350 for r in result.recoveries)
    assert result.false_promotions == 0
    assert [p.new for p in result.promotions] == ["2", "3"]
    assert all(p.gain > 0.1 for p in result.promotions)
    assert result.best_loss == pytest.approx(0.01, rel=0.2)
    assert result.regret < 0.4 * result.never_regret
    assert result.to_frame()["served"].tail(10).mean() == pytest.approx(0.011, abs=0.003)
    assert made.ledger.verify()
    assert all(verdict.same for verdict in made.replay())


@pytest.mark.parametrize("seed", range(3))
def test_under_faults_it_recovers_as_well(seed: int) -> None:
    _, result = run(two_changes, HARD, seed=seed)
    assert all(r.requests is not None and r.requests <= 450 for r in result.recoveries)
    assert result.false_promotions == 0
    assert result.regret < 0.5 * result.never_regret


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_promoted_when_nothing_changes(seed: int) -> None:
    made, result = run(Sine(), HARD, seed=seed, n=1_500)
    assert result.promotions == ()
    assert result.regret == pytest.approx(0.0, abs=2.0)
    assert made.gateway.serving.champion.version == "1"


@pytest.mark.parametrize("seed", range(3))
def test_retrained_by_the_calendar_while_nothing_changes_nothing_is_promoted(seed: int) -> None:
    """A gate wide open and a challenger every five minutes, none of which can be any better."""
    simulation = Simulation(Sine(), n=1_500, delay=Uniform(10, 40), tick=10, faults=HARD, seed=seed)
    made = pipeline(
        simulation,
        triggers=[Schedule("*/5 * * * *")],
        window=LastN(n=200, minimum=100),
        comparison=Comparison(minimum=60, maximum=150),
    )
    made.retrainer.margin = 1.0
    result = simulation.run(made)
    assert len(made.ledger.entries("verdict")) >= 3
    assert result.promotions == ()


def test_a_world_that_only_grows_noisier_promotes_nothing() -> None:
    _, result = run(Sine().then(Sine(noise=0.3), Sudden(at=500)), seed=1)
    assert result.retrainings >= 1
    assert result.promotions == ()


def test_a_gradual_change_is_answered() -> None:
    _, result = run(Sine().then(Sine(phase=1.5), Gradual(500, 1_000)), n=2_000, seed=2)
    assert result.recoveries[0].change == 501
    assert result.recoveries[0].requests is not None
    assert result.false_promotions == 0


def mean_of_served_losses(made: AdaptivePipeline, simulation: Simulation) -> float:
    """Worked out from the events and the store alone, without the books."""
    from sqlalchemy import select

    from modelward.adaptive_pipeline.store.schema import predictions

    with made.store.reading() as tx:
        rows = tx.execute(select(predictions.c.request_id, predictions.c.prediction)).all()
    truth = {e.request_id: e.label for e in simulation.events() if isinstance(e, Request)}
    return float(np.mean([(truth[row.request_id] - row.prediction) ** 2 for row in rows]))


def test_the_figures_agree_with_the_store() -> None:
    simulation = Simulation(two_changes, n=800, delay=Uniform(10, 40), tick=10, seed=4)
    made = pipeline(simulation)
    result = simulation.run(made)
    assert result.loss == pytest.approx(mean_of_served_losses(made, simulation))
    first = made.registry.load("1").predict
    asked = [e for e in simulation.events() if isinstance(e, Request)]
    answers = first(pd.DataFrame([e.row for e in asked]))
    never = np.mean([(e.label - a) ** 2 for e, a in zip(asked, answers, strict=True)])
    assert result.never_loss == pytest.approx(never)
    assert result.regret == pytest.approx(800 * (result.loss - result.best_loss))
    assert sum(stretch.n for stretch in result.stretches) == 800


some_faults = st.lists(
    st.one_of(
        st.builds(Duplicates, st.floats(0, 1), after=st.builds(Exponential, st.floats(1, 200))),
        st.builds(Loss, st.floats(0, 0.5)),
        st.builds(Shuffle, st.floats(0, 100)),
        st.builds(Revisions, st.floats(0, 0.5), after=st.builds(Exponential, st.floats(1, 200))),
        st.builds(
            Outage,
            st.floats(0, 100),
            st.floats(101, 220),
            of=st.sampled_from(["labels", "requests"]),
            lost=st.booleans(),
        ),
        st.builds(SetBack, at=st.floats(0, 150), seconds=st.floats(1, 500)),
    ),
    max_size=5,
)
some_delay = st.sampled_from([Uniform(0, 60), LogNormal(30, 1.5), Never(0.3, Exponential(40))])


@settings(deadline=None, max_examples=30)
@given(
    faults=some_faults, delay=some_delay, tick=st.sampled_from([0.0, 20.0]), seed=st.integers(0, 99)
)
def test_no_label_is_lost_and_none_counts_twice(
    faults: list[Fault], delay: Any, tick: float, seed: int
) -> None:
    """The joiner's counts against the events: whatever goes wrong, each label is joined once."""
    simulation = Simulation(
        Sine().then(Sine(phase=2.0), Sudden(at=60)),
        n=100,
        delay=delay,
        faults=faults,
        tick=tick,
        seed=seed,
    )
    made = pipeline(simulation, triggers=[Performance(tolerance=0.02, reference=40)], watch=0)
    result = simulation.run(made)
    events = list(simulation.events())
    asked = {e.request_id for e in events if isinstance(e, Request)}
    told = {(e.request_id, e.revision) for e in events if isinstance(e, Truth)}
    labelled, counts = {name for name, _ in told}, result.counts
    assert (result.requests, result.failed, result.unsent) == (len(asked), 0, 100 - len(asked))
    assert result.labels == len({name for name, revision in told if revision == 0})
    assert counts.joined + counts.late == len(asked & labelled)
    assert counts.waiting + counts.missing == len(asked - labelled)
    assert counts.parked + counts.orphan == len([1 for name, _ in told if name not in asked])
    assert counts.conflict == 0
    assert counts.duplicates == result.duplicates
    last = {e.request_id: e for e in sorted(told_events(events), key=lambda e: e.revision)}
    assert joined_labels(made) == {n: e.label for n, e in last.items() if n in asked}
    assert made.ledger.verify()


def told_events(events: list[Request | Truth]) -> list[Truth]:
    return [event for event in events if isinstance(event, Truth)]


def joined_labels(made: AdaptivePipeline) -> dict[str, Any]:
    """The label that stands for each request, read from the log; each revision must be there once."""
    from sqlalchemy import select

    from modelward.adaptive_pipeline.store.schema import joined, predictions

    query = (
        select(predictions.c.request_id, joined.c.revision, joined.c.label)
        .join(predictions, predictions.c.seq == joined.c.seq)
        .order_by(joined.c.revision)
    )
    with made.store.reading() as tx:
        rows = tx.execute(query).all()
    assert len({(row.request_id, row.revision) for row in rows}) == len(rows)
    return {row.request_id: row.label for row in rows}


def test_two_runs_keep_the_same_ledger_bit_for_bit() -> None:
    heads = {run(two_changes, HARD, n=1_000, seed=9)[0].ledger.verify().head for _ in range(2)}
    assert len(heads) == 1
    other = run(two_changes, HARD, n=1_000, seed=10)[0].ledger.verify()
    assert other.entries > 3
    assert other.head not in heads


def test_a_class_problem_runs_as_well() -> None:
    class Line:
        def __init__(self, threshold: float) -> None:
            self.threshold = threshold

        def predict(self, frame: pd.DataFrame) -> Any:
            return (frame["a"] + frame["b"] <= self.threshold).to_numpy().astype(int)

    def learn(data: Any, _: Any) -> Line:
        total, y = (data.X["a"] + data.X["b"]).to_numpy(), data.y.to_numpy()
        cuts = np.linspace(0, 20, 201)
        return Line(float(cuts[np.argmin([np.mean((total <= c) != y) for c in cuts])]))

    source = Sea(threshold=8, noise=0.05).then(Sea(threshold=12, noise=0.05), Sudden(at=600))
    simulation = Simulation(source, n=1_600, delay=Uniform(10, 40), tick=10, seed=3)
    registry = MemoryRegistry()
    registry.register(Line(8.0), alias="champion", columns=["a", "b", "c"])
    made = pipeline(
        simulation,
        registry=registry,
        train=learn,
        loss="zero_one",
        triggers=[Performance(tolerance=0.05, reference=150)],
    )
    result = simulation.run(made)
    assert result.recoveries[0].requests is not None
    assert result.false_promotions == 0
    assert result.best_loss == pytest.approx(0.05, abs=0.02)
    assert result.loss < result.never_loss


def test_a_promotion_without_a_change_is_told_as_false() -> None:
    """A promotion forced by hand while nothing changes; its true gain is about nothing."""
    simulation = Simulation(Sine(), n=600, delay=Uniform(10, 40), tick=10, seed=3)
    made = pipeline(simulation, train=lambda data, context: Wave([1.0, 0.0, 0.0]), watch=0)
    labels = made.labels

    def forced(batch: Any) -> None:
        labels(batch)
        if made.phase == "serving" and made.store.served() == 301:
            made.retrain("by hand")
        elif made.phase == "shadowing":
            made.promote("by hand")

    made.labels = forced  # type: ignore[method-assign]
    result = simulation.run(made)
    assert result.promotions
    assert result.false_promotions == len(result.promotions)
    assert all(p.gain == 0 for p in result.promotions)
    assert result.recoveries == ()


def test_the_champion_may_fail_and_the_books_say_so() -> None:
    class Fails(Wave):
        def predict(self, frame: pd.DataFrame) -> Any:
            if len(frame) == 1 and frame["x"].iloc[0] < 1.0:
                raise ValueError("too small")
            return super().predict(frame)

    simulation = Simulation(Sine(), n=100, delay=Uniform(10, 40), seed=3)
    registry = MemoryRegistry()
    registry.register(Fails([1.0, 0.0, 0.0]), alias="champion", columns=["x"])
    result = simulation.run(pipeline(simulation, registry=registry))
    small = sum(e.row["x"] < 1.0 for e in simulation.events() if isinstance(e, Request))
    assert result.failed == result.counts.failed == small > 0
    assert sum(stretch.n for stretch in result.stretches) == 100 - small


def test_the_pipeline_must_be_new_and_on_the_virtual_clock() -> None:
    simulation = Simulation(Sine(), n=10)
    with pytest.raises(ConfigError, match="simulation's clock"):
        simulation.run(pipeline(simulation, clock=lambda: 0.0))
    made = pipeline(simulation)
    simulation.run(made)
    with pytest.raises(ConfigError, match="new pipeline"):
        simulation.run(made)


def test_the_result_prints_and_draws() -> None:
    _, result = run(two_changes, HARD, n=800)
    assert len(repr(result).splitlines()) <= 8
    fields = json.loads(result.to_json())
    assert fields["regret"] == pytest.approx(result.regret)
    assert fields["counts"]["joined"] == result.counts.joined
    assert math.isfinite(fields["never_loss"])
    axis = result.plot()
    assert [line.get_label() for line in axis.lines][:3] == [
        "never adapted",
        "best possible",
        "served",
    ]
    assert "while nothing had changed" in result._repr_html_()
