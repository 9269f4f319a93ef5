"""The file of a validation job: what is varied, what must hold, and which system is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from modelward.core.config import Config, RelativePath
from modelward.core.config import load as load_file
from modelward.validation.domain import (
    Domain,
    Feature,
    FeatureCategorical,
    FeatureContinuous,
    FeatureInteger,
    Output,
)
from modelward.validation.domain.distribution import Law, Laws, Normal, Weights
from modelward.validation.settings import StudySettings
from modelward.validation.stopping import StopRule
from modelward.validation.study import Study
from modelward.validation.systems import CallableSystem, CommandSystem, HttpSystem, Retrying

Name = Annotated[str, Field(min_length=1, max_length=200)]


class NormalLaw(Config):
    """A normal law of a feature in operation."""

    mean: float
    sd: float = Field(gt=0)

    def law(self) -> Law:
        """Give the law."""
        return Normal(self.mean, self.sd)


class Continuous(Config):
    """A real-valued feature."""

    kind: Literal["continuous"]
    name: Name
    lower: float
    upper: float
    scale: Literal["linear", "log"] = "linear"
    normal: NormalLaw | None = None

    def feature(self) -> Feature:
        """Give the feature."""
        return FeatureContinuous(self.name, self.lower, self.upper, self.scale)


class Whole(Config):
    """A whole-numbered feature."""

    kind: Literal["integer"]
    name: Name
    lower: int
    upper: int

    def feature(self) -> Feature:
        """Give the feature."""
        return FeatureInteger(self.name, self.lower, self.upper)


class Categorical(Config):
    """A feature with levels, each as likely in operation as its weight (default: all alike)."""

    kind: Literal["categorical"]
    name: Name
    levels: tuple[str | int, ...] = Field(min_length=2)
    weights: tuple[float, ...] | None = None

    def feature(self) -> Feature:
        """Give the feature."""
        return FeatureCategorical(self.name, self.levels)


class Limit(Config):
    """An output and its limit: one number, or two with `orientation: between`."""

    name: Name
    threshold: float | tuple[float, float]
    orientation: Literal["lower", "upper", "between"] = "lower"
    certainty_target: float = Field(0.9, gt=0, lt=1)


class System(Config):
    """The system under test: exactly one of a callable, a command line and an HTTP address.

    `seconds` is the time limit of a run; `retries` how often one that gave no answer is asked again
    before that is taken for the outcome.
    """

    callable: str | None = None
    command: tuple[str, ...] | None = None
    http: str | None = None
    seconds: float = Field(60.0, gt=0)
    retries: int = Field(0, ge=0, le=100)
    folder: RelativePath = Path()

    @model_validator(mode="after")
    def _one(self) -> System:
        given = [x for x in (self.callable, self.command, self.http) if x is not None]
        if len(given) != 1:
            raise ValueError(f"expected one of callable, command and http, got {len(given)}")
        return self

    def make(self) -> Any:
        """Give the system as a callable of the features' values."""
        system: Any
        if self.callable is not None:
            system = CallableSystem(self.callable, seconds=self.seconds, folder=self.folder)
        elif self.command is not None:
            system = CommandSystem(self.command, seconds=self.seconds, folder=self.folder)
        else:
            system = HttpSystem(self.http or "", seconds=self.seconds)
        return Retrying(system, retries=self.retries) if self.retries else system


class Stop(Config):
    """When to stop before the budget is spent."""

    certainty: bool = True
    seconds: float | None = Field(None, gt=0)
    unchanged: int | None = Field(None, ge=1)


class Job(Config):
    """A validation job.

    `budget` runs at most, `workers` of them at once (a callable runs one at a time), then `certify`
    more that audit the frozen surrogates. `settings` are the fields of `StudySettings`.
    """

    name: Name = "job"
    features: tuple[Annotated[Continuous | Whole | Categorical, Field(discriminator="kind")], ...]
    outputs: tuple[Limit, ...]
    constraints: tuple[str, ...] = ()
    system: System
    budget: int = Field(200, ge=1)
    certify: int = Field(0, ge=0)
    workers: int = Field(1, ge=1, le=256)
    stop: Stop = Stop()
    settings: dict[str, Any] = Field(default_factory=dict)
    folder: RelativePath = Path("modelward-runs/validation")

    def study(self) -> Study:
        """Make the study. Raises `ConfigError` for features, outputs and settings that do not fit."""
        laws: dict[str, Law] = {}
        for f in self.features:
            if isinstance(f, Continuous) and f.normal is not None:
                laws[f.name] = f.normal.law()
            if isinstance(f, Categorical) and f.weights is not None:
                laws[f.name] = Weights(dict(zip(f.levels, f.weights, strict=True)))
        domain = Domain(
            [f.feature() for f in self.features], self.constraints, Laws(laws) if laws else None
        )
        outputs = [Output.from_dict(limit.model_dump()) for limit in self.outputs]
        return Study.of(domain, outputs, StudySettings.from_dict(self.settings), name=self.name)

    def rule(self) -> StopRule:
        """Give the rule to stop by."""
        return StopRule(**self.stop.model_dump())


def load_job(path: str | Path) -> Job:
    """Read a job from a YAML file. Raises `InvalidConfigError` naming each mistake by line."""
    return load_file(path, Job)
