"""The bodies of requests and answers, as the API's document shows them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(min_length=1, max_length=500)]
Text = Annotated[str, Field(max_length=20_000)]
Number = Annotated[int, Field(ge=0, lt=2**31, strict=True)]
Count = Annotated[int, Field(ge=1, le=1_000, strict=True)]
Key = Annotated[str, Field(min_length=1, max_length=64)]
Value = str | bool | int | float
Point = dict[str, Value]
Seconds = Annotated[float, Field(ge=1, le=604_800)]
Results = dict[str, Annotated[float, Field(strict=True)]]


class Body(BaseModel):
    """A body: nothing unknown in it, and no number that JSON has not."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Named(Body):
    """A name, and what people and programs want to remember with it."""

    name: Name
    description: Text = ""
    metainfo: dict[str, Any] = {}


class ContinuousBody(Body):
    """A real-valued input, both ends included."""

    kind: Literal["FeatureContinuous"]
    name: Name
    lower: float
    upper: float
    scale: Literal["linear", "log"] = "linear"


class IntegerBody(Body):
    """A whole-numbered input, both ends included."""

    kind: Literal["FeatureInteger"]
    name: Name
    lower: int
    upper: int


class CategoricalBody(Body):
    """An input that takes one of several levels."""

    kind: Literal["FeatureCategorical"]
    name: Name
    levels: Annotated[list[str | bool | int], Field(min_length=2, max_length=1_000)]


FeatureBody = Annotated[ContinuousBody | IntegerBody | CategoricalBody, Field(discriminator="kind")]


class FeaturesBody(Body):
    """The space of a scenario."""

    features: Annotated[list[FeatureBody], Field(min_length=1, max_length=1_000)]
    constraints: Annotated[list[str], Field(max_length=100)] = []
    distribution: dict[str, Any] | None = None


class OutputBody(Body):
    """What must hold: one limit, or two."""

    name: Name
    threshold: float | Annotated[list[float], Field(min_length=2, max_length=2)]
    orientation: Literal["lower", "upper", "between"] = "lower"
    certainty_target: Annotated[float, Field(gt=0, lt=1)] = 0.9


class OutputsBody(Body):
    """All outputs of a scenario."""

    outputs: Annotated[list[OutputBody], Field(min_length=1, max_length=100)]


class JobBody(Named):
    """A job on a system and a scenario."""

    system_id: Number
    scenario_id: Number
    settings: dict[str, Any] = {}
    stop: dict[str, Any] | None = None


class StopBody(Body):
    """Why a job is stopped."""

    reason: Annotated[str, Field(min_length=1, max_length=1_000)] = "stopped by hand"


class ResumeBody(Body):
    """By which rule a job goes on."""

    stop: dict[str, Any] | None = None


class LeaseBody(Body):
    """How many runs are wanted, and for how long."""

    number: Count = 1
    seconds: Seconds = 300.0


class RenewBody(Body):
    """Which leases to keep for how long; 0 seconds gives them back."""

    numbers: Annotated[list[Number], Field(min_length=1, max_length=1_000)]
    lease: Key
    seconds: Annotated[float, Field(ge=0, le=604_800)] = 300.0


class OutcomeBody(Body):
    """What a run gave: results, or why there are none."""

    results: Results | None = None
    crash: Annotated[str, Field(min_length=1, max_length=4_000)] | None = None
    lease: Key | None = None


class NumberedOutcomeBody(OutcomeBody):
    """What the run of a number gave."""

    number: Number


class OutcomesBody(Body):
    """What several runs gave: kept all, or none."""

    outcomes: Annotated[list[NumberedOutcomeBody], Field(min_length=1, max_length=10_000)]


class FieldBody(Body):
    """A point measured elsewhere."""

    point: Point
    results: Results | None = None
    crash: Annotated[str, Field(min_length=1, max_length=4_000)] | None = None


class FieldDataBody(Body):
    """Points measured elsewhere: kept all, or none."""

    rows: Annotated[list[FieldBody], Field(min_length=1, max_length=10_000)]
