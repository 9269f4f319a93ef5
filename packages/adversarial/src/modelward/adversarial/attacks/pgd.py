"""Projected gradient descent."""

from __future__ import annotations

from collections.abc import Sequence

from modelward.adversarial.attacks.iterative import Iterative
from modelward.adversarial.attacks.space import Norm
from modelward.adversarial.attacks.views import View
from modelward.adversarial.objectives import Objective


class PGD(Iterative):
    """Steps along the gradient from a random start: x_t+1 = project(x_t + step sign(∇_x J)).

    x_0 is uniform in the ball where `random_start`, else the image. `step` defaults to
    2.5 eps / steps. With `restarts` > 1 each image keeps the run that ends with the largest objective.
    `views` are what it differentiates through, such as a defence to be seen through.

    Raises `ConfigError` as `Iterative` does.

    >>> PGD(eps=8 / 255, steps=10).step * 255
    2.0

    Source: Madry et al., Towards Deep Learning Models Resistant to Adversarial Attacks,
    arXiv 1706.06083, section 2.1.
    """

    def __init__(
        self,
        *,
        eps: float = 8 / 255,
        norm: Norm = "linf",
        steps: int = 10,
        step: float | None = None,
        random_start: bool = True,
        restarts: int = 1,
        views: Sequence[View] = (),
        objective: Objective | None = None,
    ) -> None:
        super().__init__(
            eps=eps,
            norm=norm,
            steps=steps,
            step=step,
            random_start=random_start,
            restarts=restarts,
            views=views,
            objective=objective,
        )
