"""YOLOv3: a one-stage detector with prior boxes on several scales."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional

from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.coco_names import class_names
from modelward.adversarial.detectors.geometry import NATIVE, Geometry, Kind
from modelward.adversarial.detectors.layers import ConvBlock, Residual
from modelward.adversarial.detectors.one_stage import OneStage, Options
from modelward.adversarial.detectors.yolo_head import Raw, Scale, flatten
from modelward.adversarial.detectors.yolo_loss import training_loss

COMPACT = (
    Scale(16, ((28.0, 28.0), (38.0, 38.0))),
    Scale(8, ((14.0, 14.0), (21.0, 21.0))),
)
"""Scales of the compact network: prior boxes for objects of 10 to 45 pixels."""


class Yolo3Network(nn.Module):
    """The compact network: four halvings, and two scales joined by upsampling as in YOLOv3.

    `(N, 3, H, W) -> [(N, B (5 + C), H/16, W/16), (N, B (5 + C), H/8, W/8)]` for B anchors a scale
    and C classes; H and W are multiples of 16. `width` is the channels of the first layer.
    """

    def __init__(self, *, classes: int, scales: Sequence[Scale] = COMPACT, width: int = 16) -> None:
        super().__init__()
        w = width
        coarse, fine = (len(scale.anchors) * (5 + classes) for scale in scales)
        self.stem = nn.Sequential(
            ConvBlock(3, w, stride=2), ConvBlock(w, 2 * w, stride=2), Residual(2 * w)
        )
        self.middle = nn.Sequential(ConvBlock(2 * w, 4 * w, stride=2), Residual(4 * w))
        self.deep = nn.Sequential(ConvBlock(4 * w, 8 * w, stride=2), Residual(8 * w))
        self.neck = ConvBlock(8 * w, 4 * w, kernel=1)
        self.coarse = nn.Sequential(ConvBlock(4 * w, 8 * w), nn.Conv2d(8 * w, coarse, 1))
        self.join = ConvBlock(4 * w, 2 * w, kernel=1)
        self.fine = nn.Sequential(ConvBlock(6 * w, 4 * w), nn.Conv2d(4 * w, fine, 1))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Give the maps of raw numbers, coarse scale first."""
        middle = self.middle(self.stem(images))
        deep = self.neck(self.deep(middle))
        up = functional.interpolate(self.join(deep), scale_factor=2.0, mode="nearest")
        return [self.coarse(deep), self.fine(torch.cat([up, middle], dim=1))]


class Yolo3(OneStage):
    """A YOLOv3 detector: a network that gives maps of raw numbers, its scales and its thresholds.

    `network(images)` gives one map `(N, B (5 + C), H/stride, W/stride)` for each of `scales`, in
    their order. Images of any size are brought to the network's by `geometry` and padded to
    multiples of the largest stride. Read Darknet's files with `from_darknet`.

    Raises `DataError` for images that are not a float batch in [0, 1].

    >>> from modelward.adversarial import Shapes, Untargeted
    >>> with torch.random.fork_rng():
    ...     _ = torch.manual_seed(0)
    ...     detector = Yolo3(network=Yolo3Network(classes=3), classes=Shapes.classes)
    >>> sample = Shapes(n=1)[0]
    >>> detector.loss(sample.image[None], [sample.target], Untargeted()).shape
    torch.Size([1])

    Source: Redmon and Farhadi, YOLOv3: An Incremental Improvement, arXiv 1804.02767.
    """

    def __init__(
        self,
        *,
        network: nn.Module,
        classes: Sequence[str],
        scales: Sequence[Scale] = COMPACT,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(network=network, classes=classes, **options)
        self.scales = tuple(scales)
        self.stride = max(scale.stride for scale in self.scales)

    @classmethod
    def from_darknet(
        cls,
        conf: str | Path,
        weights: str | Path,
        *,
        classes: Sequence[str] | None = None,
        size: int | tuple[int, int] | None = None,
        geometry: Kind = "letterbox",
        **settings: Any,
    ) -> Self:
        """Read a network from Darknet's `.cfg` and `.weights` files.

        `classes` are by default COCO's 80 where the file says 80, else `class 0`, ...; `size` is by
        default that of the file. Nets are trained with `stretch` or `letterbox`: say which. Raises
        `DataError` for files that cannot be read, or do not fit each other, naming the layer.
        """
        from modelward.adversarial.detectors.darknet import read_darknet

        network = read_darknet(conf, weights)
        names = class_names(network.classes, classes)
        side = network.size if size is None else (size, size) if isinstance(size, int) else size
        settings = {"name": Path(conf).stem} | settings
        return cls(
            network=network,
            classes=names,
            scales=network.scales,
            geometry=NATIVE if geometry == "native" else Geometry(geometry, side),
            **settings,
        )

    def decode(self, maps: list[Tensor]) -> Raw:
        """Bring the maps into one row of places."""
        return flatten(maps, self.scales)

    def training_loss(self, raw: Raw, targets: Sequence[Target]) -> Tensor:
        """Give the loss it is trained with, `(N,)`."""
        return training_loss(raw, targets)
