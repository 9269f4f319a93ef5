"""Faster R-CNN, as torchvision builds it: two stages, attacked through both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Outputs, check_images
from modelward.adversarial.detectors.probabilities import softmax_logits
from modelward.adversarial.detectors.state import frozen
from modelward.adversarial.detectors.torchvision_family import TorchvisionDetector
from modelward.adversarial.objectives import Objective, Untargeted

_FAR = -20.0
"""A logit that stands for 'nothing here'."""


class FasterRCNN(TorchvisionDetector):
    """A Faster R-CNN detector of torchvision, or any with its parts (`rpn`, `roi_heads`, `transform`).

    Labels and numbers are those of `TorchvisionDetector`. The training loss is taken with batch norm and dropout as in use; its random choice
    of boxes follows from a fixed seed, so that it is the same function at each step.

    Raises `DataError` for a network of other parts, or numbers that do not fit the classes.

    >>> import torchvision
    >>> from modelward.adversarial import Shapes, Vanishing
    >>> with torch.random.fork_rng():
    ...     _ = torch.manual_seed(0)
    ...     network = torchvision.models.detection.fasterrcnn_mobilenet_v3_large_320_fpn(
    ...         weights=None, weights_backbone=None, num_classes=4)
    >>> detector = FasterRCNN(network=network, classes=Shapes.classes)
    >>> sample = Shapes(n=1)[0]
    >>> detector.loss(sample.image[None], [sample.target], Vanishing()).shape
    torch.Size([1])

    Source: Ren et al., Faster R-CNN, arXiv 1506.01497.
    """

    parts = ("transform", "backbone", "rpn", "roi_heads")
    builders = (
        "fasterrcnn_resnet50_fpn",
        "fasterrcnn_resnet50_fpn_v2",
        "fasterrcnn_mobilenet_v3_large_fpn",
        "fasterrcnn_mobilenet_v3_large_320_fpn",
    )
    heads = (("roi_heads.box_predictor.cls_score.weight", 1),)

    @property
    def labels(self) -> int:
        """How many labels the network knows, the background among them."""
        return int(self.network.roi_heads.box_predictor.cls_score.out_features)

    @property
    def last_step(self) -> Any:
        """The second stage, which holds the thresholds."""
        return self.network.roi_heads

    def loss(self, images: Tensor, targets: Sequence[Target], objective: Objective) -> Tensor:
        """Give the objective of each image `(N,)`, differentiable to the pixels."""
        if isinstance(objective, Untargeted) and len(targets) == len(images):
            # The training loss runs the network its own way: the outputs need not be had as well.
            check_images(images)
            with frozen(self.network):
                return self._training_loss(images, [t.to(self.device) for t in targets])
        return super().loss(images, targets, objective)

    def outputs(self, images: Tensor) -> Outputs:
        """Give what the second stage says of each proposal; the last are padded, and not `present`.

        The objectness is the log-odds of being no background, a class logit that of the class among
        the others, so that sigmoid times sigmoid is the network's own probability.
        """
        pictures = list(images.to(self.device).float())
        height, width = images.shape[-2:]
        shown, _ = self.network.transform(pictures, None)
        features = self.network.backbone(shown.tensors)
        proposals, _ = self.network.rpn(shown, features, None)
        heads = self.network.roi_heads
        pooled = heads.box_head(heads.box_roi_pool(features, proposals, shown.image_sizes))
        logits, regression = heads.box_predictor(pooled)
        boxes = heads.box_coder.decode(regression, proposals)
        objectness, classes = softmax_logits(logits, self.numbers)
        numbers = torch.tensor(self.numbers, device=logits.device)
        best = boxes[torch.arange(len(boxes)), numbers[classes.argmax(dim=1)]]
        counts = [len(each) for each in proposals]
        scale = best.new_tensor([(width / w, height / h) for h, w in shown.image_sizes])
        scaled = best * scale.repeat_interleave(torch.tensor(counts, device=best.device), 0).repeat(
            1, 2
        )
        present = torch.arange(max(counts))[None] < torch.tensor(counts)[:, None]
        return Outputs(
            boxes=_padded(scaled, counts, 0.0),
            objectness=_padded(objectness, counts, _FAR),
            class_logits=_padded(classes, counts, _FAR),
            training_loss=lambda targets: self._training_loss(images, targets),
            present=present.to(logits.device),
        )

    def _training_loss(self, images: Tensor, targets: Sequence[Target]) -> Tensor:
        """Give the sum of the four losses of each image, `(N,)`."""
        losses = []
        for image, target in zip(images.to(self.device).float(), targets, strict=True):
            with _choosing(self.network):
                found = self.network([image], [self.wanted(target)])
            losses.append(torch.stack(list(found.values())).sum())
        return torch.stack(losses)


@contextmanager
def _choosing(network: Any) -> Iterator[None]:
    """Let the network give losses: it and its two stages in training mode, nothing below them.

    Which boxes are drawn for the loss follows from a fixed seed, and leaves the global generator alone.
    """
    stages = (network, network.rpn, network.roi_heads)
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(0)
        before = [stage.training for stage in stages]
        for stage in stages:
            stage.training = True
        try:
            yield
        finally:
            for stage, training in zip(stages, before, strict=True):
                stage.training = training


def _padded(values: Tensor, counts: Sequence[int], fill: float) -> Tensor:
    """Bring the rows of each image `(sum of counts, ...)` to `(N, most, ...)`."""
    return nn.utils.rnn.pad_sequence(
        list(torch.split(values, list(counts))), batch_first=True, padding_value=fill
    )
