"""Input geometry: an image of any size brought to the network's, and boxes brought back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.nn import functional

from modelward.adversarial.data.base import Target
from modelward.core.errors import ConfigError

Kind = Literal["letterbox", "stretch", "native"]
KINDS = ("letterbox", "stretch", "native")
GREY = 114 / 255


@dataclass(frozen=True, slots=True)
class Geometry:
    """How images come to the size a network works at; differentiable to the pixels.

    `letterbox` keeps the sides' ratio and fills up with grey on both sides alike; `stretch` does not
    keep it; `native` leaves the image as it is, but for grey added to the right and below up to a
    multiple of the network's stride. `size` is (height, width), None for `native`. The interpolation
    is bilinear without a filter, as detectors are used with.

    Raises `ConfigError` for another kind, a size below 1, or one that does not fit the kind.

    >>> import torch
    >>> Geometry("letterbox", (416, 416)).to_network(torch.rand(1, 3, 100, 200)).shape
    torch.Size([1, 3, 416, 416])
    """

    kind: Kind = "native"
    size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"expected a geometry of {', '.join(KINDS)}, got {self.kind!r}")
        if (self.size is None) != (self.kind == "native"):
            raise ConfigError(
                f"expected a size for {self.kind}, or none for native, got {self.size}"
            )
        if self.size is not None and min(self.size) < 1:
            raise ConfigError(f"expected a size of at least 1, got {self.size}")

    def to_network(self, images: Tensor, *, stride: int = 1) -> Tensor:
        """Bring images `(N, 3, H, W)` to the network's size, its sides multiples of `stride`."""
        place = self._place(images.shape[-2], images.shape[-1], stride)
        if place.inner != tuple(images.shape[-2:]):
            images = functional.interpolate(
                images, size=place.inner, mode="bilinear", align_corners=False
            )
        if any(place.padding):
            images = functional.pad(images, place.padding, value=GREY)
        return images

    def to_image(self, boxes: Tensor, size: tuple[int, int]) -> Tensor:
        """Bring boxes `(..., 4)` back into the pixels of an image of `size` (height, width)."""
        place = self._place(*size, 1)
        left, top = place.padding[0], place.padding[2]
        shift = boxes.new_tensor([left, top, left, top])
        return (boxes - shift) / boxes.new_tensor(place.scale(size))

    def targets(self, targets: Sequence[Target], size: tuple[int, int]) -> list[Target]:
        """Bring true boxes from an image of `size` (height, width) into the network's pixels."""
        place = self._place(*size, 1)
        left, top = place.padding[0], place.padding[2]
        moved = []
        for target in targets:
            scale = target.boxes.new_tensor(place.scale(size))
            shift = target.boxes.new_tensor([left, top, left, top])
            moved.append(Target(target.boxes * scale + shift, target.labels))
        return moved

    def _place(self, height: int, width: int, stride: int) -> _Place:
        if self.size is None:
            below, right = -height % stride, -width % stride
            return _Place((height, width), (0, right, 0, below))
        rows, columns = (side + -side % stride for side in self.size)
        if self.kind == "stretch":
            return _Place((rows, columns), (0, 0, 0, 0))
        ratio = min(rows / height, columns / width)
        inner = max(1, round(height * ratio)), max(1, round(width * ratio))
        spare_rows, spare_columns = rows - inner[0], columns - inner[1]
        # Half on each side; of an odd number the smaller half comes first.
        top, left = spare_rows // 2, spare_columns // 2
        return _Place(inner, (left, spare_columns - left, top, spare_rows - top))


NATIVE = Geometry()
"""Images as they are."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the image lies: its (height, width), and the grey left, right, above and below."""

    inner: tuple[int, int]
    padding: tuple[int, int, int, int]

    def scale(self, size: tuple[int, int]) -> list[float]:
        """Give how much larger it is than the image, for x1, y1, x2, y2."""
        x, y = self.inner[1] / size[1], self.inner[0] / size[0]
        return [x, y, x, y]
