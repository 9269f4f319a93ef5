"""The basic iterative method."""

from __future__ import annotations

from modelward.adversarial.attacks.iterative import Iterative
from modelward.adversarial.attacks.space import Norm
from modelward.adversarial.objectives import Objective


class BIM(Iterative):
    """PGD from the image itself, with steps of eps / steps: no chance in it.

    >>> BIM(eps=8 / 255, steps=8).step * 255
    1.0

    Source: Kurakin, Goodfellow and Bengio, Adversarial Examples in the Physical World,
    arXiv 1607.02533, section 2.2.
    """

    def __init__(
        self,
        *,
        eps: float = 8 / 255,
        norm: Norm = "linf",
        steps: int = 10,
        step: float | None = None,
        objective: Objective | None = None,
    ) -> None:
        step = eps / max(steps, 1) if step is None else step
        super().__init__(eps=eps, norm=norm, steps=steps, step=step, objective=objective)
