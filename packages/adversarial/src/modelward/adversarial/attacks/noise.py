"""Random noise: the baseline every attack must beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from torch import Tensor

from modelward.adversarial.attacks.base import Attack
from modelward.adversarial.attacks.space import Norm, Space, uniform
from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detector


class Noise(Attack):
    """Move every pixel by random amounts of one size: the noise with the most power in the ball.

    +eps or -eps for `linf`; a random sign for each pixel, of length eps in all, for `l2`. It asks the
    detector nothing. What it costs a detector, any camera can; an attack that does no better has
    found nothing.

    >>> Noise(eps=8 / 255)
    Noise(eps=0.0313..., norm='linf')
    """

    uses_gradient: ClassVar[bool] = False

    def __init__(self, *, eps: float = 8 / 255, norm: Norm = "linf") -> None:
        super().__init__(eps=eps, norm=norm)

    def run(
        self,
        detector: Detector,  # noqa: ARG002 - noise asks nothing
        space: Space,
        targets: Sequence[Target],  # noqa: ARG002 - and knows nothing
        rngs: Sequence[np.random.Generator],
    ) -> Tensor:
        """Add noise of random sign."""
        sign = uniform(space.images, rngs).sign()
        return space.project(space.images + self.eps * space.direction(sign))
