"""A common corruption as a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from modelward.adversarial.attacks.base import Attack
from modelward.adversarial.attacks.space import Space
from modelward.adversarial.corruptions.table import CORRUPTIONS, corrupted
from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detector


class Corruption(Attack):
    """What weather, cameras and files do by themselves, in five severities; no enemy at work.

    `kind` is one of `CORRUPTIONS`: noise (gaussian_noise, shot_noise, impulse_noise), blur (gaussian_blur,
    defocus_blur, motion_blur), weather (fog, snow, rain, brightness, contrast), files (jpeg, pixelate).
    It has no bound. The mean AP over kinds and severities is the mPC of the literature.

    Raises `ConfigError` for another kind or severity.

    >>> Corruption(kind="fog", severity=3).label
    'Corruption fog 3'

    Source: Hendrycks and Dietterich, arXiv 1903.12261; for detectors: Michaelis et al., arXiv 1907.07484.
    """

    uses_gradient: ClassVar[bool] = False

    def __init__(self, *, kind: str = "gaussian_noise", severity: int = 3) -> None:
        super().__init__(eps=1.0, norm="linf")
        corrupted(torch.zeros(3, 8, 8), kind, severity=severity, rng=np.random.default_rng(0))
        self.kind = kind
        self.severity = severity

    @property
    def label(self) -> str:
        """Name, kind and severity."""
        return f"{self.name} {self.kind} {self.severity}"

    @classmethod
    def all(cls, *, severities: Sequence[int] = (1, 2, 3, 4, 5)) -> list[Corruption]:
        """Give every kind at every severity.

        >>> len(Corruption.all(severities=[3]))
        13
        """
        return [cls(kind=kind, severity=s) for kind in CORRUPTIONS for s in severities]

    def run(
        self,
        detector: Detector,  # noqa: ARG002 - it asks nothing
        space: Space,
        targets: Sequence[Target],  # noqa: ARG002 - and knows nothing
        rngs: Sequence[np.random.Generator],
    ) -> Tensor:
        """Corrupt each image."""
        moved = [
            corrupted(image, self.kind, severity=self.severity, rng=rng)
            for image, rng in zip(space.images, rngs, strict=True)
        ]
        return space.project(torch.stack(moved) if moved else space.images)
