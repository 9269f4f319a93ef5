"""The head of YOLOv3: from maps of raw numbers to boxes, objectness and classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torchvision.ops import batched_nms

from modelward.adversarial.detectors.base import Detections


@dataclass(frozen=True, slots=True)
class Scale:
    """One output scale: `stride` pixels a cell, and the prior boxes (width, height) in pixels."""

    stride: int
    anchors: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Raw:
    """The raw numbers of all scales in one row of `A` places per image.

    `offsets` `(N, A, 4)`: t_x, t_y, t_w, t_h; `objectness` `(N, A)`; `class_logits` `(N, A, C)`.
    Fixed by the geometry: `cells` `(A, 2)` the cell's corner in cells, `strides` `(A,)` pixels,
    `priors` `(A, 2)` pixels.
    """

    offsets: Tensor
    objectness: Tensor
    class_logits: Tensor
    cells: Tensor
    strides: Tensor
    priors: Tensor

    def boxes(self) -> Tensor:
        """Decode `(N, A, 4)` corners in pixels.

        b_x = (sigmoid(t_x) + c_x) stride, b_w = p_w exp(t_w), and likewise for y and h.
        Source: YOLOv3, arXiv 1804.02767, section 2.1.
        """
        centre = (self.offsets[..., :2].sigmoid() + self.cells) * self.strides[:, None]
        half = self.priors * self.offsets[..., 2:].exp() / 2
        return torch.cat([centre - half, centre + half], dim=-1)


def flatten(maps: Sequence[Tensor], scales: Sequence[Scale]) -> Raw:
    """Bring the maps of all scales, each `(N, B (5 + C), H, W)` for B anchors, into one row.

    Places are ordered by scale, then anchor, then row, then column.
    """
    numbers, cells, strides, priors = [], [], [], []
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
        priors.append(corner.new_tensor(scale.anchors).repeat_interleave(height * width, dim=0))
    row = torch.cat(numbers, dim=1)
    return Raw(
        offsets=row[..., :4],
        objectness=row[..., 4],
        class_logits=row[..., 5:],
        cells=torch.cat(cells),
        strides=torch.cat(strides),
        priors=torch.cat(priors),
    )


def detections(
    raw: Raw,
    size: tuple[int, int],
    *,
    score_threshold: float,
    nms_threshold: float,
    limit: int,
) -> list[Detections]:
    """Decode, clip to the image `(H, W)`, and suppress doubles class by class.

    The score of a class is objectness times class probability; a place may speak for several
    classes. At most `limit` detections an image, best first.
    """
    height, width = size
    edge = raw.offsets.new_tensor([width, height, width, height])
    boxes = torch.minimum(raw.boxes().clamp(min=0), edge)
    scores = raw.objectness.sigmoid()[..., None] * raw.class_logits.sigmoid()
    results = []
    for image_boxes, image_scores in zip(boxes, scores, strict=True):
        place, label = (image_scores >= score_threshold).nonzero(as_tuple=True)
        found, score = image_boxes[place], image_scores[place, label]
        solid = (found[:, 2:] > found[:, :2]).all(dim=1)
        found, score, label = found[solid], score[solid], label[solid]
        keep = batched_nms(found, score, label, nms_threshold)[:limit]
        results.append(Detections(found[keep].cpu(), score[keep].cpu(), label[keep].cpu()))
    return results
