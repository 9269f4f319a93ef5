"""Surrogates: models of the system under test, one a file."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.validation.models.base import Belief, Crowding, Prediction, Surrogate
    from modelward.validation.models.baselines import Logistic, Neighbours
    from modelward.validation.models.boosting import Boosting
    from modelward.validation.models.family import Family
    from modelward.validation.models.forest import Forest
    from modelward.validation.models.gaussian_process import GaussianProcess
    from modelward.validation.models.interface import (
        FeatureCategorical,
        FeatureContinuous,
        FeatureInteger,
        Job,
        Output,
        Run,
        Scenario,
        System,
    )
    from modelward.validation.models.neural import Neural

__all__ = [
    "Belief",
    "Boosting",
    "Crowding",
    "Family",
    "FeatureCategorical",
    "FeatureContinuous",
    "FeatureInteger",
    "Forest",
    "GaussianProcess",
    "Job",
    "Logistic",
    "Neighbours",
    "Neural",
    "Output",
    "Prediction",
    "Run",
    "Scenario",
    "Surrogate",
    "System",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Belief": "base",
        "Boosting": "boosting",
        "Crowding": "base",
        "Family": "family",
        "FeatureCategorical": "interface",
        "FeatureContinuous": "interface",
        "FeatureInteger": "interface",
        "Forest": "forest",
        "GaussianProcess": "gaussian_process",
        "Job": "interface",
        "Logistic": "baselines",
        "Neighbours": "baselines",
        "Neural": "neural",
        "Output": "interface",
        "Prediction": "base",
        "Run": "interface",
        "Scenario": "interface",
        "Surrogate": "base",
        "System": "interface",
    },
)
