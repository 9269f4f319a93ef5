"""Any user's network as a detector: one function that says what its output means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

import torch
from torch import Tensor, nn

from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.one_stage import OneStage, Options
from modelward.adversarial.detectors.probabilities import independent_logits, softmax_logits
from modelward.core.errors import DataError

Decode = Callable[[Any], tuple[Tensor, Tensor] | tuple[Tensor, Tensor, Tensor]]
TrainingLoss = Callable[[Any, Sequence[Target]], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """What `decode` gave: corners `(N, A, 4)`, logits, and the output itself for the training loss."""

    corners: Tensor
    objectness: Tensor
    class_logits: Tensor
    given: Any

    def boxes(self) -> Tensor:
        """Give the corners `(N, A, 4)`."""
        return self.corners


class ModuleDetector(OneStage):
    """Any `nn.Module` that maps a batch `(N, 3, H, W)` to something differentiable.

    `decode(output)` says what that is: boxes `(N, A, 4)` as `x1, y1, x2, y2` in the network's pixels, and
    the scores before their sigmoid `(N, A, C)`; a third, `(N, A)`, where the network has an
    objectness. Where the scores are one softmax with a background (as DETR's), `background` is its
    index, and C + 1 scores are given. `training_loss(output, targets)` gives `(N,)` and is needed by
    `Untargeted` alone. `mean` and `deviation` are what the network wants its pixels normalised with;
    `options` are those of every detector of one stage (`OneStage`).

    Raises `DataError` when what `decode` gives does not fit, or a loss is asked for that there is not.
    Check a new adapter with `check_detector`.

    >>> network = nn.Conv2d(3, 4 + 2, 8, stride=8)  # a box and two classes for each cell of 8 pixels
    >>> def decode(maps):
    ...     row = maps.flatten(2).transpose(1, 2)
    ...     corner = row[..., :2].abs() * 10
    ...     return torch.cat([corner, corner + row[..., 2:4].abs() + 4], dim=-1), row[..., 4:]
    >>> detector = ModuleDetector(network=network, classes=("cat", "dog"), decode=decode, stride=8)
    >>> len(detector.predict(torch.rand(2, 3, 32, 32)))
    2
    """

    def __init__(
        self,
        *,
        network: nn.Module,
        classes: Sequence[str],
        decode: Decode,
        training_loss: TrainingLoss | None = None,
        background: int | None = None,
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        deviation: Sequence[float] = (1.0, 1.0, 1.0),
        stride: int = 1,
        **options: Unpack[Options],
    ) -> None:
        own: Options = {"name": "module"}
        super().__init__(network=network, classes=classes, **(own | options))
        self.stride = stride
        self.background = background
        self._decode = decode
        self._training_loss = training_loss
        self.mean = torch.tensor(mean, device=self.device).view(1, 3, 1, 1)
        self.deviation = torch.tensor(deviation, device=self.device).view(1, 3, 1, 1)

    def normalised(self, images: Tensor) -> Tensor:
        """Give the pixels as the network wants them."""
        return (images - self.mean) / self.deviation

    def decode(self, maps: Any) -> Places:
        """Bring what the network gives into one row of places."""
        boxes, scores, *objectness = self._decode(maps)
        wanted = len(self.classes) + (self.background is not None)
        if boxes.shape != (*scores.shape[:2], 4) or scores.shape[2:] != (wanted,):
            raise DataError(
                f"expected boxes (N, A, 4) and scores (N, A, {wanted}) of decode, "
                f"got {tuple(boxes.shape)} and {tuple(scores.shape)}",
                hint="one score a class, and one more where `background` is set.",
            )
        if objectness:
            return Places(boxes, objectness[0], scores, maps)
        if self.background is None:
            return Places(boxes, *independent_logits(scores), maps)
        own = [i for i in range(wanted) if i != self.background % wanted]
        return Places(boxes, *softmax_logits(scores, own), maps)

    def training_loss(self, raw: Places, targets: Sequence[Target]) -> Tensor:
        """Give the loss it is trained with, `(N,)`; true boxes in the network's pixels."""
        if self._training_loss is None:
            raise DataError(
                f"expected a training loss of '{self.name}' for this objective, got none",
                hint="give training_loss=, or an objective without one: AveragePrecision().",
            )
        return self._training_loss(raw.given, targets)
