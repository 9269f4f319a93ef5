"""Triggers: each watches one thing and says, with its reason, when a retraining seems due."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.triggers.performance import Performance
    from modelward.adaptive_pipeline.triggers.signal import Signal

__all__ = ["Performance", "Signal"]

__getattr__, __dir__ = lazy_exports(__name__, {"Performance": "performance", "Signal": "signal"})
