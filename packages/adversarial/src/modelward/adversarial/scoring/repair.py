"""Where the lost AP went: divided among the kinds of errors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import comb

import torch
from torch import Tensor
from torchvision.ops import box_iou

from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detections
from modelward.adversarial.scoring.matching import match
from modelward.adversarial.scoring.outcomes import FAR, NEAR

KINDS = ("ghosts", "mislabelled", "moved", "missed")
"""Kinds of errors, in the order in which they are mended."""


def lost_to(
    found: Sequence[Detections], targets: Sequence[Target], *, classes: Sequence[str]
) -> dict[str, float]:
    """Divide what AP lacks to 1 among the kinds of errors, in [0, 1] and adding up to 1 - AP.

    `mislabelled`: a detection on an object (IoU from .5) gets its class; `moved`: one on or beside an
    object of its class (IoU from .1) gets its box; `ghosts`: one that touches no object is taken away;
    `missed`: an object that no detection lies on or beside is taken from the truth. Errors share their
    effects, so each kind is given its Shapley value: what mending it brings, a mean over all orders in
    which the kinds can be mended. `other` is what is lacking when all are, such as
    detections both moved and mislabelled. NaN without any true box.

    >>> truth = Target(torch.tensor([[10.0, 10.0, 30.0, 30.0]]), torch.tensor([0]))
    >>> named = Detections(truth.boxes, torch.tensor([0.9]), torch.tensor([1]))
    >>> lost_to([named], [truth], classes=["cat", "dog"])["mislabelled"]
    1.0

    Source: kinds of errors: TIDE, Bolya et al., arXiv 2008.08115, section 2, joined to four; fair
    division: Shapley, A Value for n-Person Games (1953).
    """
    value = {
        mended: _ap(found, targets, mended, classes)
        for size in range(len(KINDS) + 1)
        for mended in combinations(KINDS, size)
    }

    def share(kind: str) -> float:
        total = 0.0
        for mended, before in value.items():
            if kind not in mended:
                after = value[tuple(k for k in KINDS if k in {*mended, kind})]
                weight = 1 / (len(KINDS) * comb(len(KINDS) - 1, len(mended)))
                total += weight * (after - before)
        return total

    return {kind: share(kind) for kind in KINDS} | {"other": 1.0 - value[KINDS]}


def _ap(
    found: Sequence[Detections],
    targets: Sequence[Target],
    mended: Sequence[str],
    classes: Sequence[str],
) -> float:
    """Give AP once some kinds of errors are mended; 1 where no object is left to be seen."""
    mends = {"ghosts": _without_ghosts, "mislabelled": _relabelled, "moved": _moved_back}
    seen, truths = list(found), list(targets)
    for kind in mended:
        if kind in mends:
            seen = [mends[kind](d, t) for d, t in zip(seen, truths, strict=True)]
    if "missed" in mended:
        truths = [_only_seen(d, t) for d, t in zip(seen, truths, strict=True)]
        if any(len(t.labels) for t in targets) and not any(len(t.labels) for t in truths):
            return 1.0
    return match(seen, truths, classes=classes).score().ap


def _overlap(found: Detections, target: Target) -> tuple[Tensor, Tensor]:
    """Give the IoU `(D, K)`, and whether class and class are the same."""
    overlap = box_iou(found.boxes, target.boxes)
    return overlap, found.labels[:, None] == target.labels[None]


def _relabelled(found: Detections, target: Target) -> Detections:
    if not len(found) or not len(target.labels):
        return found
    overlap, same = _overlap(found, target)
    right = ((overlap >= NEAR) & same).any(dim=1)
    best, which = overlap.max(dim=1)
    wrong = (best >= NEAR) & ~right
    return _deduplicated(
        Detections(found.boxes, found.scores, found.labels.where(~wrong, target.labels[which])),
        target,
        wrong,
    )


def _moved_back(found: Detections, target: Target) -> Detections:
    if not len(found) or not len(target.labels):
        return found
    overlap, same = _overlap(found, target)
    best, which = overlap.where(same, torch.zeros(())).max(dim=1)
    beside = best >= FAR
    boxes = found.boxes.where(~beside[:, None], target.boxes[which])
    return _deduplicated(Detections(boxes, found.scores, found.labels), target, beside)


def _deduplicated(found: Detections, target: Target, mended: Tensor) -> Detections:
    """Take away mended detections of objects that a better one has: they would count as doubles."""
    overlap, same = _overlap(found, target)
    right = (overlap >= NEAR) & same
    keep = torch.ones(len(found), dtype=torch.bool)
    for column in range(right.shape[1]):
        rows = right[:, column].nonzero()[:, 0]
        keep[[r for r in rows[1:].tolist() if bool(mended[r])]] = False
    return Detections(found.boxes[keep], found.scores[keep], found.labels[keep])


def _without_ghosts(found: Detections, target: Target) -> Detections:
    if not len(found):
        return found
    if not len(target.labels):
        return Detections(found.boxes[:0], found.scores[:0], found.labels[:0])
    touches = (box_iou(found.boxes, target.boxes) >= FAR).any(dim=1)
    return Detections(found.boxes[touches], found.scores[touches], found.labels[touches])


def _only_seen(found: Detections, target: Target) -> Target:
    if not len(target.labels):
        return target
    seen = torch.zeros(len(target.labels), dtype=torch.bool)
    if len(found):
        overlap, same = _overlap(found, target)
        seen = ((overlap >= NEAR) | ((overlap >= FAR) & same)).any(dim=0)
    return Target(target.boxes[seen], target.labels[seen])
