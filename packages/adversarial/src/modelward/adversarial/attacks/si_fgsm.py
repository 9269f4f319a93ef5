"""Scale invariance."""

from __future__ import annotations

from collections.abc import Sequence

from modelward.adversarial.attacks.iterative import Iterative
from modelward.adversarial.attacks.space import Norm
from modelward.adversarial.attacks.views import Scales, View
from modelward.adversarial.objectives import Objective


class SIFGSM(Iterative):
    """Nesterov momentum, with the gradient averaged over copies of the image, each half as bright.

    >>> SIFGSM().copies
    5

    Source: SI-NI-FGSM, Lin et al., Nesterov Accelerated Gradient and Scale Invariance for
    Adversarial Attacks, arXiv 1908.06281, section 3.3.
    """

    def __init__(
        self,
        *,
        eps: float = 8 / 255,
        norm: Norm = "linf",
        steps: int = 10,
        step: float | None = None,
        momentum: float = 1.0,
        copies: int = 5,
        views: Sequence[View] = (),
        objective: Objective | None = None,
    ) -> None:
        super().__init__(
            eps=eps,
            norm=norm,
            steps=steps,
            step=eps / max(steps, 1) if step is None else step,
            momentum=momentum,
            nesterov=True,
            first=(Scales(copies=copies),),
            views=views,
            objective=objective,
        )
        self.copies = copies
