"""Metrics: what a metric is, a number with its uncertainty, moments, bootstrap and exposition."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.core.metrics.detection import (
        AveragePrecision,
        DetectionMatches,
        coco_average_precision,
    )
    from modelward.core.metrics.estimate import Estimate
    from modelward.core.metrics.exposition import Exposition, Family
    from modelward.core.metrics.moments import Moments
    from modelward.core.metrics.registry import MetricRegistry, metric, metrics
    from modelward.core.metrics.resampling import bootstrap
    from modelward.core.metrics.specification import MetricSpec

__all__ = [
    "AveragePrecision",
    "DetectionMatches",
    "Estimate",
    "Exposition",
    "Family",
    "MetricRegistry",
    "MetricSpec",
    "Moments",
    "bootstrap",
    "coco_average_precision",
    "metric",
    "metrics",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "AveragePrecision": "detection",
        "DetectionMatches": "detection",
        "Estimate": "estimate",
        "Exposition": "exposition",
        "Family": "exposition",
        "MetricRegistry": "registry",
        "MetricSpec": "specification",
        "Moments": "moments",
        "bootstrap": "resampling",
        "coco_average_precision": "detection",
        "metric": "registry",
        "metrics": "registry",
    },
)
