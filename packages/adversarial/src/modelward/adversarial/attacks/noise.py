"""Random noise: the baseline every attack must beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from modelward.adversarial.attacks.base import Attack, project, uniform
from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detector


class Noise(Attack):
    """Move every pixel by +eps or -eps at random: the noise with the most power in the ball.

    It asks the detector nothing. What it costs a detector, any camera can; an attack that does no
    better has found nothing.

    >>> Noise(eps=8 / 255)
    Noise(eps=0.0313...)
    """

    uses_gradient = False

    def __init__(self, *, eps: float = 8 / 255) -> None:
        super().__init__(eps=eps)

    def run(
        self,
        detector: Detector,  # noqa: ARG002 - noise asks nothing
        images: Tensor,
        targets: Sequence[Target],  # noqa: ARG002 - and knows nothing
        rngs: Sequence[np.random.Generator],
    ) -> Tensor:
        """Add noise of random sign."""
        return project(images + self.eps * uniform(images, 1.0, rngs).sign(), images, self.eps)
