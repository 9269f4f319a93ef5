"""YOLOv5: one stage, three scales, centres that reach into the cells beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, Unpack

import torch
from torch import Tensor, nn

from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.checkpoint import read_checkpoint
from modelward.adversarial.detectors.coco_names import class_names
from modelward.adversarial.detectors.geometry import NATIVE, Geometry, Kind
from modelward.adversarial.detectors.one_stage import OneStage, Options
from modelward.adversarial.detectors.yolo5_loss import training_loss
from modelward.adversarial.detectors.yolo5_network import ANCHORS, Yolo5Network
from modelward.adversarial.detectors.yolo_head import Raw, Scale, flatten


@dataclass(frozen=True, slots=True, eq=False)
class Raw5(Raw):
    """The raw numbers of YOLOv5, whose boxes are decoded otherwise."""

    def boxes(self) -> Tensor:
        """Decode `(N, A, 4)` corners in pixels.

        b_x = (2 sigmoid(t_x) - 1/2 + c_x) stride, b_w = p_w (2 sigmoid(t_w))^2, and likewise for y
        and h: a centre reaches half a cell beyond its own, a side at most four times its prior's.
        """
        shares = self.offsets.sigmoid()
        centre = (2 * shares[..., :2] - 0.5 + self.cells) * self.strides[:, None]
        half = self.priors * (2 * shares[..., 2:]).square() / 2
        return torch.cat([centre - half, centre + half], dim=-1)


class Yolo5(OneStage):
    """A YOLOv5 detector: a network that gives maps of raw numbers, its scales and its thresholds.

    Read a `.pt` checkpoint with `from_checkpoint`; no code in it is run. `options` are those of every
    detector of one stage (`OneStage`), with a `limit` of 300 and one label a place by default.

    >>> from modelward.adversarial import Shapes, Vanishing
    >>> with torch.random.fork_rng():
    ...     _ = torch.manual_seed(0)
    ...     detector = Yolo5(network=Yolo5Network.make("n", classes=3), classes=Shapes.classes)
    >>> sample = Shapes(n=1)[0]
    >>> detector.loss(sample.image[None], [sample.target], Vanishing()).shape
    torch.Size([1])

    Source: the releases' own description of layout, boxes and loss
    (https://docs.ultralytics.com/yolov5, architecture); there is no paper.
    """

    def __init__(
        self,
        *,
        network: nn.Module,
        classes: Sequence[str],
        scales: Sequence[Scale] = ANCHORS,
        **options: Unpack[Options],
    ) -> None:
        own: Options = {"limit": 300, "multi_label": False}
        super().__init__(network=network, classes=classes, **(own | options))
        self.scales = tuple(scales)
        self.stride = max(scale.stride for scale in self.scales)

    @classmethod
    def from_checkpoint(
        cls,
        weights: str | Path,
        *,
        classes: Sequence[str] | None = None,
        size: int | tuple[int, int] = 640,
        geometry: Kind = "letterbox",
        **settings: Any,
    ) -> Self:
        """Read a `.pt` file of any of the five sizes, of release 5 or 6.

        The class names are those in the file unless given. Raises `DataError` for a file that is
        cut off, holds no such network, or another number of classes than names.
        """
        network = Yolo5Network.from_checkpoint(read_checkpoint(weights))
        names = class_names(network.classes, network.names if classes is None else classes)
        side = (size, size) if isinstance(size, int) else size
        settings = {"name": Path(weights).stem} | settings
        return cls(
            network=network,
            classes=names,
            scales=network.scales,
            geometry=NATIVE if geometry == "native" else Geometry(geometry, side),
            **settings,
        )

    def decode(self, maps: list[Tensor]) -> Raw:
        """Bring the maps into one row of places."""
        row = flatten(maps, self.scales)
        return Raw5(
            offsets=row.offsets,
            objectness=row.objectness,
            class_logits=row.class_logits,
            cells=row.cells,
            strides=row.strides,
            priors=row.priors,
            reach=row.reach,
        )

    def training_loss(self, raw: Raw, targets: Sequence[Target]) -> Tensor:
        """Give the loss it is trained with, `(N,)`."""
        return training_loss(raw, targets, scales=self.scales)
