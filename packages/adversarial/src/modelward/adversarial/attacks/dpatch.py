"""DPatch: a patch at one place."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelward.adversarial.attacks.patch import Placement, Where
from modelward.adversarial.attacks.patching import PatchAttack
from modelward.adversarial.objectives import Objective


class DPatch(PatchAttack):
    """A patch at one place, made by the sign of the gradient; far from the objects, it still hides them.

    `share` is its side as a part of the image's shorter one, `resolution` its own pixels. The paper
    raises the training loss with the patch as the one true object; here the objective is what lowers AP
    unless another is given. It works where it was made for: seen from elsewhere, `RobustDPatch` does.

    Raises `ConfigError` as `PatchAttack` does.

    >>> DPatch(share=0.25).label
    'DPatch AveragePrecision 25 % corner'

    Source: Liu et al., DPatch: An Adversarial Patch Attack on Object Detectors, arXiv 1806.02299,
    section 3.
    """

    def __init__(
        self,
        *,
        share: float = 0.25,
        place: Where = "corner",
        steps: int = 50,
        step: float = 8 / 255,
        resolution: int = 32,
        objective: Objective | None = None,
    ) -> None:
        super().__init__(
            share=share,
            place=place,
            steps=steps,
            step=step,
            resolution=resolution,
            objective=objective,
        )

    def ways(
        self,
        places: Sequence[Placement],
        size: tuple[int, int],  # noqa: ARG002 - it stays where it is
        rngs: Sequence[np.random.Generator],  # noqa: ARG002 - nothing is random
    ) -> list[list[Placement]]:
        """Show it as it is."""
        return [list(places)]
