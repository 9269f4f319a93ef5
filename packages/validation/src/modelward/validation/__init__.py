"""Virtual validation: find where a system fails with few runs, and say what is proven of it.

The path of the data: domain -> models -> competition -> acquisition -> certainty -> study; beside
it: explain, report. `Study` ties them.
"""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.validation.acquisition import Straddle
    from modelward.validation.boundary import Boundary
    from modelward.validation.certainty import Audit, Certificate, certify, interval, upper_bound
    from modelward.validation.competition import Competition, Standing
    from modelward.validation.domain import Domain, FeatureContinuous, FeatureInteger, Output
    from modelward.validation.explain import Bound, Rule, find_rules
    from modelward.validation.models.base import Prediction, Surrogate
    from modelward.validation.models.gaussian_process import GaussianProcess
    from modelward.validation.problems import four_branch
    from modelward.validation.result import StudyResult
    from modelward.validation.runs import Run
    from modelward.validation.study import Study

__all__ = [
    "Audit",
    "Bound",
    "Boundary",
    "Certificate",
    "Competition",
    "Domain",
    "FeatureContinuous",
    "FeatureInteger",
    "GaussianProcess",
    "Output",
    "Prediction",
    "Rule",
    "Run",
    "Standing",
    "Straddle",
    "Study",
    "StudyResult",
    "Surrogate",
    "certify",
    "find_rules",
    "four_branch",
    "interval",
    "upper_bound",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Audit": "certainty",
        "Bound": "explain",
        "Boundary": "boundary",
        "Certificate": "certainty",
        "Competition": "competition",
        "Domain": "domain",
        "FeatureContinuous": "domain",
        "FeatureInteger": "domain",
        "GaussianProcess": "models.gaussian_process",
        "Output": "domain",
        "Prediction": "models.base",
        "Rule": "explain",
        "Run": "runs",
        "Standing": "competition",
        "Straddle": "acquisition",
        "Study": "study",
        "StudyResult": "result",
        "Surrogate": "models.base",
        "certify": "certainty",
        "find_rules": "explain",
        "four_branch": "problems",
        "interval": "certainty",
        "upper_bound": "certainty",
    },
)
