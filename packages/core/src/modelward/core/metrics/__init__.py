"""Metrics: what a metric is, a number with its uncertainty, moments, bootstrap and exposition."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.core.metrics.estimate import Estimate
    from modelward.core.metrics.moments import Moments
    from modelward.core.metrics.resampling import bootstrap

__all__ = ["Estimate", "Moments", "bootstrap"]

__getattr__, __dir__ = lazy_exports(
    __name__, {"Estimate": "estimate", "Moments": "moments", "bootstrap": "resampling"}
)
