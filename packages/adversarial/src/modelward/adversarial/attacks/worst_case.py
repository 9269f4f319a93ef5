"""The worst of several attacks, image by image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from modelward.adversarial.attacks.base import Attack
from modelward.adversarial.attacks.ensemble import members
from modelward.adversarial.attacks.pgd import PGD
from modelward.adversarial.attacks.space import Norm, Space
from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detector
from modelward.adversarial.objectives import (
    AveragePrecision,
    Fabrication,
    Mislabelling,
    Objective,
    Untargeted,
    Vanishing,
)
from modelward.adversarial.scoring.harmed import harm
from modelward.core.errors import ConfigError


class WorstCase(Attack):
    """Run several attacks, and keep for each image the result that harms its detections most.

    One aim overstates robustness: what makes objects vanish leaves others standing that another aim
    would have moved. Harm is what the detections on the image say (`scoring.harmed`), not an objective,
    so that attacks with different aims can be compared; on an ensemble it is the mean over its members.

    Raises `ConfigError` without attacks, and for attacks of different sizes or norms.

    >>> from modelward.adversarial import PGD, AveragePrecision, Vanishing
    >>> WorstCase(attacks=(PGD(objective=Vanishing()), PGD(objective=AveragePrecision()))).label
    'WorstCase of 2 8/255'

    Source: the ensemble of Croce and Hein, arXiv 2003.01690, section 5, brought to detectors.
    """

    def __init__(self, *, attacks: Sequence[Attack]) -> None:
        sizes = {(attack.eps, attack.norm) for attack in attacks}
        if len(sizes) != 1:
            raise ConfigError(
                f"expected attacks of one size and norm, got {sorted(sizes)}",
                hint="one at the least, all with the same eps.",
            )
        ((eps, norm),) = sizes
        super().__init__(eps=eps, norm=norm)
        self.attacks = tuple(attacks)
        self.uses_gradient = any(attack.uses_gradient for attack in attacks)  # type: ignore[misc]

    @property
    def label(self) -> str:
        """Name, how many, and eps."""
        return super().label.replace(self.name, f"{self.name} of {len(self.attacks)}", 1)

    def run(
        self,
        detector: Detector,
        space: Space,
        targets: Sequence[Target],
        rngs: Sequence[np.random.Generator],
    ) -> Tensor:
        """Run each attack, and choose."""
        best, most = space.images, torch.full((len(space.images),), -torch.inf)
        for attack in self.attacks:
            own = [np.random.default_rng(rng.integers(2**63)) for rng in rngs]
            moved = attack.run(detector, space, targets, own)
            done = harm_to(detector, moved, targets)
            better = done > most
            best = torch.where(better.to(best.device)[:, None, None, None], moved, best)
            most = torch.where(better, done, most)
        return best


def harm_to(detector: Detector, images: Tensor, targets: Sequence[Target]) -> Tensor:
    """Give the harm done to what is seen on each image, `(N,)`; of an ensemble the members' mean."""
    each = [
        [harm(found, target) for found, target in zip(one.predict(images), targets, strict=True)]
        for one in members(detector)
    ]
    return torch.tensor(each).mean(dim=0)


AIMS: tuple[Objective, ...] = (
    AveragePrecision(),
    Untargeted(),
    Vanishing(),
    Fabrication(),
    Mislabelling(),
)
"""The aims of `WorstObjective`, the strongest on most detectors first."""


class WorstObjective(WorstCase):
    """PGD with each of several aims, keeping for each image the result that harms it most.

    What one aim leaves standing another may move: on a real detector one loss alone overstated what
    is left of its AP up to seventeenfold. Costs as many runs as there are `objectives`.

    Raises `ConfigError` without objectives, and as `PGD` does.

    >>> WorstObjective(steps=5).label
    'WorstObjective of 5 8/255'

    Source: the ensemble of Croce and Hein, arXiv 2003.01690, section 5, over aims instead of attacks.
    """

    def __init__(
        self,
        *,
        eps: float = 8 / 255,
        norm: Norm = "linf",
        steps: int = 10,
        restarts: int = 1,
        objectives: Sequence[Objective] = AIMS,
    ) -> None:
        if not objectives:
            raise ConfigError("expected at least one objective, got none")
        super().__init__(
            attacks=[
                PGD(eps=eps, norm=norm, steps=steps, restarts=restarts, objective=aim)
                for aim in objectives
            ]
        )
        self.steps = steps
        self.restarts = restarts
        self.objectives = tuple(objectives)
