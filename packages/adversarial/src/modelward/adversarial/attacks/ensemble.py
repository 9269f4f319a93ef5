"""Several detectors attacked as one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detections, Detector
from modelward.adversarial.objectives import Objective
from modelward.core.errors import DataError


class Ensemble:
    """Sources attacked as one: each pulls the pixels of every image as hard as the others.

    What fools all of them is more likely to fool another. The objective is the sum over members of
    asinh(J), which counts large losses by their logarithm and small ones as they are: it rises with
    each of them, so that restarts and `APGD` can choose by it, and none drowns the others. Its gradient
    is the sum of the members' gradients, each divided for every image by the mean of its own size:
    the direction climbs all of them, whatever their scales. It predicts as its first member does;
    `WorstCase` counts the harm done to all.

    Raises `DataError` for fewer than two detectors, detectors of different classes, or ones that only
    predict.

    >>> from modelward.adversarial import PGD, Shapes, Yolo3, Yolo3Network
    >>> members = [Yolo3(network=Yolo3Network(classes=3, width=width), classes=Shapes.classes,
    ...                  name=f"width {width}") for width in (4, 8)]
    >>> both, sample = Ensemble(members), Shapes(n=1, size=64)[0]
    >>> PGD(steps=2, restarts=2)(both, sample.image[None], [sample.target]).shape
    torch.Size([1, 3, 64, 64])

    Source: equal weight of all members whatever the scales of their losses: EBAD, Cai et al., arXiv
    2303.14304, section 3; ensembles of losses: Liu et al., arXiv 1611.02770.
    """

    def __init__(self, detectors: Sequence[Detector]) -> None:
        if len(detectors) < 2 or len({tuple(d.classes) for d in detectors}) > 1:
            raise DataError(
                f"expected two detectors or more of the same classes, got {len(detectors)}",
                hint="labels are indices into the class names: their order matters.",
            )
        blind = [detector.name for detector in detectors if not hasattr(detector, "loss")]
        if blind:
            raise DataError(
                f"expected members that give gradients, got {', '.join(blind)}, which only predict",
                hint="show it the images as a target instead.",
            )
        self.detectors = tuple(detectors)

    def __repr__(self) -> str:
        return f"Ensemble([{', '.join(map(repr, self.detectors))}])"

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
        """Give the sum over members of asinh of their objectives, `(N,)`; the gradient is even."""
        losses = [
            detector.loss(_even(images), targets, objective).to(self.device)
            for detector in self.detectors
        ]
        return torch.stack([each.asinh() for each in losses]).sum(0)

    def digest(self) -> str:
        """Give the SHA-256 of all members' digests."""
        together = " ".join(detector.digest() for detector in self.detectors)
        return hashlib.sha256(together.encode()).hexdigest()


def members(detector: Detector) -> tuple[Detector, ...]:
    """Give the detectors behind one: the members of an ensemble, or the detector itself."""
    return detector.detectors if isinstance(detector, Ensemble) else (detector,)


class _Even(torch.autograd.Function):
    """The identity, whose gradient has a mean size of 1 on every image that has any."""

    @staticmethod
    def forward(ctx: Any, images: Tensor) -> Tensor:  # noqa: ARG004 - torch's signature
        return images.view_as(images)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> Tensor:  # noqa: ARG004
        size = slope.abs().mean(dim=(1, 2, 3), keepdim=True)
        return slope / size.where(size > 0, 1.0)


def _even(images: Tensor) -> Tensor:
    made: Tensor = _Even.apply(images)
    return made
