"""Who answers, as a gateway holds it."""

from __future__ import annotations

from dataclasses import dataclass

from modelward.adaptive_pipeline.plan import Plan
from modelward.adaptive_pipeline.scorer import Scorer


@dataclass(frozen=True, slots=True)
class Serving:
    """Who answers, by which plan: replaced as a whole, so that no request sees half a swap.

    `challenger` is there where the plan divides requests between the two.
    """

    champion: Scorer
    challenger: Scorer | None = None
    plan: Plan | None = None
