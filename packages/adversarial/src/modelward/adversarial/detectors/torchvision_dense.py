"""torchvision's detectors of one stage: RetinaNet, FCOS, SSD and SSDlite."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Outputs
from modelward.adversarial.detectors.probabilities import independent_logits, softmax_logits
from modelward.adversarial.detectors.torchvision_family import TorchvisionDetector


class DenseDetector(TorchvisionDetector):
    """Base of the detectors that judge every anchor of every map at once."""

    parts = ("transform", "backbone", "head", "anchor_generator", "box_coder")

    def outputs(self, images: Tensor) -> Outputs:
        """Give what the head says at every anchor."""
        network = self.network
        height, width = images.shape[-2:]
        shown, _ = network.transform(list(images.to(self.device).float()), None)
        maps = network.backbone(shown.tensors)
        features = [maps] if isinstance(maps, Tensor) else list(maps.values())
        found: dict[str, Tensor] = network.head(features)
        anchors: list[Tensor] = network.anchor_generator(shown, features)
        levels = [each.shape[-2] * each.shape[-1] for each in features]
        rows, columns = shown.image_sizes[0]
        scale = shown.tensors.new_tensor(
            [columns / width, rows / height, columns / width, rows / height]
        )
        boxes = self.decode(found["bbox_regression"], anchors)
        objectness, classes = self.logits(found)

        def training_loss(targets: Sequence[Target]) -> Tensor:
            return torch.stack(
                [
                    torch.stack(
                        list(
                            self.losses(
                                self.wanted(target, scale),
                                {name: each[i : i + 1] for name, each in found.items()},
                                anchors[i],
                                levels,
                            ).values()
                        )
                    ).sum()
                    for i, target in enumerate(targets)
                ]
            )

        return Outputs(
            boxes=boxes / scale,
            objectness=objectness,
            class_logits=classes,
            training_loss=training_loss,
        )

    def decode(self, regression: Tensor, anchors: Sequence[Tensor]) -> Tensor:
        """Give boxes `(N, A, 4)` in the network's pixels."""
        coder = self.network.box_coder
        return torch.stack(
            [coder.decode_single(r, a) for r, a in zip(regression, anchors, strict=True)]
        )

    @abstractmethod
    def logits(self, found: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Give objectness `(N, A)` and class logits `(N, A, C)`."""

    @abstractmethod
    def losses(
        self,
        wanted: dict[str, Tensor],
        found: dict[str, Tensor],
        anchors: Tensor,
        levels: list[int],
    ) -> dict[str, Tensor]:
        """Give the losses of one image, as the network is trained with them."""


class RetinaNet(DenseDetector):
    """A RetinaNet of torchvision: one sigmoid for each class, and no objectness.

    Source: Lin et al., Focal Loss for Dense Object Detection, arXiv 1708.02002.
    """

    builders = ("retinanet_resnet50_fpn", "retinanet_resnet50_fpn_v2")
    heads = (("head.classification_head.cls_logits.weight", 9),)

    @property
    def labels(self) -> int:
        """How many labels the network knows, the background among them."""
        return int(self.network.head.classification_head.num_classes)

    def logits(self, found: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Give objectness `(N, A)` and class logits `(N, A, C)`."""
        return independent_logits(found["cls_logits"][..., list(self.numbers)])

    def losses(
        self,
        wanted: dict[str, Tensor],
        found: dict[str, Tensor],
        anchors: Tensor,
        levels: list[int],  # noqa: ARG002 - FCOS asks for it
    ) -> dict[str, Tensor]:
        """Give focal loss and box regression."""
        losses: dict[str, Tensor] = self.network.compute_loss([wanted], found, [anchors])
        return losses


class FCOS(DenseDetector):
    """An FCOS of torchvision: no anchors but points, and a centre-ness that serves as objectness.

    Its score is the root of centre-ness times class probability, which orders detections as the product
    does.

    Source: Tian et al., FCOS: Fully Convolutional One-Stage Object Detection, arXiv 1904.01355.
    """

    builders = ("fcos_resnet50_fpn",)
    heads = (("head.classification_head.cls_logits.weight", 1),)

    @property
    def labels(self) -> int:
        """How many labels the network knows, the background among them."""
        return int(self.network.head.classification_head.num_classes)

    def decode(self, regression: Tensor, anchors: Sequence[Tensor]) -> Tensor:
        """Give boxes `(N, A, 4)` in the network's pixels."""
        boxes: Tensor = self.network.box_coder.decode(regression, torch.stack(list(anchors)))
        return boxes

    def logits(self, found: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Give objectness `(N, A)` and class logits `(N, A, C)`."""
        return found["bbox_ctrness"][..., 0], found["cls_logits"][..., list(self.numbers)]

    def losses(
        self,
        wanted: dict[str, Tensor],
        found: dict[str, Tensor],
        anchors: Tensor,
        levels: list[int],
    ) -> dict[str, Tensor]:
        """Give focal loss, box regression and centre-ness."""
        losses: dict[str, Tensor] = self.network.compute_loss([wanted], found, [anchors], levels)
        return losses


class SSD(DenseDetector):
    """An SSD or SSDlite of torchvision: one softmax over the classes and the background.

    Source: Liu et al., SSD: Single Shot MultiBox Detector, arXiv 1512.02325; SSDlite: Sandler et al.,
    MobileNetV2, arXiv 1801.04381, section 6.2.
    """

    builders = ("ssd300_vgg16", "ssdlite320_mobilenet_v3_large")
    heads = (
        ("head.classification_head.module_list.0.weight", 4),
        ("head.classification_head.module_list.0.1.weight", 6),
    )

    @property
    def labels(self) -> int:
        """How many labels the network knows, the background among them."""
        return int(self.network.head.classification_head.num_columns)

    def logits(self, found: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Give objectness `(N, A)` and class logits `(N, A, C)`."""
        return softmax_logits(found["cls_logits"], self.numbers)

    def losses(
        self,
        wanted: dict[str, Tensor],
        found: dict[str, Tensor],
        anchors: Tensor,
        levels: list[int],  # noqa: ARG002 - FCOS asks for it
    ) -> dict[str, Tensor]:
        """Give box regression, and cross entropy with the hardest of the background."""
        from torchvision.ops import box_iou

        network: Any = self.network
        matched = torch.full((len(anchors),), -1, dtype=torch.int64, device=anchors.device)
        if len(wanted["boxes"]):
            matched = network.proposal_matcher(box_iou(wanted["boxes"], anchors))
        losses: dict[str, Tensor] = network.compute_loss([wanted], found, [anchors], [matched])
        return losses
