"""Performance: measured where labels have come, estimated where they have not."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.monitoring.performance.base import PerformanceEstimator
    from modelward.monitoring.performance.cbpe import CBPE
    from modelward.monitoring.performance.counts import poisson_binomial
    from modelward.monitoring.performance.dle import DLE
    from modelward.monitoring.performance.history import PerformanceHistory
    from modelward.monitoring.performance.measurement import realised
    from modelward.monitoring.performance.pape import PAPE
    from modelward.monitoring.performance.result import WindowPerformance
    from modelward.monitoring.performance.tally import Tally

__all__ = [
    "CBPE",
    "DLE",
    "PAPE",
    "PerformanceEstimator",
    "PerformanceHistory",
    "Tally",
    "WindowPerformance",
    "poisson_binomial",
    "realised",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "CBPE": "cbpe",
        "DLE": "dle",
        "PAPE": "pape",
        "PerformanceEstimator": "base",
        "PerformanceHistory": "history",
        "Tally": "tally",
        "WindowPerformance": "result",
        "poisson_binomial": "counts",
        "realised": "measurement",
    },
)
