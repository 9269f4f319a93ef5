"""The names that scripts of the original tool look for under `models`: no surrogates, but its types."""

from modelward.validation.client.objects import Job, Scenario, System
from modelward.validation.client.run import Run
from modelward.validation.domain import (
    FeatureCategorical,
    FeatureContinuous,
    FeatureInteger,
    Output,
)

__all__ = [
    "FeatureCategorical",
    "FeatureContinuous",
    "FeatureInteger",
    "Job",
    "Output",
    "Run",
    "Scenario",
    "System",
]
