"""Attacks that learn one bit from each answer: whether the objects are lost."""

from __future__ import annotations

from modelward.adversarial.attacks.asking import QueryAttack, lost
from modelward.adversarial.attacks.space import Norm
from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detections
from modelward.core.errors import ConfigError


class DecisionAttack(QueryAttack):
    """Base of attacks for which an image is either fooled or not.

    It is fooled when at least `share` of its objects have no detection of their class on them with a
    score of `threshold` or more. Such attacks look for the *nearest* fooled image, and may ask about images
    far outside the ball; what they found is brought into the ball in the end, where it may not fool.

    Raises `ConfigError` for a threshold outside [0, 1) or a share outside (0, 1].
    """

    def __init__(
        self, *, eps: float, norm: Norm, queries: int, threshold: float, share: float
    ) -> None:
        super().__init__(eps=eps, norm=norm, queries=queries)
        if not (0 <= threshold < 1 and 0 < share <= 1):
            raise ConfigError(
                f"expected 0 <= threshold < 1 and 0 < share <= 1, got {threshold} and {share}"
            )
        self.threshold = threshold
        self.share = share

    def value(self, found: Detections, target: Target) -> float:
        """Say whether the image is fooled: 1 or 0."""
        return float(lost(found, target, self.threshold) >= self.share)
