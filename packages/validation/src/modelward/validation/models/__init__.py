"""Surrogates: models of the system under test, one a file."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.validation.models.base import Prediction, Surrogate
    from modelward.validation.models.gaussian_process import GaussianProcess

__all__ = ["GaussianProcess", "Prediction", "Surrogate"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {"GaussianProcess": "gaussian_process", "Prediction": "base", "Surrogate": "base"},
)
