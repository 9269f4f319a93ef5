"""Joiner and controller as processes of their own: killed, told to stop, waiting for one another."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from modelward.adaptive_pipeline import Joiner, Label, Ledger, PipelineConfig, Store, assembly
from modelward.adaptive_pipeline.controller.standing import Standing
from modelward.adaptive_pipeline.replay.verdicts import replay_verdicts
from modelward.adaptive_pipeline.store.leases import Lease
from modelward.adaptive_pipeline.store.recording import Recorded, record

TRAINING = """
from sklearn.tree import DecisionTreeClassifier

def train(data, context):
    return DecisionTreeClassifier(max_depth=1).fit(data.X, data.y)
"""
ENDLESS = """
import os, pathlib, threading

def train(data, context):
    pathlib.Path({place!r}).write_text(str(os.getpid()))
    threading.Event().wait()
"""
YAML = """
store: "{url}"
registry: {{name: "{name}", tracking_uri: "sqlite:///{home}/mlflow.db", artifacts: "{home}/{name}"}}
train: light_training:train
triggers: [{{kind: performance, reference: 150}}]
window: {{minimum: 80}}
arbiter: {{cooldown: 100}}
training: {{executor: {executor}}}
comparison: {{minimum: 60, maximum: 400, watch: 0}}
gateway: {{isolate: false}}
"""


@pytest.fixture
def config(url: str, tmp_path: Path, mlflow_home: Path, request: pytest.FixtureRequest) -> Path:
    """A configuration beside its training module, with a first model in a real registry."""
    return project(tmp_path, url, mlflow_home, request.node.name.replace("[", "-").strip("]"))


def project(
    folder: Path,
    url: str,
    home: Path,
    name: str,
    *,
    train: str = TRAINING,
    executor: str = "inline",
) -> Path:
    from sklearn.tree import DecisionTreeClassifier

    (folder / "light_training.py").write_text(train, "utf-8")
    path = folder / "pipeline.yaml"
    path.write_text(YAML.format(url=url, name=name, home=home, executor=executor), "utf-8")
    import pandas as pd

    x = pd.DataFrame({"x": np.linspace(0.0, 1.0, 101)})
    model = DecisionTreeClassifier(max_depth=1).fit(x, (x["x"] > 0.5).astype(int))
    assembly.registry(assembly.read(path)).register(model, alias="champion", columns=["x"])
    return path


class Process:
    """`modelward pipeline COMMAND CONFIG`, running."""

    def __init__(self, command: str, config: Path) -> None:
        self.log = config.with_name(f"{command}-{time.monotonic_ns()}.log")
        words = [sys.executable, "-m", "modelward.core.command", "pipeline", command, str(config)]
        with self.log.open("w") as log:
            self.running = subprocess.Popen(words, stdout=log, stderr=log)

    def says(self, text: str) -> None:
        """Wait until it says so."""
        wait_for(lambda: text in self.told or self.running.poll() is not None, lambda: self.told)
        assert text in self.told, self.told

    @property
    def told(self) -> str:
        return self.log.read_text("utf-8")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and give how it ended."""
        self.running.send_signal(number)
        return self.running.wait(60)


@pytest.fixture
def start() -> Iterator[Callable[[str, Path], Process]]:
    started: list[Process] = []

    def begin(command: str, config: Path) -> Process:
        started.append(Process(command, config))
        return started[-1]

    yield begin
    for each in started:
        each.running.kill()
        each.running.wait(10)


def wait_for(
    condition: Callable[[], object], say: Callable[[], object], *, most: float = 120
) -> None:
    until, never = time.monotonic() + most, threading.Event()
    while not condition():
        assert time.monotonic() < until, say()
        never.wait(0.05)


def serve(store: Store, cut: float, n: int, *, answering: float = 0.5) -> None:
    """Record n requests that version 1 answered, and keep their labels for whoever joins."""
    first = store.served()
    x = np.random.default_rng(first).uniform(size=n)
    rows = [
        Recorded(
            f"r{first + i}", time.time(), json.dumps({"x": each}), "1", str(int(each > answering))
        )
        for i, each in enumerate(x.tolist())
    ]
    with store.transaction() as tx:
        assert record(tx, rows) == n
    Joiner(store).keep([Label(f"r{first + i}", int(each > cut)) for i, each in enumerate(x)])


def kinds(store: Store) -> list[str]:
    return [entry.kind for entry in Ledger(store).entries()]


def is_free(store: Store, name: str) -> bool:
    """Whether a process on another host would get the place at once."""
    return Lease(store, name, holder="another-host/1").acquire(wait=False)


@pytest.mark.slow
def test_joiners_take_turns_and_join_what_was_kept(
    config: Path, stores: Store, start: Callable[[str, Path], Process]
) -> None:
    joined = lambda: Joiner(stores).counts().joined  # noqa: E731
    first = start("joiner", config)
    first.says("the joiner is at work")
    second = start("joiner", config)
    third = start("joiner", config)
    second.says("another joiner is at work; waiting")
    third.says("another joiner is at work; waiting")
    assert third.stop() == 0  # also while it waits
    serve(stores, 0.5, 300)
    wait_for(lambda: joined() == 300, joined)
    assert first.stop(signal.SIGKILL) == -signal.SIGKILL
    serve(stores, 0.5, 200)
    second.says("the joiner is at work")
    wait_for(lambda: joined() == 500, joined)
    assert second.stop() == 0
    assert "ERROR" not in first.told + second.told + third.told
    assert is_free(stores, "joiner")
    assert not Joiner(stores).sweep()


@pytest.mark.slow
def test_a_controller_takes_over_and_the_ledger_goes_on(
    config: Path, stores: Store, start: Callable[[str, Path], Process]
) -> None:
    join = Joiner(stores).sweep
    first = start("controller", config)
    first.says("the controller is at work")
    second = start("controller", config)
    second.says("another controller is at work; waiting")

    serve(stores, 0.5, 200)
    serve(stores, 0.85, 200)
    join()
    wait_for(lambda: "trial" in kinds(stores), lambda: first.told)
    serve(stores, 0.85, 20)  # the trial is under way, and not at its end
    join()
    wait_for(lambda: reached(stores, 420), lambda: first.told)
    assert first.stop(signal.SIGKILL) == -signal.SIGKILL
    before = Ledger(stores).verify()
    assert before

    serve(stores, 0.85, 300)
    join()
    second.says("the controller is at work")
    wait_for(lambda: "promotion" in kinds(stores), lambda: second.told)
    assert Ledger(stores).verify(before.head)
    assert [kinds(stores).count(kind) for kind in ("retraining", "trial", "promotion")] == [1, 1, 1]
    assert all(each.same for each in replay_verdicts(stores))

    rolled = start("rollback", config)  # a command, which leaves it to the controller
    rolled.says("command, asked by hand")
    assert rolled.running.wait(30) == 0
    wait_for(lambda: kinds(stores)[-1] == "rollback", lambda: second.told)
    standing = Standing.load(stores)
    assert standing is not None
    assert (standing.champion, standing.promotions, standing.rollbacks) == ("1", 1, 1)
    champion = assembly.registry(assembly.read(config)).find("champion")
    assert champion is not None
    assert champion.version == "1"

    assert second.stop() == 0
    assert "ERROR" not in first.told + second.told
    assert is_free(stores, "controller")


def reached(store: Store, position: int) -> bool:
    standing = Standing.load(store)
    return standing is not None and standing.cursor >= position


@pytest.mark.slow
def test_a_waiting_controller_stops_when_told(
    tmp_path: Path, mlflow_home: Path, start: Callable[[str, Path], Process]
) -> None:
    path = project(tmp_path, "sqlite:///pipeline.db", mlflow_home, "waiting")
    store = Store(f"sqlite:///{tmp_path / 'pipeline.db'}")
    Lease(store, "controller", holder="another-host/1", seconds=600).acquire()
    waiting = start("controller", path)
    waiting.says("another controller is at work; waiting")
    assert waiting.stop(signal.SIGINT) == 0
    assert "Traceback" not in waiting.told


@pytest.mark.slow
def test_a_training_under_way_does_not_keep_a_controller_from_stopping(
    tmp_path: Path, mlflow_home: Path, start: Callable[[str, Path], Process]
) -> None:
    """The order is kept: the next controller trains again."""
    place = tmp_path / "training.pid"
    endless = ENDLESS.format(place=str(place))
    database = "sqlite:///pipeline.db"
    path = project(tmp_path, database, mlflow_home, "endless", train=endless, executor="process")
    store = Store(f"sqlite:///{tmp_path / 'pipeline.db'}")
    process = start("controller", path)
    process.says("the controller is at work")
    serve(store, 0.5, 200)
    serve(store, 0.85, 200)
    Joiner(store).sweep()
    wait_for(lambda: place.exists() and place.read_text(), lambda: process.told)
    child = int(place.read_text())
    assert process.stop() == 0
    wait_for(lambda: not alive(child), lambda: f"{child} still runs")
    assert is_free(store, "controller")
    (tmp_path / "light_training.py").write_text(TRAINING, "utf-8")
    standing = Standing.load(store)
    assert standing is not None
    assert standing.phase == "retraining"
    with store.transaction() as tx:
        from modelward.adaptive_pipeline.store.schema import leases

        tx.execute(leases.delete())
    after = start("controller", path)
    wait_for(lambda: "trial" in kinds(store), lambda: after.told)
    assert kinds(store) == ["signal", "decision", "retraining", "trial"]
    assert after.stop() == 0


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def test_a_joiner_that_was_held_up_comes_back(tmp_path: Path) -> None:
    """Another took over in the meantime: it waits, and goes on when that one is gone."""
    from modelward.adaptive_pipeline import processes

    database = f"sqlite:///{tmp_path / 'pipeline.db'}"
    config = PipelineConfig(
        store=database, registry={"name": "none"}, train="none:none", folder=tmp_path
    )
    store = Store(database)
    stop = threading.Event()

    def told() -> Iterator[threading.Event]:
        yield stop

    from contextlib import contextmanager

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "_until_told", contextmanager(told))
        patch.setattr(processes, "_EVERY", 0.02)
        thread = threading.Thread(target=processes.run_joiner, args=(config,), daemon=True)
        thread.start()
        joined = lambda: Joiner(store).counts().joined  # noqa: E731
        serve(store, 0.5, 10)
        wait_for(lambda: joined() == 10, joined)
        other = Lease(store, "joiner", holder="another-host/1")
        with store.transaction() as tx:
            from modelward.adaptive_pipeline.store.schema import leases

            tx.execute(leases.update().values(expires=0.0))
        wait_for(lambda: other.acquire(wait=False) or expired(store), lambda: "no turn")
        serve(store, 0.5, 10)
        other.release()
        wait_for(lambda: joined() == 20, joined)
        stop.set()
        thread.join(20)
        assert not thread.is_alive()


def expired(store: Store) -> bool:
    from modelward.adaptive_pipeline.store.schema import leases

    with store.transaction() as tx:
        tx.execute(leases.update().values(expires=0.0))
    return False
