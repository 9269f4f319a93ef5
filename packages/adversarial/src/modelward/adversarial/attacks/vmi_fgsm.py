"""Variance tuning."""

from __future__ import annotations

from collections.abc import Sequence

from modelward.adversarial.attacks.iterative import Iterative
from modelward.adversarial.attacks.space import Norm
from modelward.adversarial.attacks.views import View
from modelward.adversarial.objectives import Objective


class VMIFGSM(Iterative):
    """Momentum, each gradient corrected by how those at neighbours differ from it.

    Costs `variance` more gradients a step.

    >>> VMIFGSM().variance
    5

    Source: VMI-FGSM, Wang and He, Enhancing the Transferability of Adversarial Attacks through
    Variance Tuning, arXiv 2103.15571, section 3.
    """

    def __init__(
        self,
        *,
        eps: float = 8 / 255,
        norm: Norm = "linf",
        steps: int = 10,
        step: float | None = None,
        momentum: float = 1.0,
        variance: int = 5,
        reach: float = 1.5,
        views: Sequence[View] = (),
        objective: Objective | None = None,
    ) -> None:
        super().__init__(
            eps=eps,
            norm=norm,
            steps=steps,
            step=eps / max(steps, 1) if step is None else step,
            momentum=momentum,
            variance=variance,
            reach=reach,
            views=views,
            objective=objective,
        )
