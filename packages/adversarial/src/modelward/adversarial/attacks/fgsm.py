"""The fast gradient sign method."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from modelward.adversarial.attacks.base import Attack, gradient
from modelward.adversarial.attacks.space import Norm, Space
from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detector
from modelward.adversarial.objectives import Objective, Untargeted


class FGSM(Attack):
    """One step of `eps` along the gradient: x' = clip(x + eps sign(∇_x J)).

    The cheapest white-box attack, and a weak one: it shows harm, never robustness.

    >>> FGSM(eps=2 / 255)
    FGSM(eps=0.0078..., norm='linf', objective=Untargeted())

    Source: Goodfellow, Shlens and Szegedy, Explaining and Harnessing Adversarial Examples,
    arXiv 1412.6572, section 4.
    """

    objective: Objective

    def __init__(
        self,
        *,
        eps: float = 8 / 255,
        norm: Norm = "linf",
        objective: Objective | None = None,
    ) -> None:
        super().__init__(eps=eps, norm=norm)
        self.objective = objective or Untargeted()

    def run(
        self,
        detector: Detector,
        space: Space,
        targets: Sequence[Target],
        rngs: Sequence[np.random.Generator],  # noqa: ARG002 - nothing is random
    ) -> Tensor:
        """Take the step."""
        _, slope = gradient(detector, space.images, targets, self.objective)
        return space.project(space.images + self.eps * space.direction(slope))
