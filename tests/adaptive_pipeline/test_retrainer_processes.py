"""The retrainer with a real registry and real processes: registered by the child, gated as loaded."""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from sqlalchemy import insert

from modelward.adaptive_pipeline import (
    Inline,
    LocalProcess,
    Ray,
    Registry,
    Retrainer,
    Scorer,
    Signal,
    Store,
    Trained,
)
from modelward.adaptive_pipeline.losses import zero_one
from modelward.adaptive_pipeline.store import schema
from modelward.adaptive_pipeline.testing import MemoryRegistry, Threshold
from modelward.core.errors import ServiceError

SIGNAL = Signal(trigger="test", reason="because", since=101)


def fill(store: Store, n: int = 300) -> None:
    """Requests with x uniform in (0, 1), all labelled; class 1 above 0.8."""
    x = np.random.default_rng(4).uniform(size=n)
    made = [
        {
            "request_id": f"r{seq}",
            "at": float(seq),
            "row": {"x": float(value)},
            "version": "1",
            "prediction": 0,
        }
        for seq, value in enumerate(x, start=1)
    ]
    joins = [
        {"seq": seq, "revision": 0, "label": int(value > 0.8), "at": 0.0, "late": False}
        for seq, value in enumerate(x, start=1)
    ]
    with store.transaction() as tx:
        tx.execute(insert(schema.predictions), made)
        tx.execute(insert(schema.joined), joins)


@pytest.fixture
def filled(store: Store) -> Store:
    fill(store)
    return store


@pytest.fixture
def champion(registry: Registry) -> Scorer:
    """A model that believes the cut to be at 0.5."""
    import pandas as pd

    x = np.linspace(0, 1, 50)
    model = DecisionTreeClassifier(max_depth=1).fit(pd.DataFrame({"x": x}), (x > 0.5).astype(int))
    return registry.load(registry.register(model, alias="champion", columns=["x"]).version)


def tree(data: Any, context: Any) -> Any:
    sys.stdout.write(f"seed {context.seed}\n")
    return DecisionTreeClassifier(max_depth=1, random_state=context.seed).fit(data.X, data.y)


def retrainer(store: Store, registry: Registry, train: Any = tree, **more: Any) -> Retrainer:
    return Retrainer(
        store, registry, **{"train": train, "loss": zero_one, "backoff": 0.0, "seed": 7, **more}
    )


@pytest.mark.slow
def test_the_child_registers_and_the_gate_judges_what_was_registered(
    filled: Store, registry: Registry, champion: Scorer
) -> None:
    runner = retrainer(filled, registry)
    assert runner.executor == LocalProcess()
    trained = runner.train(SIGNAL, "1", order="sha256:0a")
    assert (trained.version, trained.rows, trained.held) == ("2", 160, 40)
    assert (trained.first_seq, trained.last_seq, trained.position) == (101, 300, 300)
    found = registry.find("challenger")
    assert found is not None
    assert found.version == "2"
    assert registry.tag("2", "modelward.order") == "sha256:0a"
    run = registry._client.get_run(found.run_id).data
    assert run.metrics["training_seconds"] >= 0
    assert {k: run.params[k] for k in ("reason", "trigger", "champion", "rows", "seed")} == {
        "reason": "because",
        "trigger": "test",
        "champion": "1",
        "rows": "160",
        "seed": "7",
    }
    assert run.params["data_sha256"] == trained.data
    assert run.params["code"].endswith("test_retrainer_processes:tree")
    assert len(run.params["code_sha256"]) == 64
    assert len(run.params["code_commit"].removesuffix("-dirty")) == 40
    # Another retrainer, after a restart, from what was stored.
    stored = Trained(**json.loads(json.dumps(trained.to_dict())))
    assert stored == trained
    outcome = retrainer(filled, registry).gate(stored, champion)
    assert (outcome.version, outcome.because) == ("2", "passed the gate")
    assert outcome.challenger_loss == 0.0
    assert outcome.champion_loss is not None
    assert outcome.champion_loss > 0.2
    run = registry._client.get_run(found.run_id).data
    assert run.metrics["holdout_loss"] == 0.0
    assert run.metrics["champion_holdout_loss"] == outcome.champion_loss
    log = registry._client.download_artifacts(found.run_id, "training.log")
    assert Path(log).read_text() == "seed 7\n"


def test_rows_joined_after_training_are_not_in_the_gate(
    filled: Store, memory: MemoryRegistry
) -> None:
    runner = retrainer(filled, memory)
    trained = runner.train(SIGNAL, "1", order="sha256:0a")
    wrong = [
        {"seq": seq, "revision": 1, "label": 1 - int(seq % 2), "at": 0.0, "late": False}
        for seq in range(101, 301)
    ]
    with filled.transaction() as tx:
        tx.execute(insert(schema.joined), wrong)
    assert runner.gate(trained, memory.load("1")).challenger_loss == 0.0
    again = Trained(**{**trained.to_dict(), "position": 500})
    outcome = runner.gate(again, memory.load("1"))
    assert "expected the window it was trained on" in outcome.because


def crash(data: Any, context: Any) -> Any:
    ctypes.string_at(0)


def test_what_harms_its_process_is_told_and_the_champion_stays(
    filled: Store, registry: Registry, champion: Scorer
) -> None:
    outcome = retrainer(filled, registry, crash, attempts=2).run(SIGNAL, champion, order="o")
    assert outcome.version is None
    assert outcome.because == "the process was ended by SIGSEGV before it gave a model"
    assert (outcome.attempt, outcome.failures) == (2, (outcome.because,))
    assert "in crash" in outcome.log
    for train, because in (
        (
            lambda data, context: Threshold(0.5),
            "not registered: DataError: expected a scikit-learn",
        ),
        (lambda data, context: "a model", "not registered: DataError: expected a scikit-learn"),
    ):
        outcome = retrainer(filled, registry, train).run(SIGNAL, champion, order="o")
        assert because in outcome.because
    assert registry.find("challenger") is None
    found = registry.find("champion")
    assert found is not None
    assert found.version == "1"


def wrong_way(data: Any, context: Any) -> Any:
    return DecisionTreeClassifier(max_depth=1).fit(data.X, 1 - data.y)


def other_columns(data: Any, context: Any) -> Any:
    return LogisticRegression().fit(data.X.assign(more=1.0), data.y)


def text(data: Any, context: Any) -> Any:
    return DecisionTreeClassifier().fit(data.X, data.y.map({0: "low", 1: "high"}))


@pytest.mark.parametrize(
    ("train", "because"),
    [
        (wrong_way, "stopped at the gate: held-out loss 1, the champion's"),
        (
            other_columns,
            "stopped at the gate: ValueError: The feature names should match",
        ),
        (
            text,
            "stopped at the gate: DataError: expected answers that are numbers, like the labels",
        ),
    ],
    ids=["worse", "columns", "kind"],
)
def test_what_stops_at_the_gate_loses_its_alias(
    filled: Store, memory: MemoryRegistry, train: Any, because: str
) -> None:
    runner = retrainer(filled, memory, train)
    trained = runner.train(SIGNAL, "1", order="o")
    assert memory.aliases == {"champion": "1", "challenger": "2"}
    outcome = runner.gate(trained, memory.load("1"))
    assert outcome.version is None
    assert because in outcome.because
    assert memory.aliases == {"champion": "1"}
    assert memory.version("2").version == "2"  # it stays for the record


def save_trap(model: str, folder: Path) -> None:
    """Write a model that hangs when it is asked, or answers nothing of use."""
    from mlflow import pyfunc

    class Trap(pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
            if model == "hangs":
                hang(None, None)
            return [float("nan")] * len(model_input)

    pyfunc.save_model(str(folder), python_model=Trap(), pip_requirements=["pandas"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "because"),
    [
        ("hangs", "ServiceError: expected an answer of version 2, got none: it took longer than"),
        ("nothing but NaN", "DataError: expected a text or a finite number as a model's answer"),
    ],
    ids=["hang", "nan"],
)
def test_a_registered_model_can_do_no_harm_at_the_gate(
    filled: Store, registry: Registry, champion: Scorer, model: str, because: str
) -> None:
    trapped = Registry(
        name=registry.name,
        tracking_uri=registry.tracking_uri,
        artifacts=registry.artifacts,
        save=save_trap,
    )
    runner = retrainer(
        filled, trapped, lambda data, context: model, executor=Inline(), patience=2.0
    )
    outcome = runner.run(SIGNAL, champion, order="o")
    assert outcome.version is None
    assert because in outcome.because
    assert registry.find("challenger") is None


def test_a_champion_that_fails_on_what_is_new_does_not_keep_its_place(
    filled: Store, memory: MemoryRegistry
) -> None:
    def fail(frame: Any) -> Any:
        raise ValueError("unknown category")

    outcome = retrainer(filled, memory).run(SIGNAL, Scorer("1", fail, ("x",)), order="o")
    assert outcome.version == "2"
    assert outcome.because == (
        "passed the gate; the champion fails on the held-out rows: ValueError: unknown category"
    )
    assert outcome.champion_loss is None


class Interrupted(Inline):
    """Trains and registers, and then the process is gone before it could say so."""

    def run(self, job: Any) -> Any:
        super().run(job)
        raise KeyboardInterrupt


def test_an_order_is_found_by_its_tag_after_a_restart(
    filled: Store, registry: Registry, champion: Scorer, tmp_path: Path
) -> None:
    calls = tmp_path / "calls"

    def train(data: Any, context: Any) -> Any:
        with calls.open("a") as file:
            file.write("x")
        return tree(data, context)

    with pytest.raises(KeyboardInterrupt):
        retrainer(filled, registry, train, executor=Interrupted()).train(SIGNAL, "1", order="o1")
    registry.retire()  # as when the alias was not reached
    registry.register(champion_model(), alias="challenger", columns=["x"])
    runner = retrainer(filled, registry, train, executor=Inline())
    trained = runner.train(SIGNAL, "1", order="o1")
    assert (trained.version, trained.because, calls.read_text()) == ("2", "registered before", "x")
    found = registry.find("challenger")
    assert found is not None
    assert found.version == "2"
    assert runner.train(SIGNAL, "1", order="o2").version == "4"


def champion_model() -> Any:
    import pandas as pd

    return LogisticRegression().fit(pd.DataFrame({"x": [0.0, 1.0]}), [0, 1])


def test_a_child_that_registered_and_then_crashed_is_not_asked_again(
    filled: Store, registry: Registry, champion: Scorer
) -> None:
    class Crashing(Registry):
        def register(self, *arguments: Any, **more: Any) -> Any:
            super().register(*arguments, **more)
            os._exit(3)

    cruel = Crashing(
        name=registry.name, tracking_uri=registry.tracking_uri, artifacts=registry.artifacts
    )
    runner = retrainer(filled, cruel, attempts=3)
    trained = runner.train(SIGNAL, "1", order="o1")
    assert (trained.version, trained.because) == ("2", "registered before")
    assert trained.attempt == 1
    assert registry.tagged("modelward.order", "o1") == registry.find("challenger")


def test_a_training_that_fails_is_tried_again_after_a_pause_that_grows(
    filled: Store, memory: MemoryRegistry
) -> None:
    calls: list[int] = []
    pauses: list[float] = []

    def train(data: Any, context: Any) -> Any:
        calls.append(1)
        if len(calls) < 4:
            raise OSError(f"no answer {len(calls)}")
        return Threshold(0.8)

    runner = retrainer(
        filled, memory, train, executor=Inline(), attempts=4, backoff=0.5, wait=pauses.append
    )
    outcome = runner.run(SIGNAL, memory.load("1"), order="o")
    assert outcome.version == "2"
    assert outcome.attempt == 4
    assert outcome.failures == tuple(f"OSError: no answer {n}" for n in (1, 2, 3))
    assert pauses == [0.5, 1.0, 2.0]


def test_a_registry_that_is_away_postpones_and_nothing_is_trained(
    filled: Store, champion: Scorer
) -> None:
    def train(data: Any, context: Any) -> Any:
        raise AssertionError

    away = Registry(name="m", tracking_uri="http://127.0.0.1:9", timeout=0.5)
    runner = retrainer(filled, away, train, executor=Inline())
    with pytest.raises(ServiceError, match="expected MLflow's server"):
        runner.train(SIGNAL, "1", order="o")
    with pytest.raises(ServiceError, match="expected MLflow's server"):
        runner.gate(Trained("2", "", "o"), champion)


def test_a_registry_that_goes_away_while_it_trains_postpones(
    filled: Store, memory: MemoryRegistry
) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise ServiceError("no answer")

    memory.register = away  # type: ignore[method-assign]
    runner = retrainer(filled, memory, lambda data, context: Threshold(0.8))
    with pytest.raises(ServiceError, match="no answer"):
        runner.train(SIGNAL, "1", order="o")


@pytest.mark.parametrize("what", ["the store", "the registry"])
def test_what_goes_away_while_it_gates_postpones(
    filled: Store, memory: MemoryRegistry, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    runner = retrainer(filled, memory, lambda data, context: Threshold(0.8))
    trained = runner.train(SIGNAL, "1", order="o")
    champion = memory.load("1")

    def away(*_: Any, **__: Any) -> Any:
        raise ServiceError("no answer")

    with monkeypatch.context() as patch:
        if what == "the store":
            patch.setattr(filled, "reading", away)
        else:  # after it was asked whether it is there

            def load(_: str) -> Any:
                patch.setattr(memory, "version", away)
                return away()

            patch.setattr(memory, "load", load)
        with pytest.raises(ServiceError, match="no answer"):
            runner.gate(trained, champion)
    assert memory.aliases["challenger"] == "2"  # nothing is said of the model
    assert runner.gate(trained, champion).version == "2"


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.usefixtures("without_ray")
def test_the_same_function_runs_on_a_ray_cluster(
    filled: Store, registry: Registry, champion: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray")
    import ray

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    executor = Ray(timeout=120, init={"num_cpus": 1, "include_dashboard": False})
    outcome = retrainer(filled, registry, executor=executor).run(SIGNAL, champion, order="o")
    assert not ray.is_initialized()
    assert (outcome.version, outcome.because) == ("2", "passed the gate")
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        for train, limit, because in (
            (lambda data, context: os._exit(1), 120.0, "ended before it gave a model"),
            (hang, 3.0, "TimeoutError: it took longer than 3 seconds"),
            (crash_politely, 120.0, "RuntimeError: no disk left"),
        ):
            runner = retrainer(filled, registry, train, executor=Ray(timeout=limit))
            trained = runner.train(SIGNAL, "1", order="o2")
            assert trained.version is None
            assert because in trained.because
        memory = MemoryRegistry()
        memory.register(Threshold(0.5), alias="champion", columns=["x"])
        trained = retrainer(
            filled, memory, lambda data, context: Threshold(0.8), executor=Ray(timeout=120.0)
        ).train(SIGNAL, "1", order="o3")
        assert memory.load(str(trained.version)).score({"x": 0.7}) == 0
        assert ray.is_initialized()  # it was open before, and is left so
    finally:
        ray.shutdown()


def hang(data: Any, context: Any) -> Any:
    import time

    time.sleep(600)


def crash_politely(data: Any, context: Any) -> Any:
    raise RuntimeError("no disk left")
