"""The training loss of YOLOv5."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import complete_box_iou_loss

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
    n, places = raw.objectness.shape
    classes = raw.class_logits.shape[-1]
    extent = ((raw.cells + 1) * raw.strides[:, None]).amax(dim=0)
    weight = 3 / len(scales)
    whole = OBJECT * weight * float(extent.prod()) / 640**2
    counts = [len(target.boxes) for target in targets]
    owner = torch.arange(n, device=boxes.device).repeat_interleave(boxes.new_tensor(counts).long())
    truth = torch.cat([target.boxes for target in targets]).to(boxes.dtype)
    labels = torch.cat([target.labels for target in targets])
    goal = torch.zeros_like(raw.objectness).flatten()
    loss = raw.objectness.new_zeros(n)
    for scale in scales:
        place, which = _assign(raw, truth, scale)
        image = owner[which]
        apart = complete_box_iou_loss(boxes[image, place], truth[which])
        loss = loss + BOX * weight * _mean_of_each(apart, image, n)
        fit = (1 - apart.detach()).clamp(min=0).to(goal.dtype)
        goal.scatter_reduce_(0, image * places + place, fit, reduce="amax")
        if classes > 1:
            logits = raw.class_logits[image, place]
            right = functional.one_hot(labels[which], classes).to(logits.dtype)
            wrong = functional.binary_cross_entropy_with_logits(logits, right, reduction="none")
            share = CLASS * weight * classes / 80
            loss = loss + share * _mean_of_each(wrong.mean(dim=1), image, n)
    blame = functional.binary_cross_entropy_with_logits(
        raw.objectness, goal.view(n, places), reduction="none"
    )
    for scale in scales:
        here = raw.strides == scale.stride
        loss = loss + whole * BALANCE.get(scale.stride, 1.0) * blame[:, here].mean(dim=1)
    return loss


def _mean_of_each(values: Tensor, image: Tensor, n: int) -> Tensor:
    """Give the mean of the values `(P,)` of each of n images, 0 where it has none."""
    total = values.new_zeros(n).index_add(0, image, values)
    return total / torch.bincount(image, minlength=n).clamp(min=1)


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
