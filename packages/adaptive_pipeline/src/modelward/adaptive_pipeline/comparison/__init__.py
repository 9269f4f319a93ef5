"""Comparison of a challenger with the champion, with a verdict that is valid at every look."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.comparison.comparison import Comparison, comparison_from
    from modelward.adaptive_pipeline.comparison.guardrails import ErrorRate, Latency, Segments
    from modelward.adaptive_pipeline.comparison.guards import GuardState
    from modelward.adaptive_pipeline.comparison.observation import Observation
    from modelward.adaptive_pipeline.comparison.verdict import Verdict

__all__ = [
    "Comparison",
    "ErrorRate",
    "GuardState",
    "Latency",
    "Observation",
    "Segments",
    "Verdict",
    "comparison_from",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Comparison": "comparison",
        "ErrorRate": "guardrails",
        "GuardState": "guards",
        "Latency": "guardrails",
        "Observation": "observation",
        "Segments": "guardrails",
        "Verdict": "verdict",
        "comparison_from": "comparison",
    },
)
