"""Triggers: each watches one thing and says, with its reason, when a retraining seems due."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.triggers.alert import Alert
    from modelward.adaptive_pipeline.triggers.drift import Drift
    from modelward.adaptive_pipeline.triggers.manual import Manual
    from modelward.adaptive_pipeline.triggers.performance import Performance
    from modelward.adaptive_pipeline.triggers.push import Push
    from modelward.adaptive_pipeline.triggers.repository import Repository
    from modelward.adaptive_pipeline.triggers.schedule import Schedule
    from modelward.adaptive_pipeline.triggers.signal import Signal
    from modelward.adaptive_pipeline.triggers.trigger import Trigger

__all__ = [
    "Alert",
    "Drift",
    "Manual",
    "Performance",
    "Push",
    "Repository",
    "Schedule",
    "Signal",
    "Trigger",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Alert": "alert",
        "Drift": "drift",
        "Manual": "manual",
        "Performance": "performance",
        "Push": "push",
        "Repository": "repository",
        "Schedule": "schedule",
        "Signal": "signal",
        "Trigger": "trigger",
    },
)
