"""Comparison of a challenger with the champion, with a verdict that is valid at every look."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.comparison.paired import Comparison
    from modelward.adaptive_pipeline.comparison.verdict import Verdict

__all__ = ["Comparison", "Verdict"]

__getattr__, __dir__ = lazy_exports(__name__, {"Comparison": "paired", "Verdict": "verdict"})
