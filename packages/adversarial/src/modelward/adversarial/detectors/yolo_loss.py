"""The training loss of YOLOv3."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import box_iou

from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.yolo_head import Raw

IGNORE = 0.5
"""A place without an object is not blamed when its box overlaps a true one by more (section 2.1)."""


def training_loss(raw: Raw, targets: Sequence[Target]) -> Tensor:
    """Sum of coordinate, objectness and class losses of each image, `(N,)`.

    Every true box is given to the one prior whose shape fits it best, in the cell its centre lies
    in. There: squared error of sigmoid(t_x), sigmoid(t_y), t_w, t_h, weighted 2 - w h (in shares of
    the image, so that small boxes count more), and binary cross-entropy of each class. Objectness:
    binary cross-entropy everywhere but where the ignore rule holds.

    Source: YOLOv3, arXiv 1804.02767, sections 2.1 and 2.2; the weight is that of the Darknet
    implementation.
    """
    boxes = raw.boxes().detach()
    # The image's extent follows from the grid: the last cell's far corner.
    extent = ((raw.cells + 1) * raw.strides[:, None]).amax(dim=0)
    losses = []
    for i, target in enumerate(targets):
        blamed = torch.ones_like(raw.objectness[i])
        goal = torch.zeros_like(raw.objectness[i])
        loss = raw.objectness.new_zeros(())
        if len(target.boxes):
            places = _assign(raw, target.boxes)
            blamed[box_iou(boxes[i], target.boxes).amax(dim=1) > IGNORE] = 0
            blamed[places] = 1
            goal[places] = 1
            loss = _at_objects(raw, i, places, target, extent)
        objectness = functional.binary_cross_entropy_with_logits(
            raw.objectness[i], goal, reduction="none"
        )
        losses.append(loss + (objectness * blamed).sum())
    return torch.stack(losses)


def _assign(raw: Raw, boxes: Tensor) -> Tensor:
    """Give the place `(K,)` of each true box: the best prior by shape, the cell by centre."""
    size = boxes[:, 2:] - boxes[:, :2]
    shared = torch.minimum(size[:, None], raw.priors).prod(dim=-1)
    fit = shared / (size.prod(dim=-1)[:, None] + raw.priors.prod(dim=-1) - shared)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    cell = (centre[:, None] / raw.strides[:, None]).floor()
    here = (cell == raw.cells).all(dim=-1)
    return fit.masked_fill(~here, -1).argmax(dim=1)


def _at_objects(raw: Raw, image: int, places: Tensor, target: Target, extent: Tensor) -> Tensor:
    """Coordinate and class losses of one image at the places its objects were given to."""
    size = target.boxes[:, 2:] - target.boxes[:, :2]
    centre = (target.boxes[:, :2] + target.boxes[:, 2:]) / 2
    offsets = raw.offsets[image, places]
    within = centre / raw.strides[places, None] - raw.cells[places]
    position = (offsets[:, :2].sigmoid() - within).square().sum(dim=1)
    shape = (offsets[:, 2:] - (size / raw.priors[places]).log()).square().sum(dim=1)
    weight = 2 - (size / extent).prod(dim=1)
    classes = functional.binary_cross_entropy_with_logits(
        raw.class_logits[image, places],
        functional.one_hot(target.labels, raw.class_logits.shape[-1]).to(offsets.dtype),
        reduction="sum",
    )
    return (weight * (position + shape)).sum() + classes
