"""How wrong the detections on one image are: the yardstick between attacks with different aims."""

from __future__ import annotations

from torchvision.ops import box_iou

from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detections
from modelward.adversarial.scoring.matching import arrays_of
from modelward.core.metrics import DetectionMatches


def harm(found: Detections, target: Target) -> float:
    """Say how wrong the detections on one image are, in [0, 1] and a little beyond.

    One minus the image's own AP, plus a thousandth of the highest score of a detection that is not
    right, which tells apart images of equal AP; without objects, that score alone.

    >>> import torch
    >>> box, label = torch.tensor([[10.0, 10.0, 30.0, 30.0]]), torch.tensor([0])
    >>> truth = Target(box, label)
    >>> harm(Detections(box, torch.tensor([0.9]), label), truth)
    0.0
    """
    wrong = 0.0
    if len(found):
        overlap = box_iou(found.boxes, target.boxes) if len(target.boxes) else None
        same = None if overlap is None else found.labels[:, None] == target.labels
        right = None if overlap is None else ((overlap >= 0.5) & same).any(dim=1)
        others = found.scores if right is None else found.scores[~right]
        wrong = float(others.max()) if len(others) else 0.0
    if not len(target.boxes):
        return wrong
    ap = (
        DetectionMatches(
            [arrays_of(target, "boxes", "labels")], [arrays_of(found, "boxes", "labels", "scores")]
        )
        .score()
        .ap
    )
    return 1 - ap + wrong / 1000
