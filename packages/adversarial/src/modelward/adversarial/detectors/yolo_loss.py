"""The training loss of YOLOv3."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

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
    n = len(raw.objectness)
    counts = [len(target.boxes) for target in targets]
    owner = torch.arange(n, device=raw.cells.device).repeat_interleave(
        torch.tensor(counts, device=raw.cells.device)
    )
    truth = torch.cat([target.boxes for target in targets]).to(raw.cells.dtype)
    labels = torch.cat([target.labels for target in targets])
    places = _assign(raw, truth)
    found = raw.boxes().detach()[owner]
    excused = torch.zeros_like(raw.objectness)
    excused.index_add_(0, owner, (_overlap(found, truth) > IGNORE).to(excused.dtype))
    blamed = (excused == 0).to(excused.dtype)
    goal = torch.zeros_like(raw.objectness)
    blamed[owner, places] = goal[owner, places] = 1
    objectness = functional.binary_cross_entropy_with_logits(raw.objectness, goal, reduction="none")
    loss = (objectness * blamed).sum(dim=1)
    return loss.index_add(0, owner, _at_objects(raw, owner, places, truth, labels))


def _overlap(boxes: Tensor, truth: Tensor) -> Tensor:
    """Give the IoU `(K, A)` of each true box `(K, 4)` with all boxes `(K, A, 4)` of its image."""
    truth = truth[:, None]
    low = torch.maximum(boxes[..., :2], truth[..., :2])
    high = torch.minimum(boxes[..., 2:], truth[..., 2:])
    shared = (high - low).clamp(min=0).prod(dim=-1)
    areas = (boxes[..., 2:] - boxes[..., :2]).prod(dim=-1)
    return shared / (areas + (truth[..., 2:] - truth[..., :2]).prod(dim=-1) - shared)


def _assign(raw: Raw, boxes: Tensor) -> Tensor:
    """Give the place `(K,)` of each true box: the best prior by shape, the cell by centre."""
    size = boxes[:, 2:] - boxes[:, :2]
    shared = torch.minimum(size[:, None], raw.priors).prod(dim=-1)
    fit = shared / (size.prod(dim=-1)[:, None] + raw.priors.prod(dim=-1) - shared)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    cell = (centre[:, None] / raw.strides[:, None]).floor()
    here = (cell == raw.cells).all(dim=-1)
    return fit.masked_fill(~here, -1).argmax(dim=1)


def _at_objects(raw: Raw, image: Tensor, place: Tensor, boxes: Tensor, labels: Tensor) -> Tensor:
    """Coordinate and class losses `(K,)` of true boxes, each at the place of its image it was given."""
    extent = ((raw.cells + 1) * raw.strides[:, None]).amax(dim=0)  # the last cell's far corner
    size = boxes[:, 2:] - boxes[:, :2]
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    offsets = raw.offsets[image, place]
    within = centre / raw.strides[place, None] - raw.cells[place]
    position = (offsets[:, :2].sigmoid() - within).square().sum(dim=1)
    shape = (offsets[:, 2:] - (size / raw.priors[place]).log()).square().sum(dim=1)
    weight = 2 - (size / extent).prod(dim=1)
    logits = raw.class_logits[image, place]
    right = functional.one_hot(labels, logits.shape[-1]).to(logits.dtype)
    classes = functional.binary_cross_entropy_with_logits(logits, right, reduction="none")
    return weight * (position + shape) + classes.sum(dim=1)
