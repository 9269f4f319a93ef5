"""Several detectors attacked as one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detections, Detector
from modelward.adversarial.objectives import Objective
from modelward.core.errors import DataError


class Ensemble:
    """Sources whose losses are added, each divided by its own size, so that none drowns the others.

    What fools all of them is more likely to fool another. It predicts as its first member does. Raises
    `DataError` for fewer than two detectors, or detectors of different classes.

    Source: dividing by the size of each loss: EBAD, Cai et al., arXiv 2303.14304, section 3.
    """

    def __init__(self, detectors: Sequence[Detector]) -> None:
        if len(detectors) < 2 or len({tuple(d.classes) for d in detectors}) > 1:
            raise DataError(
                f"expected two detectors or more of the same classes, got {len(detectors)}",
                hint="labels are indices into the class names: their order matters.",
            )
        self.detectors = tuple(detectors)

    @property
    def name(self) -> str:
        """The names of all members."""
        return " + ".join(detector.name for detector in self.detectors)

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names, the same for all."""
        return tuple(self.detectors[0].classes)

    @property
    def device(self) -> torch.device:
        """Where the first member computes."""
        return self.detectors[0].device

    def predict(self, images: Tensor) -> list[Detections]:
        """Detect as the first member does."""
        return self.detectors[0].predict(images)

    def loss(self, images: Tensor, targets: Sequence[Target], objective: Objective) -> Tensor:
        """Give the sum of all members' objectives, each over its own size, `(N,)`."""
        losses = [
            detector.loss(images, targets, objective).to(self.device) for detector in self.detectors
        ]
        return torch.stack([each / each.detach().abs().clamp(min=1e-6) for each in losses]).sum(0)

    def digest(self) -> str:
        """Give the SHA-256 of all members' digests."""
        together = " ".join(detector.digest() for detector in self.detectors)
        return hashlib.sha256(together.encode()).hexdigest()
