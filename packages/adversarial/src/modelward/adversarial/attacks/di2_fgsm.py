"""Diverse inputs."""

from __future__ import annotations

from collections.abc import Sequence

from modelward.adversarial.attacks.iterative import Iterative
from modelward.adversarial.attacks.space import Norm
from modelward.adversarial.attacks.views import InputDiversity, View
from modelward.adversarial.objectives import Objective


class DI2FGSM(Iterative):
    """Momentum, through an image that is shrunk and moved at random at each step.

    The strongest single step towards examples that transfer between detectors.

    >>> DI2FGSM().probability
    0.7

    Source: DI2-FGSM, Xie et al., Improving Transferability of Adversarial Examples with Input
    Diversity, arXiv 1803.06978, section 3.3.
    """

    def __init__(
        self,
        *,
        eps: float = 8 / 255,
        norm: Norm = "linf",
        steps: int = 10,
        step: float | None = None,
        momentum: float = 1.0,
        probability: float = 0.7,
        smallest: float = 0.75,
        views: Sequence[View] = (),
        objective: Objective | None = None,
    ) -> None:
        diversity = InputDiversity(probability=probability, smallest=smallest)
        super().__init__(
            eps=eps,
            norm=norm,
            steps=steps,
            step=eps / max(steps, 1) if step is None else step,
            momentum=momentum,
            first=(diversity,),
            views=views,
            objective=objective,
        )
        self.probability = probability
        self.smallest = smallest
