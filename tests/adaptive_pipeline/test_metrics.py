"""The numbers for Prometheus are those of the store, and cost the same however much is in it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event
from tests.adaptive_pipeline.exporting import HORIZON, WINDOW, numbers, pipeline, tool

from modelward.adaptive_pipeline import (
    AdaptivePipeline,
    Joiner,
    Label,
    Monitor,
    Performance,
    Store,
)
from modelward.adaptive_pipeline.export import pipeline_metrics
from modelward.adaptive_pipeline.testing import MemoryRegistry, Threshold, World
from modelward.adaptive_pipeline.triggers import inbox
from modelward.adaptive_pipeline.triggers.signal import Signal
from modelward.core.errors import ServiceError


@pytest.fixture
def loop(store: Store, memory: MemoryRegistry) -> AdaptivePipeline:
    return pipeline(store, memory)


def test_the_numbers_are_those_of_the_parts(loop: AdaptivePipeline) -> None:
    World(shift=None, n=400).run(loop)
    found = numbers(loop.store)
    counts = loop.joiner.counts()
    for state in ("joined", "waiting", "missing", "late", "parked", "orphan", "conflict"):
        assert found["joins", state] == getattr(counts, state)
    assert counts.joined
    assert found["watermark_seconds",] == loop.joiner.watermark
    assert found["phase", "serving"] == 1
    assert sum(value for key, value in found.items() if key[0] == "phase") == 1
    assert found["champion", "1"] == 1
    assert found["labels_read_total",] == loop.controller.standing.cursor
    assert found["ledger_entries",] == len(loop.ledger.entries()) == 0
    assert ("ledger_last_seconds",) not in found
    assert found["store_up",] == 1


def test_the_loss_is_that_of_the_newest_mature_window(store: Store, memory: MemoryRegistry) -> None:
    memory.register(Threshold(0.5), alias="champion", columns=["x", "side"])
    loop = pipeline(store, memory, segments=["side"])
    for i in range(400):
        loop.predict({"x": (i % 10) / 10, "side": "left" if i % 2 else "right"}, f"r{i}")
        loop.label(f"r{i}", int((i % 10) / 10 > 0.7))
    found = numbers(store)
    monitor = Monitor(store, window=WINDOW, horizon=HORIZON)
    for segment in ("", "side=left", "side=right"):
        newest = monitor.windows("2", segment)[-1]
        assert found["loss", segment, "2"] == newest.loss.mean > 0
        assert found["loss_labels", segment, "2"] == newest.loss.n
        assert found["loss_until_seconds", "2"] == newest.end
    # Later ones are there, and would have been taken had their labels not been still to come.
    assert monitor.windows("2", mature=False)[-1].end > newest.end


def test_nothing_is_said_of_a_loss_before_a_window_is_mature(loop: AdaptivePipeline) -> None:
    World(shift=None, n=60).run(loop)
    assert loop.monitor.windows("1", mature=False)
    assert not any(key[0].startswith("loss") for key in numbers(loop.store))


def test_the_reference_is_told_once_it_is_learned(loop: AdaptivePipeline) -> None:
    world = World(shift=None, n=400, delay=1)
    world.run(loop, stop=99)
    assert ("reference_loss", "1") not in numbers(loop.store)
    world.run(loop, start=99)
    learned = loop.controller.triggers[0].state["reference"]
    assert learned["n"] == 100
    assert numbers(loop.store)["reference_loss", "1"] == learned["mean"]


def test_a_trial_is_told_while_it_lasts(loop: AdaptivePipeline) -> None:
    world = World(shift=None, n=600)
    world.run(loop, stop=300)
    assert not any(key[0].startswith("gain") for key in numbers(loop.store))
    loop.retrain("to have one")
    world.run(loop, start=300, stop=480)
    found, gain = numbers(loop.store), loop.controller.comparison.gain
    assert found["phase", "shadowing"] == 1
    assert found["gain", "2", "comparison"] == gain.value
    assert found["gain_low", "2", "comparison"] == gain.low
    assert found["gain_high", "2", "comparison"] == gain.high
    assert found["gain_labels", "2", "comparison"] == gain.n
    assert found["retrainings_total",] == 1
    assert found["ledger_last_seconds",] == loop.ledger.entries()[-1].at
    loop.promote("by hand")
    found = numbers(loop.store)
    assert found["promotions_total",] == 1
    assert found["champion", "2"] == 1
    assert found["phase", "watching"] == 1
    loop.rollback("by hand")
    found = numbers(loop.store)
    assert (found["rollbacks_total",], found["champion", "1"]) == (1, 1)
    assert not any(key[0].startswith("gain") for key in found)


def test_what_waits_is_counted_for_each_part(store: Store, memory: MemoryRegistry) -> None:
    loop = pipeline(store, memory)
    World(shift=None, n=50).run(loop)
    before = numbers(store)
    assert [before["backlog", part] for part in ("joiner", "controller", "inbox")] == [0, 0, 0]
    for i in range(7):  # nobody joins
        loop.predict({"x": 0.5}, f"late{i}")
    assert numbers(store)["backlog", "joiner"] == 7
    Joiner(store, horizon=HORIZON).add([Label(f"late{i}", 1) for i in range(5)])  # nobody reads
    found = numbers(store)
    assert found["backlog", "joiner"] == 0
    assert found["backlog", "controller"] == 5
    inbox.submit(store, Signal(trigger="alert", reason="loss high"), key="a", at=0.0)
    assert numbers(store)["backlog", "inbox"] == 1
    loop.step()
    found = numbers(store)
    assert (found["backlog", "controller"], found["backlog", "inbox"]) == (0, 0)


def test_the_lease_tells_whether_a_controller_is_at_work(loop: AdaptivePipeline) -> None:
    assert numbers(loop.store)["lease_expires_seconds", "controller"] > 0
    loop.close()
    assert numbers(loop.store)["lease_expires_seconds", "controller"] == 0


def test_an_empty_store_has_numbers_too(store: Store) -> None:
    found = numbers(store)
    assert found["joins", "joined"] == 0
    assert found["ledger_entries",] == 0
    assert not {"phase", "champion", "loss", "gain"} & {key[0] for key in found}


def test_they_are_the_same_on_each_kind_of_database(
    stores: Store, store: Store, memory: MemoryRegistry
) -> None:
    found = []
    for each in (stores, store):
        world, loop = World(shift=None, n=300), pipeline(each, memory)
        world.run(loop, stop=220)
        loop.retrain("to have a trial under way")
        world.run(loop, start=220)
        found.append(numbers(each))
        memory.aliases["champion"] = "1"
        memory.models.pop("2")
    assert found[0].keys() == found[1].keys()
    assert {"loss", "gain", "reference_loss"} <= {key[0] for key in found[0]}
    assert found[0] == pytest.approx(found[1])


def test_a_store_that_is_away_is_told_and_nothing_is_raised(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    @contextmanager
    def away() -> Iterator[Any]:
        raise ServiceError("expected the database to answer, got: gone")
        yield

    monkeypatch.setattr(store, "reading", away)
    assert numbers(store) == {("store_up",): 0.0}
    assert "gone" in caplog.text


def steps_of_a_scrape(store: Store) -> int:
    """The steps SQLite's machine takes for it, which do not depend on the machine it runs on."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    def begin(connection: Any, *_: Any) -> None:
        connection.set_progress_handler(count, 1)

    def end(connection: Any, *_: Any) -> None:
        connection.set_progress_handler(None, 0)

    for name, listener in (("checkout", begin), ("checkin", end)):
        event.listen(store.engine, name, listener)
    pipeline_metrics(store)
    event.remove(store.engine, "checkout", begin)
    return steps


def test_a_scrape_costs_the_same_however_much_there_is(loop: AdaptivePipeline) -> None:
    world, costs = World(shift=None, n=900), []
    for start, stop in ((0, 200), (200, 900)):
        world.run(loop, start=start, stop=stop)
        costs.append(steps_of_a_scrape(loop.store))
    assert 100 < costs[1] < 1.1 * costs[0]


def test_the_text_is_what_prometheus_wants(loop: AdaptivePipeline) -> None:
    world = World(shift=None, n=400)
    world.run(loop, stop=300)
    loop.retrain("to have a trial")
    world.run(loop, start=300)
    loop.gateway.counters.count("1", failed=True)
    text = loop.gateway.counters.render() + pipeline_metrics(loop.store)
    run = subprocess.run(
        [tool("promtool"), "check", "metrics"], input=text, capture_output=True, check=False
    )
    assert (run.returncode, run.stderr) == (0, b""), run.stdout + run.stderr
    names = [family.name for family in text_string_to_metric_families(text.decode())]
    assert len(names) == len(set(names)) > 15


def test_the_gateway_gives_them_with_its_own(
    loop: AdaptivePipeline, call: Callable[..., httpx.Response]
) -> None:
    assert call(loop.app, "POST", "/predict", json={"row": {"x": 0.5}}).status_code == 200
    text = call(loop.app, "GET", "/metrics").text
    assert 'modelward_pipeline_requests_total{status="ok",version="1"} 1.0' in text
    assert "modelward_pipeline_store_up 1.0" in text


def test_a_learning_trigger_beside_one_that_learned(store: Store, memory: MemoryRegistry) -> None:
    loop = pipeline(store, memory, triggers=[Performance(reference=300), Performance(reference=50)])
    World(shift=None, n=150).run(loop)
    assert (
        numbers(store)["reference_loss", "1"]
        == loop.controller.triggers[1].state["reference"]["mean"]
    )
