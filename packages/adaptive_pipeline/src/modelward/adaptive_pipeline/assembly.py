"""The assembly: makes the parts of a pipeline from its settings."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from modelward.adaptive_pipeline.arbiter import Arbiter
from modelward.adaptive_pipeline.comparison import Comparison, comparison_from
from modelward.adaptive_pipeline.comparison.guardrails import ErrorRate, Latency, Segments
from modelward.adaptive_pipeline.registry import Registry
from modelward.adaptive_pipeline.retrainer.executors import Executor, Inline, LocalProcess, Ray
from modelward.adaptive_pipeline.retrainer.windows import (
    LastN,
    ReservoirRecent,
    SinceDrift,
    WindowPolicy,
)
from modelward.adaptive_pipeline.settings import PipelineConfig, TriggerConfig
from modelward.adaptive_pipeline.store.store import Store
from modelward.adaptive_pipeline.triggers.drift import Drift
from modelward.adaptive_pipeline.triggers.performance import Performance
from modelward.adaptive_pipeline.triggers.repository import Repository
from modelward.adaptive_pipeline.triggers.schedule import Schedule
from modelward.adaptive_pipeline.triggers.trigger import Trigger
from modelward.core.config import load
from modelward.core.errors import ConfigError


def read(config: PipelineConfig | str | Path) -> PipelineConfig:
    """Give the configuration, read from its YAML file where a path is given."""
    if isinstance(config, PipelineConfig):
        return config
    return load(config, PipelineConfig)


def build(config: PipelineConfig, *, without: Sequence[str] = ()) -> dict[str, Any]:
    """Make the parts of a pipeline, but for those named in `without`.

    Raises `ConfigError` for a training function that cannot be found, and what the parts raise.
    """
    made: dict[str, Any] = {
        "loss": config.loss,
        "share": config.comparison.share,
        "watch": config.comparison.watch,
        "horizon": config.horizon,
        "segments": config.monitor.segments,
        "monitor_window": config.monitor.window,
        "isolate": config.gateway.isolate,
        "seed": config.seed,
        "training": {
            "holdout": config.training.holdout,
            "margin": config.training.margin,
            "attempts": config.training.attempts,
        },
    }
    makers: dict[str, Callable[[PipelineConfig], Any]] = {
        "store": store,
        "registry": registry,
        "train": lambda c: function(c.train, c.folder),
        "triggers": lambda c: [trigger(each) for each in c.triggers],
        "arbiter": lambda c: Arbiter(**c.arbiter.model_dump()),
        "window": window,
        "executor": executor,
        "comparison": comparison,
    }
    made |= {name: make(config) for name, make in makers.items() if name not in without}
    return made


def store(config: PipelineConfig, *, make: bool = True) -> Store:
    """Open the store; a SQLite file is looked for beside the configuration (see `Store`)."""
    return Store(_beside(config.store, config.folder), make=make)


def registry(config: PipelineConfig) -> Registry:
    """Open the registry."""
    settings = config.registry
    save = function(settings.save, config.folder) if settings.save else None
    return Registry(
        name=settings.name,
        tracking_uri=_beside(settings.tracking_uri, config.folder),
        artifacts=settings.artifacts or config.folder / "mlartifacts",
        save=save,
    )


def function(name: str, folder: Path) -> Callable[..., Any]:
    """Find `module:function`, the module beside the configuration or installed.

    Raises `ConfigError` when there is none.
    """
    module, _, attribute = name.partition(":")
    place = str(folder.resolve())
    if place not in sys.path:
        sys.path.insert(0, place)
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ConfigError(
            f"expected a function {attribute!r} in a module {module!r}, got: {error}",
            hint=f"put {module}.py into {place}, or install it.",
        ) from error
    if not callable(found):
        raise ConfigError(f"expected a function as {name}, got {type(found).__name__}")
    made: Callable[..., Any] = found
    return made


def trigger(settings: TriggerConfig) -> Trigger:
    """Make one trigger."""
    kinds = {
        "performance": Performance,
        "schedule": Schedule,
        "drift": Drift,
        "repository": Repository,
    }
    made: Trigger = kinds[settings.kind](**settings.model_dump(exclude={"kind"}))
    return made


def window(config: PipelineConfig) -> WindowPolicy:
    """Make the policy that chooses the training window."""
    settings = config.window
    if settings.kind == "last_n":
        return LastN(n=settings.n, minimum=settings.minimum)
    if settings.kind == "reservoir_recent":
        return ReservoirRecent(
            recent=settings.recent, reservoir=settings.reservoir, minimum=settings.minimum
        )
    return SinceDrift(minimum=settings.minimum, maximum=settings.maximum)


def executor(config: PipelineConfig) -> Executor:
    """Make what runs the training function."""
    settings = config.training
    if settings.executor == "inline":
        return Inline()
    if settings.executor == "ray":
        return Ray(
            address=settings.address,
            timeout=settings.timeout,
            cpus=settings.cpus,
            gpus=settings.gpus,
            memory=settings.memory,
        )
    return LocalProcess(timeout=settings.timeout, memory=settings.memory)


def comparison(config: PipelineConfig) -> Comparison:
    """Make the comparison, its design by what the labels depend on.

    Raises `ConfigError` for a guardrail by segment where no segments are followed.
    """
    settings, guards = config.comparison, config.comparison.guardrails
    guardrails: list[Any] = []
    if guards.error_rate is not None:
        guardrails.append(ErrorRate(tolerance=guards.error_rate))
    if guards.latency is not None:
        guardrails.append(Latency(tolerance=guards.latency))
    if guards.segments is not None:
        if not config.monitor.segments:
            raise ConfigError(
                "expected columns whose values are guarded apart, got comparison.guardrails.segments "
                "and no monitor.segments",
                hint="name them: monitor: {segments: [COLUMN]}.",
            )
        guardrails.append(Segments(tolerance=guards.segments))
    return comparison_from(
        {
            "design": "ab" if config.label_depends_on_prediction else "paired",
            "alpha": settings.alpha,
            "margin": settings.margin,
            "minimum": settings.minimum,
            "maximum": settings.maximum,
            "guardrails": guardrails,
            **({"statistic": settings.statistic} if settings.statistic else {}),
        }
    )


def _beside(url: str, folder: Path) -> str:
    """Make a SQLite URL with a relative file one beside the configuration."""
    start = "sqlite:///"
    if (
        not url.startswith(start)
        or url.startswith(start + "/")
        or url in {start, start + ":memory:"}
    ):
        return url
    return start + str((folder / url.removeprefix(start)).resolve())
