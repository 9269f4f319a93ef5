"""The retrainer: what it learns from, what it lets through, and that nothing harms the champion."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from modelward.adaptive_pipeline import (
    Gateway,
    Joiner,
    Label,
    Retrainer,
    Serving,
    Signal,
    SinceDrift,
    Store,
)
from modelward.adaptive_pipeline.losses import zero_one
from modelward.adaptive_pipeline.testing import MemoryRegistry, Threshold, learn
from modelward.core.errors import ConfigError

SIGNAL = Signal(trigger="test", reason="because", since=101)


@pytest.fixture
def filled(store: Store, memory: MemoryRegistry) -> Store:
    """300 requests, every third without a label; class 1 above 0.8 from request 101 on."""
    gateway, joiner = Gateway(store, Serving(memory.load("1"))), Joiner(store)
    rng = np.random.default_rng(4)
    for seq, x in enumerate(rng.uniform(size=300), start=1):
        gateway.predict({"x": float(x)}, f"r{seq}")
        if seq % 3:
            joiner.add([Label(f"r{seq}", int(x > (0.8 if seq > 100 else 0.5)))])
    return store


def retrainer(store: Store, memory: MemoryRegistry, train: Any = learn, **more: Any) -> Retrainer:
    return Retrainer(store, memory, train=train, loss=zero_one, **more)


def test_it_learns_from_the_window_without_the_rows_held_out(
    filled: Store, memory: MemoryRegistry
) -> None:
    seen: list[Any] = []

    def train(data: Any, context: Any) -> Threshold:
        seen.append((data, context))
        return learn(data, context)

    runner = retrainer(filled, memory, train, window=SinceDrift(minimum=50), seed=9)
    outcome = runner.run(SIGNAL, memory.load("1"), order="o1")
    ((data, context),) = seen
    labelled = [seq for seq in range(101, 301) if seq % 3]
    held = labelled[4::5]
    assert list(data.seq) == [seq for seq in labelled if seq not in held]
    assert list(data.y) == [int(x > 0.8) for x in data.X["x"]]
    assert (context.reason, context.champion, context.seed) == ("because", "1", 9)
    assert outcome.version == "2"
    assert outcome.rows == len(data.seq)
    assert outcome.challenger_loss < outcome.champion_loss
    assert memory.aliases == {"champion": "1", "challenger": "2"}


def test_an_order_carried_out_before_is_not_trained_again(
    filled: Store, memory: MemoryRegistry
) -> None:
    runner = retrainer(filled, memory)
    assert runner.run(SIGNAL, memory.load("1"), order="o1").version == "2"
    again = runner.run(SIGNAL, memory.load("1"), order="o1")
    assert (again.version, again.because) == ("2", "passed the gate")
    assert runner.run(SIGNAL, memory.load("1"), order="o2").version == "3"


def fail(data: Any, context: Any) -> Any:
    raise RuntimeError("no disk left")


class Answers:
    def __init__(self, value: Any, n: int | None = None) -> None:
        self.value, self.n = value, n

    def predict(self, frame: Any) -> list[Any]:
        return [self.value] * (len(frame) if self.n is None else self.n)


@pytest.mark.parametrize(
    ("train", "because"),
    [
        (fail, "RuntimeError: no disk left"),
        (lambda data, context: None, "expected a model from the training function, got None"),
        (lambda data, context: Answers(float("nan")), "finite number as a model's answer, got nan"),
        (lambda data, context: Answers(1, n=3), "answers to 26 rows, got 3"),
        (lambda data, context: Threshold(-1.0), "stopped at the gate: held-out loss"),
    ],
)
def test_what_fails_is_told_and_the_champion_stays(
    filled: Store, memory: MemoryRegistry, train: Any, because: str
) -> None:
    outcome = retrainer(filled, memory, train).run(SIGNAL, memory.load("1"), order="o")
    assert outcome.version is None
    assert because in outcome.because
    assert memory.aliases == {"champion": "1"}


def test_a_registry_that_is_down_is_told(filled: Store, memory: MemoryRegistry) -> None:
    def down(*_: Any, **__: Any) -> Any:
        raise ConnectionError("no answer")

    memory.register = down  # type: ignore[method-assign]
    outcome = retrainer(filled, memory).run(SIGNAL, memory.load("1"), order="o")
    assert outcome.because == "not registered: ConnectionError: no answer"


def test_settings_out_of_range_are_named(store: Store, memory: MemoryRegistry) -> None:
    with pytest.raises(ConfigError, match=r"expected 0 < holdout <= 0\.5"):
        retrainer(store, memory, holdout=0.9)
    with pytest.raises(ConfigError, match="at least 20 labelled requests, got 3"):
        SinceDrift(minimum=3)
