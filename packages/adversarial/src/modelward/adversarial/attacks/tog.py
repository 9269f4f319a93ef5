"""TOG: targeted objectness gradients, the first family of attacks made for detectors."""

from __future__ import annotations

from typing import Literal

from modelward.adversarial.attacks.iterative import Iterative
from modelward.adversarial.attacks.space import Norm
from modelward.adversarial.objectives import (
    Fabrication,
    Mislabelling,
    Objective,
    Untargeted,
    Vanishing,
)
from modelward.core.errors import ConfigError

Aim = Literal["untargeted", "vanishing", "fabrication", "mislabelling"]


class TOG(Iterative):
    """PGD on one of the aims of the paper: untargeted, vanishing, fabrication or mislabelling.

    Ten steps of a quarter of eps from a random start. Raises `ConfigError` for another aim.

    >>> TOG(aim="vanishing").label
    'TOG Vanishing 8/255'

    Source: Chow et al., Adversarial Objectness Gradient Attacks in Real-time Object Detection Systems,
    arXiv 2004.04320, section 3.
    """

    def __init__(
        self,
        *,
        aim: Aim = "untargeted",
        eps: float = 8 / 255,
        norm: Norm = "linf",
        steps: int = 10,
        step: float | None = None,
    ) -> None:
        aims: dict[str, Objective] = {
            "untargeted": Untargeted(),
            "vanishing": Vanishing(),
            "fabrication": Fabrication(),
            "mislabelling": Mislabelling(),
        }
        if aim not in aims:
            raise ConfigError(f"expected an aim of {', '.join(aims)}, got {aim!r}")
        super().__init__(
            eps=eps,
            norm=norm,
            steps=steps,
            step=eps / 4 if step is None else step,
            random_start=True,
            objective=aims[aim],
        )
        self.aim = aim
