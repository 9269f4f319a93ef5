"""What detectors of one stage share: a network whose maps become one row of places."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypedDict, Unpack

import torch
from torch import Tensor, nn

from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detections, Outputs, check_images
from modelward.adversarial.detectors.geometry import NATIVE, Geometry
from modelward.adversarial.detectors.state import evaluating, frozen, state_digest
from modelward.adversarial.detectors.yolo_head import Decoded, detections
from modelward.adversarial.objectives import Objective
from modelward.core.errors import DataError


class Options(TypedDict, total=False):
    """What every detector of one stage can be given; see `OneStage` for what each means."""

    name: str
    geometry: Geometry
    score_threshold: float
    nms_threshold: float
    limit: int
    multi_label: bool
    device: str | torch.device


class OneStage(ABC):
    """Base of the YOLO family: geometry, decoding, thresholds, and the network left as it was.

    `options` are those of `Options`: the `name` reports use (by default the class's in lower case),
    the `geometry` that brings images to the network's size (by default none) and the `device`;
    `score_threshold` (.001), `nms_threshold` (.6), `limit` (100) and `multi_label` (true). Detections below `score_threshold` or overlapping a better one of their class by more than
    `nms_threshold` (IoU) are dropped, and at most `limit` kept an image; with `multi_label` one place
    may speak for several classes. These and the geometry change mAP, and are part of `settings`.
    """

    stride: int

    def __init__(
        self, *, network: nn.Module, classes: Sequence[str], **options: Unpack[Options]
    ) -> None:
        self.score_threshold = options.get("score_threshold", 0.001)
        self.nms_threshold = options.get("nms_threshold", 0.6)
        self.limit = options.get("limit", 100)
        if not 0 <= self.score_threshold < 1 or not 0 < self.nms_threshold <= 1 or self.limit < 1:
            raise DataError(
                "expected 0 <= score_threshold < 1, 0 < nms_threshold <= 1 and limit >= 1, got "
                f"{self.score_threshold}, {self.nms_threshold} and {self.limit}"
            )
        self.device = torch.device(options.get("device", "cpu"))
        self.network = network.to(self.device)
        self.classes = tuple(classes)
        self.name = options.get("name", type(self).__name__.lower())
        self.geometry = options.get("geometry", NATIVE)
        self.multi_label = options.get("multi_label", True)

    def __repr__(self) -> str:
        settings = ", ".join(f"{k}={v!r}" for k, v in self.settings.items())
        kind = type(self).__name__
        return f"{kind}(name={self.name!r}, classes={len(self.classes)}, {settings})"

    @property
    def settings(self) -> dict[str, Any]:
        """The geometry and the thresholds under which it predicts."""
        size = self.geometry.size
        return {
            "geometry": self.geometry.kind,
            **({} if size is None else {"size": size}),
            "score_threshold": self.score_threshold,
            "nms_threshold": self.nms_threshold,
            "limit": self.limit,
            "multi_label": self.multi_label,
        }

    def digest(self) -> str:
        """Give the SHA-256 of all parameters and buffers."""
        return state_digest(self.network)

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[Detections]:
        """Detect objects on images `(N, 3, H, W)` in [0, 1]: one `Detections` an image."""
        with evaluating(self.network):
            raw = self.raw(images)
        height, width = images.shape[-2:]
        return detections(
            raw,
            self.geometry.to_image(raw.boxes(), (height, width)),
            (height, width),
            score_threshold=self.score_threshold,
            nms_threshold=self.nms_threshold,
            limit=self.limit,
            multi_label=self.multi_label,
        )

    def loss(self, images: Tensor, targets: Sequence[Target], objective: Objective) -> Tensor:
        """Give the objective of each image `(N,)`, differentiable to the pixels."""
        if len(targets) != len(images):
            raise DataError(f"expected {len(images)} targets, one an image, got {len(targets)}")
        targets = [target.to(self.device) for target in targets]
        with frozen(self.network):
            return objective(self.outputs(images), targets)

    def outputs(self, images: Tensor) -> Outputs:
        """Give the raw outputs on images `(N, 3, H, W)`, in the network's present mode."""
        raw = self.raw(images)
        height, width = images.shape[-2:]
        return Outputs(
            boxes=self.geometry.to_image(raw.boxes(), (height, width)),
            objectness=raw.objectness,
            class_logits=raw.class_logits,
            training_loss=lambda targets: self.training_loss(
                raw, self.geometry.targets(targets, (height, width))
            ),
        )

    def raw(self, images: Tensor) -> Decoded:
        """Run the network in its present mode, and bring its maps into one row of places."""
        check_images(images)
        shown = self.geometry.to_network(images.to(self.device), stride=self.stride)
        return self.decode(self.network(self.normalised(shown)))

    def normalised(self, images: Tensor) -> Tensor:
        """Give the pixels as the network wants them: as they are, unless a family says otherwise."""
        return images

    @abstractmethod
    def decode(self, maps: Any) -> Decoded:
        """Bring what the network gives into one row of places."""

    @abstractmethod
    def training_loss(self, raw: Any, targets: Sequence[Target]) -> Tensor:
        """Give the loss it is trained with, `(N,)`; true boxes in the network's pixels."""
