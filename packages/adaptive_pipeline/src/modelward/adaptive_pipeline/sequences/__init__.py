"""Confidence sequences: intervals for a mean that hold at every look, however often one looks."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.sequences.asymptotic import AsymptoticSequence, margin
    from modelward.adaptive_pipeline.sequences.betting import BettingTest, RunningBetting
    from modelward.adaptive_pipeline.sequences.proportion import mismatch
    from modelward.adaptive_pipeline.sequences.running import (
        AsymptoticTest,
        RunningAsymptotic,
        Variety,
    )
    from modelward.adaptive_pipeline.sequences.sequence import Sequence

__all__ = [
    "AsymptoticSequence",
    "AsymptoticTest",
    "BettingTest",
    "RunningAsymptotic",
    "RunningBetting",
    "Sequence",
    "Variety",
    "margin",
    "mismatch",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "AsymptoticSequence": "asymptotic",
        "AsymptoticTest": "running",
        "BettingTest": "betting",
        "RunningAsymptotic": "running",
        "RunningBetting": "betting",
        "Sequence": "sequence",
        "Variety": "running",
        "margin": "asymptotic",
        "mismatch": "proportion",
    },
)
