"""The compact networks of the zoo: small enough to be trained on a laptop in minutes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, nn

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
    return Yolo5(network=network, classes=classes, scales=SCALES5, name="small-yolo5")


class Features(nn.Module):
    """Maps at an eighth and a sixteenth of the image: `(N, 4 w, H/8, W/8)` and `(N, 8 w, H/16, W/16)`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        w = width
        self.fine = nn.Sequential(
            ConvBlock(3, w, stride=2),
            ConvBlock(w, 2 * w, stride=2),
            Residual(2 * w),
            ConvBlock(2 * w, 4 * w, stride=2),
            Residual(4 * w),
        )
        self.coarse = nn.Sequential(ConvBlock(4 * w, 8 * w, stride=2), Residual(8 * w))

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        """Give both maps, the fine one first."""
        fine = self.fine(images)
        return OrderedDict(fine=fine, coarse=self.coarse(fine))


def compact_ssdlite(classes: Sequence[str], size: int, width: int) -> Detector:
    """Make an untrained SSD with separable heads on two maps, in torchvision's form."""
    from functools import partial

    from torchvision.models.detection.anchor_utils import DefaultBoxGenerator
    from torchvision.models.detection.ssd import SSD as TorchvisionSSD
    from torchvision.models.detection.ssdlite import SSDLiteHead

    from modelward.adversarial.detectors.torchvision_dense import SSD

    anchors = DefaultBoxGenerator([[], []], scales=[0.17, 0.33, 0.48])
    labels = len(classes) + 1  # the background is one
    norm: Any = partial(nn.BatchNorm2d, eps=1e-3)
    head = SSDLiteHead([4 * width, 8 * width], anchors.num_anchors_per_location(), labels, norm)
    network = TorchvisionSSD(
        Features(width),
        anchors,
        (size, size),
        labels,
        image_mean=[0.5] * 3,
        image_std=[0.5] * 3,
        head=head,
    )
    return SSD(network=network, classes=classes, name="small-ssdlite")


NETWORKS: dict[str, Callable[[Sequence[str], int, int], Any]] = {
    "yolo3": compact_yolo3,
    "yolo5": compact_yolo5,
    "ssdlite": compact_ssdlite,
}
"""How each family's compact detector is made."""
