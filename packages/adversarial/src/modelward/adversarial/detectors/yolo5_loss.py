"""The training loss of YOLOv5."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import complete_box_iou

from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.yolo_head import Raw, Scale

RATIO = 4.0
"""A prior takes an object whose sides are at most so many times larger or smaller than its own."""
BOX, OBJECT, CLASS = 0.05, 1.0, 0.5
"""Weights of the three losses for 80 classes, three scales and images of 640 pixels."""
BALANCE = {8: 4.0, 16: 1.0, 32: 0.4}
"""Weight of the objectness of each scale, by its stride: small cells are many, and mostly empty."""


def training_loss(raw: Raw, targets: Sequence[Target], *, scales: Sequence[Scale]) -> Tensor:
    """Sum of box, objectness and class losses of each image, `(N,)`.

    An object is given to every prior whose shape is near its own (`RATIO`), in the cell of its
    centre and in the two cells beside it that the centre lies nearest to. There: one minus the
    complete IoU, and binary cross-entropy of each class, each the mean over the places of a scale;
    the goal of objectness is the (detached) complete IoU, elsewhere 0, its mean over a scale weighted
    by `BALANCE`. Means are taken image by image, so that no image's loss depends on its batch.

    Source: complete IoU: Zheng et al., arXiv 1911.08287; weights and assignment as the releases of
    YOLOv5 describe them (https://docs.ultralytics.com/yolov5, architecture).
    """
    boxes = raw.boxes()
    extent = ((raw.cells + 1) * raw.strides[:, None]).amax(dim=0)
    classes = raw.class_logits.shape[-1]
    weight = 3 / len(scales)
    factor = (
        BOX * weight,
        OBJECT * weight * float(extent.prod()) / 640**2,
        CLASS * weight * classes / 80,
    )
    return torch.stack(
        [
            _of_image(raw, boxes[i], i, target, scales=scales, factor=factor)
            for i, target in enumerate(targets)
        ]
    )


def _of_image(
    raw: Raw,
    boxes: Tensor,
    image: int,
    target: Target,
    *,
    scales: Sequence[Scale],
    factor: tuple[float, float, float],
) -> Tensor:
    goal = torch.zeros_like(raw.objectness[image])
    loss = raw.objectness.new_zeros(())
    for scale in scales:
        if not len(target.boxes):
            break
        place, which = _assign(raw, target.boxes, scale)
        if not len(place):
            continue
        iou = complete_box_iou(boxes[place], target.boxes[which]).diagonal()
        loss = loss + factor[0] * (1 - iou).mean()
        best = iou.detach().clamp(min=0).to(goal.dtype)
        goal.scatter_reduce_(0, place, best, reduce="amax")
        if raw.class_logits.shape[-1] > 1:
            logits = raw.class_logits[image, place]
            truth = functional.one_hot(target.labels[which], logits.shape[-1]).to(logits.dtype)
            loss = loss + factor[2] * functional.binary_cross_entropy_with_logits(logits, truth)
    blame = functional.binary_cross_entropy_with_logits(
        raw.objectness[image], goal, reduction="none"
    )
    for scale in scales:
        here = raw.strides == scale.stride
        loss = loss + factor[1] * BALANCE.get(scale.stride, 1.0) * blame[here].mean()
    return loss


def _assign(raw: Raw, boxes: Tensor, scale: Scale) -> tuple[Tensor, Tensor]:
    """Give the places of one scale that take an object, and the number of that object."""
    here = (raw.strides == scale.stride).nonzero()[:, 0]
    cells, priors = raw.cells[here], raw.priors[here]
    size = boxes[:, 2:] - boxes[:, :2]
    ratio = size[:, None] / priors
    near = torch.maximum(ratio, 1 / ratio).amax(dim=-1) < RATIO
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2 / scale.stride
    # The centre's own cell, and each of the two whose middle lies less than one cell away on one
    # axis alone: the cells a prediction can reach by half a cell beyond its own.
    away = centre[:, None] - (cells + 0.5)
    reach = away.abs()
    own = (away >= -0.5).all(dim=-1) & (away < 0.5).all(dim=-1)
    beside_x = (reach[..., 0] < 1) & ~((away[..., 0] >= -0.5) & (away[..., 0] < 0.5))
    beside_y = (reach[..., 1] < 1) & ~((away[..., 1] >= -0.5) & (away[..., 1] < 0.5))
    within_x = (away[..., 0] >= -0.5) & (away[..., 0] < 0.5)
    within_y = (away[..., 1] >= -0.5) & (away[..., 1] < 0.5)
    takes = near & (own | (beside_x & within_y) | (beside_y & within_x))
    which, place = takes.nonzero(as_tuple=True)
    return here[place], which
