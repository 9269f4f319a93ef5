"""Systems with a known boundary, for examples and tests."""

from __future__ import annotations

import math

from modelward.validation.domain import Feature, FeatureContinuous, Output

FOUR_BRANCH_FEATURES: tuple[Feature, ...] = (
    FeatureContinuous("x1", -6.0, 6.0),
    FeatureContinuous("x2", -6.0, 6.0),
)
FOUR_BRANCH_OUTPUT = Output("y", threshold=0.0, orientation="upper")


def four_branch(x1: float, x2: float) -> float:
    """Give the four-branch limit state, which fails below 0: on 71 % of [-6, 6]^2.

    >>> four_branch(0.0, 0.0)
    3.0

    Source: Waarts, Structural reliability using finite element methods (2000).
    """
    bowl = 3.0 + 0.1 * (x1 - x2) ** 2
    along = (x1 + x2) / math.sqrt(2.0)
    gap = 6.0 / math.sqrt(2.0)
    return min(bowl - along, bowl + along, x1 - x2 + gap, x2 - x1 + gap)
