"""The compact networks of the zoo: small enough to be trained on a laptop in minutes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from modelward.adversarial.detectors.base import Detector
from modelward.adversarial.detectors.layers import ConvBlock, Residual
from modelward.adversarial.detectors.yolo3 import Yolo3, Yolo3Network
from modelward.adversarial.detectors.yolo_head import Scale

SCALES5 = (
    Scale(8, ((14.0, 14.0), (18.0, 18.0), (23.0, 23.0))),
    Scale(16, ((24.0, 24.0), (28.0, 28.0), (32.0, 32.0))),
    Scale(32, ((34.0, 34.0), (38.0, 38.0), (44.0, 44.0))),
)
"""Prior boxes for drawn figures on images of 96 pixels."""


def compact_yolo3(classes: Sequence[str], size: int, width: int) -> Yolo3:
    """Make an untrained YOLOv3 of two scales, as its tiny form has."""
    del size  # it works at any
    network = Yolo3Network(classes=len(classes), width=width)
    return Yolo3(network=network, classes=classes, name="small-yolo3")


def compact_yolo5(classes: Sequence[str], size: int, width: int) -> Detector:
    """Make an untrained YOLOv5 of size n with prior boxes for small images."""
    from modelward.adversarial.detectors.yolo5 import Yolo5
    from modelward.adversarial.detectors.yolo5_network import Yolo5Network

    del size, width  # size n has its own width
    network = Yolo5Network.make("n", classes=len(classes), scales=SCALES5)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 0.1  # a training of hundreds of steps: the usual .03 lags behind
    return Yolo5(network=network, classes=classes, scales=SCALES5, name="small-yolo5")


class Features(nn.Module):
    """Three maps: two at an eighth of the image, `(N, 4 w, H/8, W/8)`, and `(N, 8 w, H/16, W/16)`.

    The first hears from the coarse one by upsampling, as in a feature pyramid; the second is the first
    after one more layer, for larger objects at the same places. H and W are multiples of 16.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        w = width
        self.stem = nn.Sequential(
            ConvBlock(3, w, stride=2),
            ConvBlock(w, 2 * w, stride=2),
            Residual(2 * w),
            ConvBlock(2 * w, 4 * w, stride=2),
            Residual(4 * w),
        )
        self.deep = nn.Sequential(ConvBlock(4 * w, 8 * w, stride=2), Residual(8 * w))
        self.join = ConvBlock(8 * w, 2 * w, kernel=1)
        self.fine = ConvBlock(6 * w, 4 * w)
        self.middle = ConvBlock(4 * w, 4 * w)

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        """Give the maps, that for the smallest objects first."""
        stem = self.stem(images)
        coarse = self.deep(stem)
        up = functional.interpolate(self.join(coarse), scale_factor=2.0, mode="nearest")
        fine = self.fine(torch.cat([up, stem], dim=1))
        return OrderedDict(fine=fine, middle=self.middle(fine), coarse=coarse)


def compact_ssdlite(classes: Sequence[str], size: int, width: int) -> Detector:
    """Make an untrained SSD with separable heads on three maps, in torchvision's form.

    Its prior boxes are the quantiles of the figures' sizes; one that shares .4 of an object learns it:
    with the usual .5, one object in six of drawn images has none.
    """
    from functools import partial

    from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
    from torchvision.models.detection.ssd import SSD as TorchvisionSSD
    from torchvision.models.detection.ssdlite import SSDLiteHead

    from modelward.adversarial.detectors.torchvision_dense import SSD

    anchors = DefaultBoxGenerator([[], [], []], scales=[0.15, 0.22, 0.31, 0.42])
    labels = len(classes) + 1  # the background is one
    norm: Any = partial(nn.BatchNorm2d, eps=1e-3)
    width = width * 3 // 2  # separable heads are cheap: as many steps a second as the others
    head = SSDLiteHead(
        [4 * width, 4 * width, 8 * width], anchors.num_anchors_per_location(), labels, norm
    )
    network = TorchvisionSSD(
        Features(width),
        anchors,
        (size, size),
        labels,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
        head=head,
        iou_thresh=0.4,
    )
    return SSD(network=network, classes=classes, name="small-ssdlite")


NETWORKS: dict[str, Callable[[Sequence[str], int, int], Any]] = {
    "yolo3": compact_yolo3,
    "yolo5": compact_yolo5,
    "ssdlite": compact_ssdlite,
}
"""How each family's compact detector is made."""
