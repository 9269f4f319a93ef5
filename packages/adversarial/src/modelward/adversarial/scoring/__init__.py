"""Scoring: average precision with intervals, what became of each object, where the lost AP went."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adversarial.scoring.harmed import harm
    from modelward.adversarial.scoring.matching import ImageBootstrap, match
    from modelward.adversarial.scoring.outcomes import Outcomes
    from modelward.adversarial.scoring.repair import lost_to
    from modelward.adversarial.scoring.similarity import ssim

__all__ = ["ImageBootstrap", "Outcomes", "harm", "lost_to", "match", "ssim"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "ImageBootstrap": "matching",
        "Outcomes": "outcomes",
        "harm": "harmed",
        "lost_to": "repair",
        "match": "matching",
        "ssim": "similarity",
    },
)
