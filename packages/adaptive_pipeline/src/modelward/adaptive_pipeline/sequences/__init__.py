"""Confidence sequences: intervals for a mean that hold at every look, however often one looks."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.sequences.asymptotic import AsymptoticSequence, margin

__all__ = ["AsymptoticSequence", "margin"]

__getattr__, __dir__ = lazy_exports(
    __name__, {"AsymptoticSequence": "asymptotic", "margin": "asymptotic"}
)
