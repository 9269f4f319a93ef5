"""The controller beyond the plain story: watch and rollback, steering by hand, replay, a registry away."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest
from sqlalchemy import text
from tests.adaptive_pipeline import loops

from modelward.adaptive_pipeline import (
    AdaptivePipeline,
    Arbiter,
    Comparison,
    Label,
    Manual,
    Performance,
    Schedule,
    Store,
    Trigger,
)
from modelward.adaptive_pipeline.replay.verdicts import replay_verdicts
from modelward.adaptive_pipeline.testing import MemoryRegistry, World
from modelward.adaptive_pipeline.triggers import inbox
from modelward.adaptive_pipeline.triggers.signal import Signal
from modelward.core.errors import ServiceError, StateError

pipeline = partial(loops.pipeline, watch=200)


def kinds(loop: AdaptivePipeline) -> list[str]:
    return [entry.kind for entry in loop.ledger.entries()]


def feed(loop: AdaptivePipeline, cut: float, n: int, *, start: int, seed: int = 0) -> None:
    """Send n requests and their labels at once, from a world with this cut."""
    for row, x in enumerate(np.random.default_rng(seed).uniform(size=n), start):
        loop.predict({"x": float(x)}, f"f{row}")
        loop.label(f"f{row}", int(x > cut))


def test_a_promotion_that_holds_is_watched_and_kept(store: Store, memory: MemoryRegistry) -> None:
    loop = World(shift=300, n=900).run(pipeline(store, memory))
    assert kinds(loop)[-3:] == ["promotion", "trial", "watch"]
    (watch,) = loop.ledger.entries("watch")
    assert watch.body["verdict"] == "reject"  # the model that was replaced is shown to be worse
    assert loop.phase == "serving"
    assert memory.aliases == {"champion": "2"}


def test_a_new_champion_that_fails_is_rolled_back_by_itself(
    store: Store, memory: MemoryRegistry
) -> None:
    loop = pipeline(store, memory)
    feed(loop, 0.5, 200, start=0)
    for row in range(200, 800):  # the world as the new model learns it, until it is promoted
        if loop.phase == "watching":
            break
        feed(loop, 0.9, 1, start=row, seed=row)
    assert loop.gateway.serving.champion.version == "2"
    before = loop.store.served()
    feed(loop, 0.5, 200, start=before, seed=3)  # and then the world is as it was
    (watch,) = loop.ledger.entries("watch")
    assert watch.body["verdict"] == "promote"
    assert loop.gateway.serving.champion.version == "1"
    assert memory.aliases["champion"] == "1"
    (adaptation,) = loop.summary().adaptations
    assert adaptation.rolled_back is not None
    assert adaptation.rolled_back > before
    assert "rolled back" in repr(adaptation)


def test_promote_and_roll_back_by_hand(store: Store, memory: MemoryRegistry) -> None:
    loop = pipeline(store, memory, watch=0, triggers=[Performance(reference=5_000)])
    feed(loop, 0.5, 200, start=0)
    with pytest.raises(StateError, match="challenger under trial"):
        loop.promote("now")
    with pytest.raises(StateError, match="a champion before this one"):
        loop.rollback("now")
    loop.retrain("a new sensor")
    assert loop.phase == "shadowing"
    loop.promote("agreed on Tuesday")
    assert (loop.phase, memory.aliases) == ("serving", {"champion": "2"})
    loop.rollback("not so good after all")
    assert memory.aliases == {"champion": "1"}
    assert loop.gateway.serving.champion.version == "1"
    assert kinds(loop)[-4:] == ["command", "promotion", "command", "rollback"]
    (adaptation,) = loop.summary().adaptations
    assert np.isnan(adaptation.gain.value)


def test_wishes_from_outside_are_heard_once_and_answered(
    store: Store, memory: MemoryRegistry
) -> None:
    loop = pipeline(store, memory, watch=0, triggers=[Performance(reference=5_000)])
    feed(loop, 0.5, 200, start=0)
    inbox.submit(store, Signal(trigger="rollback", reason="try"), key="a", at=0.0)
    for _ in range(3):
        inbox.submit(store, Signal(trigger="alert", reason="loss high"), key="b", at=0.0)
        loop.step()
    assert kinds(loop) == ["refused", "signal", "decision", "retraining", "trial"]
    inbox.submit(store, Signal(trigger="promote", reason="yes"), key="c", at=0.0)
    loop.step()
    assert kinds(loop)[-2:] == ["command", "promotion"]


def test_a_registry_that_is_away_postpones_the_promotion(
    store: Store, memory: MemoryRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = pipeline(store, memory, watch=0)
    real, away = memory.promote, True

    def promote(number: str) -> None:
        if away:
            raise ServiceError("expected a registry, got no answer")
        real(number)

    monkeypatch.setattr(memory, "promote", promote)
    monkeypatch.setattr(loop.controller._patience, "_clock", iter(range(0, 10**7, 100)).__next__)
    World(shift=300, n=700).run(loop)
    assert loop.phase == "promoting"
    assert loop.gateway.serving.champion.version == "1"
    assert kinds(loop).count("postponed") == 1  # however often it was tried
    away = False
    loop.step()
    assert (loop.phase, memory.aliases) == ("serving", {"champion": "2"})
    assert kinds(loop)[-1] == "promotion"


def test_every_verdict_comes_out_the_same_from_the_log(
    store: Store, memory: MemoryRegistry
) -> None:
    World(shift=300, n=900).run(pipeline(store, memory))
    replayed = replay_verdicts(store)
    assert [(each.verdict, each.same) for each in replayed] == [("promote", True), ("reject", True)]


def test_replay_finds_a_label_changed_afterwards(store: Store, memory: MemoryRegistry) -> None:
    loop = World(shift=300, n=900).run(pipeline(store, memory))
    (verdict,) = loop.ledger.entries("verdict")
    with store.transaction() as tx:
        tx.execute(
            text(  # one for which the two said different things
                "UPDATE joined SET label = json(:label) WHERE position = (SELECT max(position) "
                "FROM joined JOIN predictions AS p USING (seq) JOIN shadows AS s USING (seq) "
                "WHERE s.prediction != p.prediction AND position <= :position)"
            ),
            {"label": json.dumps(7), "position": verdict.body["labels"]},
        )
    first, _ = replay_verdicts(store)
    assert not first.same
    assert "the log gives" in first.detail


def test_a_corrected_label_mends_the_windows_and_no_verdict(
    store: Store, memory: MemoryRegistry
) -> None:
    loop = World(shift=300, n=900).run(pipeline(store, memory))
    before = [entry.digest for entry in loop.ledger.entries()]
    row = World(shift=300, n=900)
    loop.labels([Label(f"r{i}", 1 - int(row.y[i]), revision=1) for i in range(50)])
    (window,) = loop.monitor.windows("1", mature=False)
    assert window.loss.mean > 0.03 + 0.05  # fifty labels were turned round
    assert [entry.digest for entry in loop.ledger.entries()] == before
    assert all(each.same for each in replay_verdicts(store))


def test_a_loss_nobody_can_mend_is_tried_less_and_less(
    store: Store, memory: MemoryRegistry
) -> None:
    """Only the noise grows: no challenger is better, none is promoted, and the tries grow rare."""
    loop = pipeline(store, memory, comparison=Comparison(minimum=60, maximum=100))
    rng = np.random.default_rng(5)
    for row in range(1_800):
        x, noisy = float(rng.uniform()), rng.uniform() < (0.03 if row < 300 else 0.3)
        loop.predict({"x": x}, f"n{row}")
        loop.label(f"n{row}", int((x > 0.5) != noisy))
    tries = [entry.body["labels"] for entry in loop.ledger.entries("retraining")]
    assert 2 <= len(tries) <= 4
    assert np.all(np.diff(np.diff(tries)) > 0)
    assert memory.aliases["champion"] == "1"


class Broken(Trigger):
    """Raises whenever it is asked."""

    def poll(self, now: float) -> Signal | None:
        raise ServiceError("expected a sensor, got no answer")

    def update(self, loss: float, *, seq: int) -> Signal | None:
        raise ZeroDivisionError


def test_a_trigger_that_fails_keeps_no_other_from_being_heard(
    store: Store, memory: MemoryRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    now = [0.0]
    watch = [Schedule("0 3 * * *"), Broken(), Performance(reference=5_000, limit=0.5, last=20)]
    loop = pipeline(
        store, memory, triggers=watch, arbiter=Arbiter(cooldown=10**6), clock=lambda: now[0]
    )
    feed(loop, 0.5, 50, start=0)
    now[0] = 3 * 3_600.0
    loop.step()
    now[0] += 2.0
    loop.step()
    (due,) = loop.ledger.entries("signal")  # what is due once a day is not lost with the look
    assert due.body["trigger"] == repr(watch[0])
    feed(loop, -1.0, 60, start=50)
    assert [e.body["trigger"] for e in loop.ledger.entries("signal")][1:] == [repr(watch[2])]
    told = [r.getMessage() for r in caplog.records if "Broken() fails" in r.getMessage()]
    assert 2 <= len(told) <= 6  # when what it raises has changed, not for each of 110 labels


def test_a_pressed_button_is_heard_whatever_fails_beside_it(
    store: Store, memory: MemoryRegistry
) -> None:
    button = Manual()
    button.press("at the start")  # before there is a pipeline
    loop = pipeline(store, memory, triggers=[button], watch=0, arbiter=Arbiter(cooldown=10**6))
    feed(loop, 0.5, 50, start=0)
    button.press("a new sensor")
    with pytest.raises(StateError, match="challenger under trial"):
        loop.promote("now")  # what is only in memory is read anew from the store
    loop.step()
    heard = [(wish.body["trigger"], wish.body["reason"]) for wish in loop.ledger.entries("signal")]
    assert heard == [("manual", "at the start"), ("manual", "a new sensor")]


def test_the_window_is_counted_when_nothing_else_stands_in_the_way(
    store: Store, memory: MemoryRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = pipeline(store, memory, triggers=[], arbiter=Arbiter(cooldown=0, debounce=60.0))
    counted: list[Signal] = []

    def available(signal: Signal) -> int:
        counted.append(signal)
        return 0

    monkeypatch.setattr(loop.retrainer, "available", available)
    loop.retrain("a new sensor")
    feed(loop, 0.5, 50, start=0)
    assert not counted  # it waits for more wishes, and the log may be long
    loop.controller.clock = lambda: 61.0
    loop.step()
    assert len(counted) == 1
    assert (
        loop.ledger.entries("decision")[-1]
        .body["because"]
        .startswith("not now, because the window")
    )
