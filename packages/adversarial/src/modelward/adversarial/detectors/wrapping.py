"""Any network as a detector, by what it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from modelward.adversarial.detectors.base import Detector


def wrap(network: nn.Module, *, classes: Sequence[str], **settings: Any) -> Detector:
    """Make a detector of a network: of torchvision's by their own class, of others by `decode`.

    A Faster R-CNN, RetinaNet, FCOS, SSD or SSDlite of torchvision is seen through as a whole. With
    `decode=` (and what else `ModuleDetector` takes) any network is. Without, the network must speak
    torchvision's interface (`ListingDetector`). The network itself is not changed, but for the
    thresholds of torchvision's. Raises `DataError` as those do.

    >>> import torchvision
    >>> network = torchvision.models.detection.ssdlite320_mobilenet_v3_large(
    ...     weights=None, weights_backbone=None, num_classes=3)
    >>> wrap(network, classes=("cat", "dog"))
    SSD(name='ssd', classes=2, score_threshold=0.001, nms_threshold=0.6, limit=100)
    """
    from torchvision.models import detection

    from modelward.adversarial.detectors.frcnn import FasterRCNN
    from modelward.adversarial.detectors.listing import ListingDetector
    from modelward.adversarial.detectors.module import ModuleDetector
    from modelward.adversarial.detectors.torchvision_dense import FCOS, SSD, RetinaNet

    if "decode" in settings:
        return ModuleDetector(network=network, classes=classes, **settings)
    kinds: tuple[tuple[type[nn.Module], Any], ...] = (
        (detection.FasterRCNN, FasterRCNN),
        (detection.RetinaNet, RetinaNet),
        (detection.FCOS, FCOS),
        (detection.ssd.SSD, SSD),
    )
    for kind, wrapper in kinds:
        if isinstance(network, kind):
            made: Detector = wrapper(network=network, classes=classes, **settings)
            return made
    return ListingDetector(network=network, classes=classes, **settings)
