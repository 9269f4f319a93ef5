"""What a detector must offer to be attacked and scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch
from torch import Tensor

from modelward.adversarial.data.base import Target
from modelward.core.errors import DataError

if TYPE_CHECKING:
    from modelward.adversarial.objectives import Objective


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """What a detector found on one image, best first, on the CPU.

    `boxes` `(D, 4)` float, `x1, y1, x2, y2` in pixels of the image handed in; `scores` `(D,)` in
    [0, 1]; `labels` `(D,)` int64.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.scores)

    def above(self, threshold: float) -> Detections:
        """Keep the detections with a score of at least `threshold`.

        >>> found = Detections(torch.zeros(2, 4), torch.tensor([0.9, 0.1]), torch.tensor([0, 1]))
        >>> len(found.above(0.5))
        1
        """
        keep = self.scores >= threshold
        return Detections(self.boxes[keep], self.scores[keep], self.labels[keep])


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """The raw outputs of a detector on `N` images, before any threshold, for objectives to use.

    `boxes` `(N, A, 4)` in pixels for the A places a detector can see an object at, `objectness`
    `(N, A)` and `class_logits` `(N, A, C)` before their sigmoid. `training_loss(targets)` is the
    loss the detector is trained with, `(N,)`, one sum per image. All are differentiable to the pixels.
    Where images differ in the number of places, `present` `(N, A)` says which are real.
    """

    boxes: Tensor
    objectness: Tensor
    class_logits: Tensor
    training_loss: Callable[[Sequence[Target]], Tensor]
    present: Tensor | None = None

    def over_places(self, values: Tensor) -> Tensor:
        """Give values `(N, A)` with those of places that are not real set to 0."""
        return values if self.present is None else values * self.present


@runtime_checkable
class Detector(Protocol):
    """A detector that can be attacked in white box.

    Images are `(N, 3, H, W)` float in [0, 1] on any device; the detector brings them to its own.
    Neither method changes the detector: it works in eval mode, with batch norm and dropout as in
    use, and leaves the training flags as it found them.
    """

    @property
    def name(self) -> str:
        """What reports call the detector."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names; a label is an index into them."""
        ...

    @property
    def device(self) -> torch.device:
        """Where the detector computes."""
        ...

    def predict(self, images: Tensor) -> list[Detections]:
        """Detect objects: one `Detections` for each image, best first."""
        ...

    def loss(self, images: Tensor, targets: Sequence[Target], objective: Objective) -> Tensor:
        """Give the objective of each image `(N,)`, differentiable to the pixels."""
        ...

    def digest(self) -> str:
        """Give the SHA-256 of all parameters and buffers (64 hexadecimal digits)."""
        ...


def check_images(images: Tensor, *, stride: int = 1) -> None:
    """Raise `DataError` unless `images` is a float batch `(N, 3, H, W)`, finite and in [0, 1].

    >>> check_images(torch.rand(2, 3, 32, 32), stride=16)
    >>> check_images(torch.full((1, 3, 8, 8), 255.0))
    Traceback (most recent call last):
    ...
    modelward.core.errors.DataError: expected pixels in [0, 1], got values from 255 to 255
    ...
    """
    if images.ndim != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise DataError(
            f"expected a float batch of shape (N, 3, H, W), got {images.dtype} {tuple(images.shape)}",
            hint="stack the images, channels first, and divide bytes by 255.",
        )
    if images.shape[2] % stride or images.shape[3] % stride:
        raise DataError(
            f"expected height and width in multiples of {stride}, got {tuple(images.shape[2:])}",
            hint="pad or resize the images to the detector's stride.",
        )
    low, high = (float(v) for v in torch.aminmax(images.detach())) if images.numel() else (0.0, 0.0)
    if not (low >= 0.0 and high <= 1.0):  # written so that NaN fails
        raise DataError(
            f"expected pixels in [0, 1], got values from {low:g} to {high:g}",
            hint="divide bytes by 255, and look for NaN in the images.",
        )
