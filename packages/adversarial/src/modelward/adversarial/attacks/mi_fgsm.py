"""The momentum iterative method."""

from __future__ import annotations

from collections.abc import Sequence

from modelward.adversarial.attacks.iterative import Iterative
from modelward.adversarial.attacks.space import Norm
from modelward.adversarial.attacks.views import View
from modelward.adversarial.objectives import Objective


class MIFGSM(Iterative):
    """Steps along the gathered gradient: g_t+1 = momentum g_t + ∇J / |∇J|_1, which passes by narrow peaks.

    Made to transfer: what fools one detector by luck is left behind. `views` such as
    `InputDiversity` may be added, which helps more.

    >>> MIFGSM().momentum
    1.0

    Source: MI-FGSM, Dong et al., Boosting Adversarial Attacks with Momentum, arXiv 1710.06081, 3.1.
    """

    def __init__(
        self,
        *,
        eps: float = 8 / 255,
        norm: Norm = "linf",
        steps: int = 10,
        step: float | None = None,
        momentum: float = 1.0,
        views: Sequence[View] = (),
        objective: Objective | None = None,
    ) -> None:
        super().__init__(
            eps=eps,
            norm=norm,
            steps=steps,
            step=eps / max(steps, 1) if step is None else step,
            momentum=momentum,
            views=views,
            objective=objective,
        )
