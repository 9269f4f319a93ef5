"""Virtual validation: find where a system fails with few runs, and say what is proven of it.

The path of the data: domain -> models -> competition -> acquisition -> certainty -> study; beside
it: explain, report. `Study` ties them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.validation import models as models
    from modelward.validation.acquisition import Entropy, ExpectedFeasibility, Straddle
    from modelward.validation.ahead import Ahead
    from modelward.validation.boundary import Boundary
    from modelward.validation.certainty import Audit, Certificate, certify, interval, upper_bound
    from modelward.validation.client.api import Valicy, ValicyAPI, load_all_systems
    from modelward.validation.competition import Competition, Standing
    from modelward.validation.counterfactual import NearestPassing
    from modelward.validation.domain import (
        Constraint,
        Distribution,
        Domain,
        FeatureCategorical,
        FeatureContinuous,
        FeatureInteger,
        FieldSamples,
        Laws,
        Normal,
        Output,
        Weights,
        feature_from_dict,
    )
    from modelward.validation.explain import Explanation
    from modelward.validation.models.base import Belief, Prediction, Surrogate
    from modelward.validation.models.baselines import Logistic, Neighbours
    from modelward.validation.models.boosting import Boosting
    from modelward.validation.models.family import Family
    from modelward.validation.models.forest import Forest
    from modelward.validation.models.gaussian_process import GaussianProcess
    from modelward.validation.models.neural import Neural
    from modelward.validation.problems import PROBLEMS, Problem, four_branch
    from modelward.validation.reduction import ErrorReduction
    from modelward.validation.remaining import Certainty
    from modelward.validation.result import StudyResult
    from modelward.validation.rules import Bound, Rule, find_rules
    from modelward.validation.runs import Run, read_results
    from modelward.validation.sensitivity import Sensitivity
    from modelward.validation.settings import StudySettings
    from modelward.validation.stopping import StopRule
    from modelward.validation.study import Study

__all__ = [
    "PROBLEMS",
    "Ahead",
    "Audit",
    "Belief",
    "Boosting",
    "Bound",
    "Boundary",
    "Certainty",
    "Certificate",
    "Competition",
    "Constraint",
    "Distribution",
    "Domain",
    "Entropy",
    "ErrorReduction",
    "ExpectedFeasibility",
    "Explanation",
    "Family",
    "FeatureCategorical",
    "FeatureContinuous",
    "FeatureInteger",
    "FieldSamples",
    "Forest",
    "GaussianProcess",
    "Laws",
    "Logistic",
    "NearestPassing",
    "Neighbours",
    "Neural",
    "Normal",
    "Output",
    "Prediction",
    "Problem",
    "Rule",
    "Run",
    "Sensitivity",
    "Standing",
    "StopRule",
    "Straddle",
    "Study",
    "StudyResult",
    "StudySettings",
    "Surrogate",
    "Valicy",
    "ValicyAPI",
    "Weights",
    "certify",
    "feature_from_dict",
    "find_rules",
    "four_branch",
    "interval",
    "load_all_systems",
    "models",
    "read_results",
    "upper_bound",
]

_export, __dir__ = lazy_exports(
    __name__,
    {
        "Ahead": "ahead",
        "Audit": "certainty",
        "Belief": "models.base",
        "Boosting": "models.boosting",
        "Bound": "rules",
        "Boundary": "boundary",
        "Certainty": "remaining",
        "Certificate": "certainty",
        "Competition": "competition",
        "Constraint": "domain",
        "Distribution": "domain",
        "Domain": "domain",
        "Entropy": "acquisition",
        "ErrorReduction": "reduction",
        "ExpectedFeasibility": "acquisition",
        "Explanation": "explain",
        "Family": "models.family",
        "FeatureCategorical": "domain",
        "FeatureContinuous": "domain",
        "FeatureInteger": "domain",
        "FieldSamples": "domain",
        "Forest": "models.forest",
        "GaussianProcess": "models.gaussian_process",
        "Laws": "domain",
        "Logistic": "models.baselines",
        "NearestPassing": "counterfactual",
        "Neighbours": "models.baselines",
        "Neural": "models.neural",
        "Normal": "domain",
        "Output": "domain",
        "PROBLEMS": "problems",
        "Prediction": "models.base",
        "Problem": "problems",
        "Rule": "rules",
        "Run": "runs",
        "Sensitivity": "sensitivity",
        "Standing": "competition",
        "StopRule": "stopping",
        "Straddle": "acquisition",
        "Study": "study",
        "StudyResult": "result",
        "StudySettings": "settings",
        "Surrogate": "models.base",
        "Valicy": "client.api",
        "ValicyAPI": "client.api",
        "Weights": "domain",
        "certify": "certainty",
        "feature_from_dict": "domain",
        "find_rules": "rules",
        "four_branch": "problems",
        "interval": "certainty",
        "load_all_systems": "client.api",
        "read_results": "runs",
        "upper_bound": "certainty",
    },
)


def __getattr__(name: str) -> Any:
    # A subpackage is no attribute of its parent before it is imported.
    return import_module(f"{__name__}.models") if name == "models" else _export(name)
