"""The whole loop: it recovers by itself, does nothing when nothing changes, and survives a stop."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event
from tests.adaptive_pipeline.loops import pipeline

from modelward.adaptive_pipeline import (
    AdaptivePipeline,
    Performance,
    Registry,
    Store,
)
from modelward.adaptive_pipeline.testing import MemoryRegistry, Threshold, World, learn
from modelward.core.errors import ServiceError, StateError


def story(loop: AdaptivePipeline) -> list[tuple[str, dict[str, Any], str]]:
    return [(entry.kind, entry.body, entry.digest) for entry in loop.ledger.entries()]


def test_it_recovers_from_a_shift_by_itself(store: Store, memory: MemoryRegistry) -> None:
    loop = World(shift=400, n=900).run(pipeline(store, memory))
    result = loop.summary()
    (adaptation,) = result.adaptations
    assert (adaptation.old, adaptation.new) == ("1", "2")
    assert abs(adaptation.since - 401) <= 60
    assert 401 < adaptation.detected <= adaptation.retrained < adaptation.promoted <= 800
    assert adaptation.before.value < 0.08
    assert adaptation.drifted.value > 0.25
    assert adaptation.after.value < 0.08
    assert memory.aliases == {"champion": "2"}
    assert loop.gateway.serving.champion.version == "2"
    assert loop.gateway.serving.challenger is None
    kinds = list(dict.fromkeys(kind for kind, *_ in story(loop)))
    assert kinds == ["signal", "decision", "retraining", "trial", "verdict", "promotion"]
    assert loop.ledger.verify()


@pytest.mark.parametrize("seed", [1, 2])
def test_without_a_shift_nothing_is_retrained(
    store: Store, memory: MemoryRegistry, seed: int
) -> None:
    loop = World(shift=None, n=900, seed=seed).run(pipeline(store, memory))
    assert story(loop) == []
    assert memory.aliases == {"champion": "1"}


@pytest.mark.parametrize("away", [False, True])
def test_a_challenger_no_better_is_not_promoted(
    store: Store, memory: MemoryRegistry, monkeypatch: pytest.MonkeyPatch, away: bool
) -> None:
    def no_answer() -> None:
        raise ServiceError("no answer")

    if away:
        monkeypatch.setattr(memory, "retire", no_answer)
    world = World(shift=None, n=900)
    loop = pipeline(store, memory, train=lambda data, context: Threshold(0.5))
    world.run(loop, stop=300)
    loop.retrain("to see whether equal is promoted")
    world.run(loop, start=300)
    verdicts = loop.ledger.entries("verdict")
    assert [entry.body["verdict"] for entry in verdicts] == ["inconclusive"]
    assert loop.gateway.serving.challenger is None
    assert loop.phase == "serving"
    # What lost is no challenger any more; a registry that is away for this stops nothing.
    assert memory.aliases == {"champion": "1"} | ({"challenger": "2"} if away else {})


@pytest.mark.parametrize("every", [1, 61])
def test_stopped_and_started_again_it_decides_the_same(
    tmp_path: Any, memory: MemoryRegistry, every: int
) -> None:
    """A second pipeline takes over after each `every` rows: the ledger is the same, bit for bit."""
    world = World(shift=250, n=560)
    whole = Store(f"sqlite:///{tmp_path / 'whole.db'}")
    expected = story(world.run(pipeline(whole, memory)))
    assert expected[-1][0] == "promotion"

    other = MemoryRegistry()
    other.register(Threshold(0.5), alias="champion", columns=["x"])
    parts = Store(f"sqlite:///{tmp_path / 'parts.db'}")

    def restart(row: int, running: AdaptivePipeline) -> AdaptivePipeline:
        return pipeline(parts, other) if row % every == 0 else running

    loop = world.run(pipeline(parts, other), restart=restart)
    assert story(loop) == expected
    assert other.aliases == {"champion": "2"}


class Mortal(MemoryRegistry):
    """Stops the process once, at a given moment: KeyboardInterrupt passes every `except Exception`."""

    def __init__(self, moment: str) -> None:
        super().__init__()
        self.moment: str | None = None
        self.register(Threshold(0.5), alias="champion", columns=["x"])
        self.moment = moment

    def stop(self, moment: str) -> None:
        if moment == self.moment:
            self.moment = None
            raise KeyboardInterrupt

    def register(self, model: Any, **more: Any) -> Any:
        self.stop("before registering")
        made = super().register(model, **more)
        self.stop("after registering")
        return made

    def promote(self, number: str) -> None:
        self.stop("before promoting")
        super().promote(number)
        self.stop("after promoting")


@pytest.mark.parametrize(
    "moment",
    ["before registering", "after registering", "before promoting", "after promoting"],
)
def test_it_goes_on_from_the_middle_of_a_step(store: Store, moment: str) -> None:
    world, trained, mortal = World(shift=250, n=560), [], Mortal(moment)

    def train(data: Any, context: Any) -> Threshold:
        trained.append(context)
        return learn(data, context)

    loop = pipeline(store, mortal, train)
    row, stops = 0, 0
    while row < world.n:
        try:
            loop = world.run(loop, start=row, stop=row + 1)
            row += 1
        except KeyboardInterrupt:
            stops += 1
            loop = pipeline(store, mortal, train)  # the row is sent again: its id is known
    assert stops == 1
    assert len(trained) == (2 if moment == "before registering" else 1)
    kinds = [kind for kind, *_ in story(loop)]
    assert kinds == [
        "signal",
        "decision",
        "decision",
        "retraining",
        "trial",
        "verdict",
        "promotion",
    ]
    assert mortal.aliases == {"champion": "2"}
    assert loop.gateway.serving.champion.version == "2"
    assert loop.summary().counts.joined == world.n - world.delay


def test_a_training_function_that_raises_leaves_the_champion(
    store: Store, memory: MemoryRegistry
) -> None:
    def fail(data: Any, context: Any) -> Any:
        raise MemoryError("too large")

    loop = World(shift=300, n=700).run(pipeline(store, memory, fail))
    outcomes = [entry.body["because"] for entry in loop.ledger.entries("retraining")]
    assert len(outcomes) >= 2  # it is tried again, on new evidence and after the cooldown
    assert set(outcomes) == {"MemoryError: too large"}
    assert loop.gateway.serving.champion.version == "1"
    assert loop.phase == "serving"


def test_after_a_failed_training_the_story_tells_the_attempt_that_counted(
    store: Store, memory: MemoryRegistry
) -> None:
    attempts: list[int] = []

    def train(data: Any, context: Any) -> Any:
        attempts.append(1)
        if len(attempts) == 1:
            raise MemoryError("too large")
        return learn(data, context)

    loop = World(shift=300, n=800).run(pipeline(store, memory, train))
    (adaptation,) = loop.summary().adaptations
    signals = [entry.body["served"] for entry in loop.ledger.entries("signal")]
    assert len(attempts) == len(signals) == 2
    assert adaptation.detected == signals[1]
    assert adaptation.new == "2"


def test_two_promotions_are_two_stories(store: Store, memory: MemoryRegistry) -> None:
    loop = pipeline(store, memory, triggers=[Performance(reference=5_000)])  # asked by hand alone
    first = World(shift=150, n=500, moved=0.9)
    first.run(loop, stop=300)
    loop.retrain("the maker says the sensor drifts")
    first.run(loop, start=300)
    second = World(shift=0, n=900, moved=0.3, seed=2)
    second.run(loop, start=500, stop=700)
    loop.retrain("and again")
    second.run(loop, start=700)
    one, two = loop.summary().adaptations
    assert [(s.old, s.new, s.trigger) for s in (one, two)] == [
        ("1", "2", "manual"),
        ("2", "3", "manual"),
    ]
    assert one.since == one.detected == 300  # without a signal the decision stands for it
    assert two.before.n + two.drifted.n <= two.promoted - one.promoted
    assert one.after.n == len(loop.monitor.series("2", first=one.promoted + 1, last=two.promoted))
    assert two.after.value < 0.1 < two.drifted.value


def test_a_challenger_that_cannot_be_loaded_is_none(store: Store, memory: MemoryRegistry) -> None:
    loop = pipeline(store, memory)

    def refuse(number: str) -> Any:
        raise StateError("expected files, got others")

    memory.load = refuse  # type: ignore[method-assign]
    World(shift=300, n=600).run(loop)
    assert "cannot be loaded" in loop.ledger.entries("retraining")[0].body["because"]
    assert loop.phase == "serving"


def test_a_label_that_cannot_be_used_is_told_and_passed_over(
    store: Store, memory: MemoryRegistry
) -> None:
    loop = pipeline(store, memory, loss="squared")
    for row, label in enumerate([1, "one", 0]):
        loop.predict({"x": 0.7}, f"r{row}")
        loop.label(f"r{row}", label)
    assert loop.monitor.loss("1").n == 2
    (entry,) = loop.ledger.entries("unusable")
    assert entry.body["seq"] == 2


def test_a_write_that_fails_counts_nothing_and_is_made_up_for(
    store: Store, memory: MemoryRegistry
) -> None:
    loop = pipeline(store, memory)
    loop.predict({"x": 0.7}, "r0")
    full = True

    @event.listens_for(store.engine, "before_cursor_execute")
    def disk(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if full and statement.startswith("INSERT INTO losses"):
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        loop.label("r0", 1)
    assert loop.monitor.loss("1").n == 0
    full = False
    loop.predict({"x": 0.2}, "r1")
    loop.label("r1", 1)
    assert loop.monitor.series("1") == [(1, 0.0), (2, 1.0)]


def test_the_same_label_again_changes_nothing(store: Store, memory: MemoryRegistry) -> None:
    loop = pipeline(store, memory)
    loop.predict({"x": 0.7}, "r0")
    for _ in range(3):
        loop.label("r0", 0)
    assert loop.monitor.loss("1").n == 1
    assert loop.controller.triggers[0].state["reference"]["n"] == 1


def test_a_label_before_its_prediction_is_taken_up_with_the_next(
    store: Store, memory: MemoryRegistry
) -> None:
    loop = pipeline(store, memory)
    loop.label("r0", 1)
    loop.predict({"x": 0.7}, "r0")
    loop.step()
    assert loop.monitor.series("1") == [(1, 0.0)]


def test_without_a_champion_it_says_what_to_do(store: Store) -> None:
    with pytest.raises(StateError, match=r"registry\.register\(model, alias='champion'"):
        pipeline(store, MemoryRegistry())


@pytest.mark.slow
def test_the_loop_on_a_real_registry(store: Store, registry: Registry) -> None:
    from sklearn.tree import DecisionTreeClassifier

    world = World(shift=300, n=700)

    def fit(x: Any, y: Any) -> Any:
        return DecisionTreeClassifier(max_depth=2, random_state=0).fit(x, y)

    import pandas as pd

    first = pd.DataFrame({"x": world.x[:200]})
    made = registry.register(fit(first, world.y[:200]), alias="champion", columns=["x"])
    loop = world.run(pipeline(store, registry, lambda data, context: fit(data.X, data.y)))
    promoted = registry.find("champion")
    assert promoted is not None
    assert promoted.version != made.version
    record = loop.summary().to_evidence()
    assert record.kind == "pipeline.promotion"
    assert record.subject.sha256 == promoted.sha256
    assert record.metric("gain").passed
    assert record.metric("loss_after").value < record.metric("loss_drifted").value
    run = registry._client.get_run(promoted.run_id)
    assert run.data.params["trigger"].startswith("Performance")
