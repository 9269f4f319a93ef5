"""Monitoring: what has changed in a model's data, and whether it is more than chance.

The path of the data: `sources` take tables apart, `Sketch` keeps a small mergeable summary, `drift`
measures how far two summaries lie apart, `compare` and `assess` decide with controlled false
alarms, `outputs` writes what others read.
"""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.monitoring.decisions.comparison import compare
    from modelward.monitoring.decisions.multiplicity import benjamini_hochberg, benjamini_yekutieli
    from modelward.monitoring.decisions.result import DriftResult, FeatureDrift
    from modelward.monitoring.drift.base import DriftMethod, Statistic
    from modelward.monitoring.drift.registry import METHODS, drift_method
    from modelward.monitoring.fleet.assessment import assess
    from modelward.monitoring.fleet.result import FleetResult
    from modelward.monitoring.outputs.exporter import DriftExporter
    from modelward.monitoring.sketch.table import Sketch

__all__ = [
    "METHODS",
    "DriftExporter",
    "DriftMethod",
    "DriftResult",
    "FeatureDrift",
    "FleetResult",
    "Sketch",
    "Statistic",
    "assess",
    "benjamini_hochberg",
    "benjamini_yekutieli",
    "compare",
    "drift_method",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "METHODS": "drift.registry",
        "DriftExporter": "outputs.exporter",
        "DriftMethod": "drift.base",
        "DriftResult": "decisions.result",
        "FeatureDrift": "decisions.result",
        "FleetResult": "fleet.result",
        "Sketch": "sketch.table",
        "Statistic": "drift.base",
        "assess": "fleet.assessment",
        "benjamini_hochberg": "decisions.multiplicity",
        "benjamini_yekutieli": "decisions.multiplicity",
        "compare": "decisions.comparison",
        "drift_method": "drift.registry",
    },
)
