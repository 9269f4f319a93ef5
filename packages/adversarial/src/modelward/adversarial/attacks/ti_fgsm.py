"""Translation invariance."""

from __future__ import annotations

from collections.abc import Sequence

from modelward.adversarial.attacks.iterative import Iterative
from modelward.adversarial.attacks.space import Norm
from modelward.adversarial.attacks.views import View
from modelward.adversarial.objectives import Objective


class TIFGSM(Iterative):
    """Momentum, with the gradient blurred: as if averaged over images moved by a few pixels.

    >>> TIFGSM().kernel
    15

    Source: TI-FGSM, Dong et al., Evading Defenses to Transferable Adversarial Examples by
    Translation-Invariant Attacks, arXiv 1904.02884, section 3.3.
    """

    def __init__(
        self,
        *,
        eps: float = 8 / 255,
        norm: Norm = "linf",
        steps: int = 10,
        step: float | None = None,
        momentum: float = 1.0,
        kernel: int = 15,
        views: Sequence[View] = (),
        objective: Objective | None = None,
    ) -> None:
        super().__init__(
            eps=eps,
            norm=norm,
            steps=steps,
            step=eps / max(steps, 1) if step is None else step,
            momentum=momentum,
            kernel=kernel,
            views=views,
            objective=objective,
        )
