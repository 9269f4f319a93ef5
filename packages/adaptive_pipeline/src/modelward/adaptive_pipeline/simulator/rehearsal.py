"""The rehearsal: a policy tried on a sine that changes, before it is trusted with anything real."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from modelward.adaptive_pipeline.simulator.delays import Exponential
from modelward.adaptive_pipeline.simulator.drift import Sudden
from modelward.adaptive_pipeline.simulator.faults import Duplicates, Fault, Loss
from modelward.adaptive_pipeline.simulator.simulation import Simulation
from modelward.adaptive_pipeline.simulator.source import Sine, Source
from modelward.core.errors import ConfigError

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.settings import PipelineConfig
    from modelward.adaptive_pipeline.simulator.result import SimulationResult


def rehearse(
    config: PipelineConfig | None = None,
    *,
    n: int = 3_000,
    changes: int = 2,
    noise: float = 0.1,
    delay: float = 30.0,
    duplicates: float = 0.0,
    lost: float = 0.0,
    seed: int = 0,
) -> SimulationResult:
    """Let a pipeline live through `n` requests, one a second, in which a sine's phase jumps.

    The `changes` are spread evenly; labels come `delay` seconds late on average (exponentially), a
    share `duplicates` twice and a share `lost` never. Triggers, arbiter, window and comparison are
    those of `config`, or the defaults with a tolerance of 0.02 (the loss is the squared error).
    Repositories are not looked at: what stands there today is no part of a simulated world. The
    same seed gives the same result.

    Raises `ConfigError` for settings out of range.
    """
    from modelward.adaptive_pipeline import assembly
    from modelward.adaptive_pipeline.pipeline import AdaptivePipeline
    from modelward.adaptive_pipeline.retrainer.executors import Inline
    from modelward.adaptive_pipeline.store.store import Store
    from modelward.adaptive_pipeline.testing import MemoryRegistry
    from modelward.adaptive_pipeline.triggers.performance import Performance
    from modelward.adaptive_pipeline.triggers.repository import Repository

    if changes < 0 or n < 100 * (changes + 1):
        raise ConfigError(
            f"expected changes >= 0 and at least 100 requests between two, got n={n}, changes={changes}"
        )
    faults: list[Fault] = [Duplicates(duplicates)] if duplicates else []
    faults += [Loss(lost)] if lost else []
    source = _world(n, changes, noise)
    simulation = Simulation(source, n=n, delay=Exponential(delay), faults=faults, seed=seed)
    made: dict[str, Any] = {"triggers": [Performance(tolerance=0.02)]}
    if config is not None:
        built = assembly.build(config, without=["store", "registry", "train", "executor"])
        names = ("triggers", "arbiter", "window", "comparison", "watch", "horizon")
        made = {name: built[name] for name in names}
        made["triggers"] = [t for t in made["triggers"] if not isinstance(t, Repository)]
    registry = MemoryRegistry()
    rng = simulation.generator("first model")
    before = [source.draw(0.0, rng) for _ in range(300)]
    model = _learn([example.row["x"] for example in before], [example.label for example in before])
    registry.register(model, alias="champion", columns=["x"])
    pipeline = AdaptivePipeline(
        store=Store("sqlite://"),
        registry=registry,
        train=lambda data, _: _learn(data.X["x"].tolist(), data.y.tolist()),
        loss="squared",
        executor=Inline(),
        clock=simulation.clock.now,
        seed=seed,
        **made,
    )
    return simulation.run(pipeline)


def _world(n: int, changes: int, noise: float) -> Source:
    source: Source = Sine(noise=noise)
    for number in range(1, changes + 1):
        source = source.then(
            Sine(phase=float(number), noise=noise), Sudden(number * n / (changes + 1))
        )
    return source


def _learn(x: Sequence[float], y: Sequence[float]) -> Any:
    import pandas as pd
    from sklearn.svm import SVR

    return SVR(C=10.0, epsilon=0.02).fit(pd.DataFrame({"x": x}), y)
