"""A log under other policies: the same one gives the same ledger, and each other its own costs."""

from __future__ import annotations

import hashlib
import json
import math
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from modelward.adaptive_pipeline import (
    AdaptivePipeline,
    Arbiter,
    Comparison,
    Gateway,
    Inline,
    LastN,
    Ledger,
    Performance,
    Serving,
    SinceDrift,
    Store,
)
from modelward.adaptive_pipeline.replay import Policy, ReplayResult, replay
from modelward.adaptive_pipeline.replay.log import Log
from modelward.adaptive_pipeline.simulator import (
    Duplicates,
    Fault,
    Loss,
    Outage,
    Revisions,
    Shuffle,
    Simulation,
    Sine,
    Sudden,
    Truth,
    Uniform,
)
from modelward.adaptive_pipeline.testing import MemoryRegistry, Threshold
from modelward.core.errors import ConfigError, DataError, ServiceError


class Wave:
    """Least squares on sin x, cos x and 1."""

    def __init__(self, weights: Any) -> None:
        self.weights = np.asarray(weights, dtype=float)

    def predict(self, frame: pd.DataFrame) -> Any:
        x = frame["x"].to_numpy()
        return np.stack([np.sin(x), np.cos(x), np.ones_like(x)], axis=1) @ self.weights


def fit(data: Any, _: Any) -> Wave:
    x = data.X["x"].to_numpy()
    design = np.stack([np.sin(x), np.cos(x), np.ones_like(x)], axis=1)
    return Wave(np.linalg.lstsq(design, data.y.to_numpy(dtype=float), rcond=None)[0])


FIRST = Wave([1.0, 0.0, 0.0])
HARD: tuple[Fault, ...] = (
    Duplicates(0.2),
    Loss(0.05),
    Revisions(0.05),
    Shuffle(40),
    Outage(400, 460),
)
RAN = Policy(
    triggers=[Performance(tolerance=0.02, reference=150)],
    window=SinceDrift(minimum=100),
    arbiter=Arbiter(cooldown=100),
    comparison=Comparison(minimum=60, maximum=600),
    watch=100,
)
WORLD = (
    Sine()
    .then(Sine(phase=1.0), Sudden(at=500))
    .then(Sine(phase=1.0, amplitude=1.8), Sudden(at=1_000))
)


def ran(
    url: str, *, faults: Any = (), policy: Policy = RAN, n: int = 1_500, start: float = 1e9
) -> tuple[Simulation, AdaptivePipeline]:
    simulation = Simulation(
        WORLD, n=n, delay=Uniform(10, 40), tick=10, faults=faults, start=start, seed=6
    )
    registry = MemoryRegistry()
    registry.register(FIRST, alias="champion", columns=["x"])
    pipeline = AdaptivePipeline(
        store=Store(url),
        registry=registry,
        train=fit,
        loss="squared",
        executor=Inline(),
        clock=simulation.clock.now,
        **policy.settings(),
    )
    simulation.run(pipeline)
    return simulation, pipeline


def again(log: Any, policies: Any, **more: Any) -> ReplayResult:
    return replay(log, policies, **{"train": fit, "champion": FIRST, "loss": "squared"} | more)


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.mark.parametrize("faults", [(), HARD], ids=["clean", "faults"])
def test_the_policy_that_ran_gives_the_same_ledger_and_the_file_stays(
    tmp_path: Path, faults: Any
) -> None:
    file = tmp_path / "log.db"
    _, pipeline = ran(f"sqlite:///{file}" if not faults else "sqlite://", faults=faults)
    head = pipeline.ledger.verify().head
    log: Any = pipeline.store
    if not faults:
        pipeline.close()
        pipeline.store.close()
        log = file.rename(tmp_path / "odd name?#%.db")
    before = digests(tmp_path)
    result = again(log, {"same": RAN, "never": Policy.never()})
    after = digests(tmp_path)
    assert {name: after[name] for name in before} == before
    same, actual = result["same"], result["as it happened"]
    assert same.head == actual.head == head
    assert actual.promotions >= 2
    for name in ("loss", "regret", "retrainings", "promotions", "recoveries", "regrets"):
        assert getattr(same, name) == getattr(actual, name)
    assert same.extra == 0
    never = result["never"]
    assert (never.promotions, never.recoveries) == (0, (None,) * len(result.changes))
    assert never.extra > 0
    assert never.regret > 10 * actual.regret


def test_the_figures_are_those_worked_out_by_hand(tmp_path: Path) -> None:
    """Never adapting is known exactly: the first champion's loss on each labelled request."""
    file = tmp_path / "log.db"
    simulation, pipeline = ran(f"sqlite:///{file}", n=900, faults=[Loss(0.2)])
    pipeline.store.close()
    result = again(file, {"never": Policy.never()}, changes=[501])
    told = {e.request_id: e.label for e in simulation.events() if isinstance(e, Truth)}
    rows = {e.request_id: e.row for e in simulation.events() if not isinstance(e, Truth)}
    names = [name for name in rows if name in told]
    answers = FIRST.predict(pd.DataFrame([rows[name] for name in names]))
    squares = np.array([(told[n] - a) ** 2 for n, a in zip(names, answers, strict=True)])
    assert result.requests == 900
    assert result.labelled == len(names)
    assert result["never"].loss == pytest.approx(squares.mean())
    actual = result["as it happened"]
    extra = (result["never"].loss - actual.loss) * len(names)
    assert result["never"].extra == pytest.approx(extra)
    best = [min(pair) for pair in zip(result["never"].regrets, actual.regrets, strict=True)]
    assert best == [0.0] * len(best)
    assert result["never"].regret - actual.regret == pytest.approx(extra)
    (promotion,) = Ledger(Store(f"sqlite:///{file}")).entries("promotion")
    assert actual.recoveries == (promotion.body["served"] - 500,)
    assert result["never"].recoveries == (None,)


def test_policies_differ_as_they_should() -> None:
    """A slow test of a challenger costs time, and one on the old data as well costs quality."""
    _, pipeline = ran("sqlite://")
    slow = Policy(**{**fields(RAN), "comparison": Comparison(minimum=300, maximum=600)})
    old = Policy(**{**fields(RAN), "window": LastN(n=5_000, minimum=100)})
    result = again(pipeline.store, {"slow": slow, "old": old})
    actual = result["as it happened"]
    assert len(result.changes) == 2
    assert all(
        a is not None and s is not None and s > a + 150
        for a, s in zip(actual.recoveries, result["slow"].recoveries, strict=True)
    )
    assert result["slow"].extra > 0
    assert result["old"].loss > actual.loss
    frame = result.to_frame()
    assert list(frame.index) == ["as it happened", "slow", "old"]
    assert list(frame.columns)[:3] == ["loss", "regret", "extra"]
    assert "recovery 2" in frame.columns


def fields(policy: Policy) -> dict[str, Any]:
    return {name: getattr(policy, name) for name in Policy.__slots__}


def test_a_policy_can_be_tried_twice() -> None:
    _, pipeline = ran("sqlite://", n=900)
    result = again(pipeline.store, {"one": RAN, "two": RAN})
    assert result["one"].head == result["two"].head == pipeline.ledger.verify().head


def test_a_running_log_can_be_replayed_and_is_not_held_up(tmp_path: Path) -> None:
    file = tmp_path / "log.db"
    _, pipeline = ran(f"sqlite:///{file}", n=300)
    log = Log(file)
    events = log.events()
    first = next(events)
    pipeline.clock = lambda: 2e9
    pipeline.predict({"x": 1.0}, "later")
    pipeline.label("later", 0.5)
    rest = list(events)
    assert len([e for e in [first, *rest] if e.request_id == "later"]) == 0
    assert len(rest) == 599
    log.close()


def test_the_log_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "log.db"
    _, pipeline = ran(f"sqlite:///{file}", n=50)
    pipeline.store.close()
    with closing(Log(file)) as log, pytest.raises(ServiceError, match="readonly"):
        log.store.save_state("controller", {})


def test_the_champion_comes_from_the_registry() -> None:
    _, pipeline = ran("sqlite://", n=900)
    result = replay(
        pipeline.store, RAN, train=fit, registry=pipeline.registry, loss="squared", seed=0
    )
    assert result["policy"].head == pipeline.ledger.verify().head


def test_what_cannot_be_replayed_is_refused(tmp_path: Path) -> None:
    _, pipeline = ran("sqlite://", n=30)
    with pytest.raises(DataError, match="no file"):
        again(tmp_path / "none.db", RAN)
    assert not list(tmp_path.iterdir())
    with pytest.raises(DataError, match="without any"):
        again(Store("sqlite://"), RAN)
    with pytest.raises(ConfigError, match="version 1"):
        replay(pipeline.store, RAN, train=fit)
    with pytest.raises(ConfigError, match="other than"):
        again(pipeline.store, {"as it happened": RAN})
    with pytest.raises(ConfigError, match="policies"):
        again(pipeline.store, {})


@pytest.mark.parametrize("kind", ["sqlite://", "postgres"])
def test_a_log_without_a_label_has_no_loss(kind: str, request: pytest.FixtureRequest) -> None:
    store = Store(request.getfixturevalue(kind) if kind == "postgres" else kind)
    registry = MemoryRegistry()
    registry.register(Threshold(0.5), alias="champion", columns=["x"])
    gateway = Gateway(store, Serving(registry.load("1")))
    for number in range(20):
        gateway.predict({"x": number / 20}, f"r{number}")
    result = replay(store, Policy.never(), train=fit, registry=registry)
    assert (result.requests, result.labelled) == (20, 0)
    assert [each["loss"] for each in json.loads(result.to_json())["policies"]] == [None, None]
    assert "0 with a label" in repr(result)
    assert "<svg" in result._repr_html_()
    store.close()


def test_the_result_prints_and_draws() -> None:
    _, pipeline = ran("sqlite://", n=900)
    result = again(pipeline.store, {"never": Policy.never()})
    assert "as it happened" in repr(result)
    found = json.loads(result.to_json())
    assert found["policies"][1]["policy"] == "never"
    assert math.isfinite(found["policies"][1]["regret"])
    axis = result.plot()
    labels = [line.get_label() for line in axis.lines][:2]
    assert labels == ["as it happened", "never"]
    ends = [float(line.get_ydata()[-1]) for line in axis.lines[:2]]
    assert ends == pytest.approx([each.regret for each in result.policies])
    assert "Regret as it adds up" in result._repr_html_()
    with pytest.raises(KeyError):
        result["another"]


def test_a_log_on_postgresql_is_only_read(postgres: str) -> None:
    _, pipeline = ran(postgres, n=300)
    head = pipeline.ledger.verify().head
    pipeline.close()
    result = again(postgres, {"same": RAN})
    assert result["same"].head == head
    with closing(Log(postgres)) as log, pytest.raises(ServiceError, match="read-only"):
        log.store.save_state("controller", {})
    pipeline.store.close()
