"""YOLOv3: a one-stage detector with prior boxes on several scales."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detections, Outputs, check_images
from modelward.adversarial.detectors.layers import ConvBlock, Residual
from modelward.adversarial.detectors.state import evaluating, state_digest
from modelward.adversarial.detectors.yolo_head import Raw, Scale, detections, flatten
from modelward.adversarial.detectors.yolo_loss import training_loss
from modelward.adversarial.objectives import Objective
from modelward.core.errors import DataError

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


class Yolo3:
    """A YOLOv3 detector: a network that gives maps of raw numbers, its scales and its thresholds.

    `network(images)` gives one map `(N, B (5 + C), H/stride, W/stride)` for each of `scales`, in
    their order. Detections below `score_threshold` or overlapping a better one of their class by
    more than `nms_threshold` (IoU) are dropped, and at most `limit` kept an image; these change
    mAP, and are part of `settings`.

    Raises `DataError` for images that are not a float batch in [0, 1], or whose sides are no
    multiple of the largest stride.

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
        name: str = "yolo3",
        score_threshold: float = 0.001,
        nms_threshold: float = 0.6,
        limit: int = 100,
        device: str | torch.device = "cpu",
    ) -> None:
        if not 0 <= score_threshold < 1 or not 0 < nms_threshold <= 1 or limit < 1:
            raise DataError(
                "expected 0 <= score_threshold < 1, 0 < nms_threshold <= 1 and limit >= 1, got "
                f"{score_threshold}, {nms_threshold} and {limit}"
            )
        self.device = torch.device(device)
        self.network = network.to(self.device)
        self.classes = tuple(classes)
        self.scales = tuple(scales)
        self.name = name
        self.score_threshold = score_threshold
        self.nms_threshold = nms_threshold
        self.limit = limit

    def __repr__(self) -> str:
        settings = ", ".join(f"{k}={v!r}" for k, v in self.settings.items())
        return f"Yolo3(name={self.name!r}, classes={len(self.classes)}, {settings})"

    @property
    def settings(self) -> dict[str, float | int]:
        """The thresholds under which it predicts."""
        return {
            "score_threshold": self.score_threshold,
            "nms_threshold": self.nms_threshold,
            "limit": self.limit,
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
            (height, width),
            score_threshold=self.score_threshold,
            nms_threshold=self.nms_threshold,
            limit=self.limit,
        )

    def loss(self, images: Tensor, targets: Sequence[Target], objective: Objective) -> Tensor:
        """Give the objective of each image `(N,)`, differentiable to the pixels."""
        if len(targets) != len(images):
            raise DataError(f"expected {len(images)} targets, one an image, got {len(targets)}")
        targets = [target.to(self.device) for target in targets]
        with evaluating(self.network):
            return objective(self.outputs(images), targets)

    def outputs(self, images: Tensor) -> Outputs:
        """Give the raw outputs on images `(N, 3, H, W)`, in the network's present mode."""
        raw = self.raw(images)
        return Outputs(
            boxes=raw.boxes(),
            objectness=raw.objectness,
            class_logits=raw.class_logits,
            training_loss=lambda targets: training_loss(raw, targets),
        )

    def raw(self, images: Tensor) -> Raw:
        """Run the network in its present mode, and bring its maps into one row of places."""
        check_images(images, stride=max(scale.stride for scale in self.scales))
        return flatten(self.network(images.to(self.device)), self.scales)
