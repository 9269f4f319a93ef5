"""The head of YOLOv3: from maps of raw numbers to boxes, objectness and classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torchvision.ops import batched_nms

from modelward.adversarial.detectors.base import Detections


@dataclass(frozen=True, slots=True)
class Scale:
    """One output scale: `stride` pixels a cell, and the prior boxes (width, height) in pixels.

    `reach` is Darknet's `scale_x_y`: above 1, a centre can lie on its cell's border and beyond.
    """

    stride: int
    anchors: tuple[tuple[float, float], ...]
    reach: float = 1.0


class Decoded(Protocol):
    """What a network said, in one row of `A` places per image, in the network's pixels."""

    @property
    def objectness(self) -> Tensor:
        """Logits `(N, A)`."""
        ...

    @property
    def class_logits(self) -> Tensor:
        """Logits `(N, A, C)`."""
        ...

    def boxes(self) -> Tensor:
        """Give corners `(N, A, 4)`."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """The raw numbers of all scales in one row of `A` places per image.

    `offsets` `(N, A, 4)`: t_x, t_y, t_w, t_h; `objectness` `(N, A)`; `class_logits` `(N, A, C)`.
    Fixed by the geometry: `cells` `(A, 2)` the cell's corner in cells, `strides` `(A,)` pixels,
    `priors` `(A, 2)` pixels, `reach` `(A,)` the scale of the centre's offset.
    """

    offsets: Tensor
    objectness: Tensor
    class_logits: Tensor
    cells: Tensor
    strides: Tensor
    priors: Tensor
    reach: Tensor

    def boxes(self) -> Tensor:
        """Decode `(N, A, 4)` corners in pixels.

        b_x = (r sigmoid(t_x) - (r - 1) / 2 + c_x) stride with the reach r (1 in the paper),
        b_w = p_w exp(t_w), and likewise for y and h.
        Source: YOLOv3, arXiv 1804.02767, section 2.1; the reach: YOLOv4, arXiv 2004.10934, 3.4.
        """
        reach = self.reach[:, None]
        within = reach * self.offsets[..., :2].sigmoid() - (reach - 1) / 2
        centre = (within + self.cells) * self.strides[:, None]
        half = self.priors * self.offsets[..., 2:].exp() / 2
        return torch.cat([centre - half, centre + half], dim=-1)


def flatten(maps: Sequence[Tensor], scales: Sequence[Scale]) -> Raw:
    """Bring the maps of all scales, each `(N, B (5 + C), H, W)` for B anchors, into one row.

    Places are ordered by scale, then anchor, then row, then column.
    """
    numbers, cells, strides, priors, reach = [], [], [], [], []
    for values, scale in zip(maps, scales, strict=True):
        n, _, height, width = values.shape
        anchors = len(scale.anchors)
        numbers.append(
            values.reshape(n, anchors, -1, height, width).permute(0, 1, 3, 4, 2).flatten(1, 3)
        )
        y, x = torch.meshgrid(
            torch.arange(height, device=values.device),
            torch.arange(width, device=values.device),
            indexing="ij",
        )
        corner = torch.stack([x, y], dim=-1).reshape(-1, 2).to(values.dtype)
        cells.append(corner.repeat(anchors, 1))
        strides.append(corner.new_full((anchors * height * width,), float(scale.stride)))
        reach.append(corner.new_full((anchors * height * width,), scale.reach))
        priors.append(corner.new_tensor(scale.anchors).repeat_interleave(height * width, dim=0))
    row = torch.cat(numbers, dim=1)
    return Raw(
        offsets=row[..., :4],
        objectness=row[..., 4],
        class_logits=row[..., 5:],
        cells=torch.cat(cells),
        strides=torch.cat(strides),
        priors=torch.cat(priors),
        reach=torch.cat(reach),
    )


def detections(
    raw: Decoded,
    boxes: Tensor,
    size: tuple[int, int],
    *,
    score_threshold: float,
    nms_threshold: float,
    limit: int,
    multi_label: bool,
) -> list[Detections]:
    """Clip the decoded boxes `(N, A, 4)` to the image `(H, W)`, and suppress doubles by class.

    The score of a class is objectness times class probability. With `multi_label` a place speaks for
    every class at or above the threshold, else for its best alone. At most `limit` detections an
    image, best first.
    """
    height, width = size
    edge = boxes.new_tensor([width, height, width, height])
    boxes = torch.minimum(boxes.clamp(min=0), edge)
    scores = raw.objectness.sigmoid()[..., None] * raw.class_logits.sigmoid()
    results = []
    if not multi_label:
        scores = scores.where(scores == scores.amax(dim=-1, keepdim=True), -1.0)
    for image_boxes, image_scores in zip(boxes, scores, strict=True):
        place, label = (image_scores >= score_threshold).nonzero(as_tuple=True)
        found, score = image_boxes[place], image_scores[place, label]
        solid = (found[:, 2:] > found[:, :2]).all(dim=1)
        found, score, label = found[solid], score[solid], label[solid]
        keep = batched_nms(found, score, label, nms_threshold)[:limit]
        results.append(Detections(found[keep].cpu(), score[keep].cpu(), label[keep].cpu()))
    return results
