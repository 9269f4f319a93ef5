"""An image with the objects on it, and what a data set must offer to be attacked."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from modelward.core.errors import DataError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """The true objects on one image.

    `boxes` `(K, 4)` float, `x1, y1, x2, y2` in pixels with `x1 < x2` and `y1 < y2`; `labels` `(K,)`
    int64, indices into the class names. An image without objects has K = 0.

    Raises `DataError` for other shapes, for boxes without area and for negative labels.

    >>> Target(torch.tensor([[2.0, 3.0, 9.0, 8.0]]), torch.tensor([1])).labels
    tensor([1])
    """

    boxes: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if self.boxes.ndim != 2 or self.boxes.shape[1] != 4:
            raise DataError(
                f"expected boxes of shape (K, 4), got {tuple(self.boxes.shape)}",
                hint="an image without objects has boxes of shape (0, 4).",
            )
        if self.labels.shape != self.boxes.shape[:1]:
            raise DataError(
                f"expected one label for each of {len(self.boxes)} boxes, "
                f"got labels of shape {tuple(self.labels.shape)}"
            )
        solid = (self.boxes[:, 2:] > self.boxes[:, :2]).all(dim=1)  # False for NaN
        if not bool(solid.all()):
            row = int(solid.logical_not().nonzero()[0])
            raise DataError(
                f"expected boxes with x1 < x2 and y1 < y2, got {self.boxes[row].tolist()} (box {row})",
                hint="COCO files hold x, y, width, height: convert them to corners.",
            )
        if bool((self.labels < 0).any()):
            raise DataError(f"expected labels >= 0, got {int(self.labels.min())}")

    def to(self, device: torch.device) -> Target:
        """Give the same objects on another device."""
        return Target(self.boxes.to(device), self.labels.to(device))


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One image: `id` unique in its data set, `image` `(3, H, W)` float32 in [0, 1], its objects."""

    id: int
    image: Tensor
    target: Target


@runtime_checkable
class DetectionData(Protocol):
    """A sized, indexed set of samples with the names of the classes."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names; a label is an index into them."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


def batches(data: DetectionData, *, batch: int) -> Iterator[list[Sample]]:
    """Walk through the samples in order, at most `batch` of one size at once.

    A batch ends where an image of another size comes. Images that cannot be read are named in the log
    and left out. Raises `DataError` when the set is empty, none can be read, or `batch` is not positive.

    >>> from modelward.adversarial.data import Shapes
    >>> [len(part) for part in batches(Shapes(n=5), batch=2)]
    [2, 2, 1]
    """
    if batch < 1:
        raise DataError(f"expected batch >= 1, got {batch}")
    if len(data) == 0:
        raise DataError("expected at least one image, got an empty data set")
    part: list[Sample] = []
    read = 0
    for sample in readable(data):
        if part and (len(part) == batch or part[0].image.shape != sample.image.shape):
            yield part
            part = []
        part.append(sample)
        read += 1
    if not read:
        raise DataError(f"expected images that can be read, got none of {len(data)}")
    yield part


def readable(data: DetectionData) -> Iterator[Sample]:
    """Give every sample that can be read, in order; the others are named in the log."""
    from modelward.adversarial.data.images import UnreadableImageError

    for i in range(len(data)):
        try:
            yield data[i]
        except UnreadableImageError as error:
            logger.warning("left out: %s", error.fact)
