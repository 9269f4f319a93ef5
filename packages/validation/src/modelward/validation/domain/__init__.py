"""What is varied and what must hold: features, outputs, constraints, and how inputs occur in the field."""

from modelward.validation.domain.constraints import Constraint
from modelward.validation.domain.distribution import (
    Distribution,
    FieldSamples,
    Law,
    Laws,
    Normal,
    Weights,
)
from modelward.validation.domain.features import (
    Bools,
    Feature,
    FeatureCategorical,
    FeatureContinuous,
    FeatureInteger,
    Floats,
    Value,
    feature_from_dict,
)
from modelward.validation.domain.names import check_names
from modelward.validation.domain.output import Orientation, Output
from modelward.validation.domain.space import Domain

__all__ = [
    "Bools",
    "Constraint",
    "Distribution",
    "Domain",
    "Feature",
    "FeatureCategorical",
    "FeatureContinuous",
    "FeatureInteger",
    "FieldSamples",
    "Floats",
    "Law",
    "Laws",
    "Normal",
    "Orientation",
    "Output",
    "Value",
    "Weights",
    "check_names",
    "feature_from_dict",
]
