"""Scoring: COCO average precision, of all images or of any multiset of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detections
from modelward.core.errors import DataError
from modelward.core.optional import require

LIMIT = 100
"""Detections that count for an image and class, as COCO has it."""


@dataclass(frozen=True, slots=True)
class AveragePrecision:
    """COCO's average precision, each in [0, 1], higher is better.

    `ap` is the mean over IoU thresholds .50, .55, … .95; `ap50` and `ap75` are those at one
    threshold; `per_class` is `ap` by class name. A class without a true object has no figure and is
    left out of the means; without any true object all are NaN.
    """

    ap: float
    ap50: float
    ap75: float
    per_class: dict[str, float]


class Matches:
    """Detections matched with the truth once, from which AP follows for any choice of images.

    `detections` and `targets` belong together by position; `classes` are the class names. Matching
    and accumulation are those of COCO (faster-coco-eval, equal to pycocotools): `all` areas, 100
    detections an image and class.

    Matching looks at one image at a time and accumulation at all of them, so that a bootstrap over
    images need only accumulate anew; an image drawn twice counts as two images.

    Raises `DataError` when the lengths differ, nothing is given, or a label has no class name.

    >>> import torch
    >>> box, label = torch.tensor([[10.0, 10.0, 30.0, 30.0]]), torch.tensor([0])
    >>> found = Detections(box + 2, torch.tensor([0.9]), label)
    >>> matches = Matches([found], [Target(box, label)], classes=["cat"])
    >>> matches.score().ap50, matches.score().ap
    (1.0, 0.4)

    Source: Lin et al., Microsoft COCO, arXiv 1405.0312; https://cocodataset.org/#detection-eval.
    """

    def __init__(
        self,
        detections: Sequence[Detections],
        targets: Sequence[Target],
        *,
        classes: Sequence[str],
    ) -> None:
        if len(detections) != len(targets) or not targets:
            raise DataError(
                "expected detections and targets of one length of at least 1, "
                f"got {len(detections)} and {len(targets)}"
            )
        for kind, parts in (("target", targets), ("detection", detections)):
            highest = max((int(p.labels.max()) for p in parts if len(p.labels)), default=-1)
            if highest >= len(classes):
                raise DataError(
                    f"expected labels below {len(classes)}, the number of classes, "
                    f"got the {kind} label {highest}"
                )
        self.classes = tuple(classes)
        self.n = len(targets)
        self._evaluation = _evaluate(detections, targets, self.classes)
        self._cells: list[Any] = list(self._evaluation._evalImgs_cpp)

    def score(self, rows: Sequence[int] | npt.NDArray[np.int64] | None = None) -> AveragePrecision:
        """Give the average precision of the images `rows` (with repetition), or of all."""
        precision = self._precision(None if rows is None else np.asarray(rows, dtype=np.int64))
        known = precision[:, :, precision[0, 0] > -1]  # COCO marks a class without objects by -1
        present = [name for name, p in zip(self.classes, precision[0, 0], strict=True) if p > -1]
        if not present:
            return AveragePrecision(np.nan, np.nan, np.nan, {})
        by_threshold = known.mean(axis=(1, 2))
        by_class = known.mean(axis=(0, 1))
        return AveragePrecision(
            ap=float(by_threshold.mean()),
            ap50=float(by_threshold[0]),
            ap75=float(by_threshold[5]),
            per_class=dict(zip(present, map(float, by_class), strict=True)),
        )

    def _precision(self, rows: npt.NDArray[np.int64] | None) -> npt.NDArray[np.float64]:
        """Interpolated precision `(10 thresholds, 101 recalls, C)`."""
        from faster_coco_eval import faster_eval_api_cpp

        evaluation = self._evaluation
        cells = self._cells
        if rows is not None:
            # One cell for each class and image, images running fastest.
            cells = [cells[c * self.n + r] for c in range(len(self.classes)) for r in rows]
        evaluation._paramsEval.imgIds = list(range(self.n if rows is None else len(rows)))
        result = faster_eval_api_cpp.COCOevalAccumulate(evaluation._paramsEval, cells)
        precision: npt.NDArray[np.float64] = np.asarray(result["precision"])
        return precision.reshape(10, 101, len(self.classes))


def _evaluate(
    detections: Sequence[Detections], targets: Sequence[Target], classes: Sequence[str]
) -> Any:
    """Match every image's detections with its objects."""
    require(
        "faster_coco_eval", feature="scoring detections", install="'./packages/core[detection]'"
    )
    from faster_coco_eval import COCO
    from faster_coco_eval.core.faster_eval_api import COCOeval_faster

    objects = [
        {"image_id": i, "category_id": label, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
        for i, target in enumerate(targets)
        for box, label in zip(_xywh(target.boxes), target.labels.tolist(), strict=True)
    ]
    truth = {
        "images": [{"id": i} for i in range(len(targets))],
        "categories": [{"id": k, "name": name} for k, name in enumerate(classes)],
        # Numbered from 1: COCO reads 0 as 'not matched'.
        "annotations": [{"id": k, **each} for k, each in enumerate(objects, start=1)],
    }
    found = [
        {"image_id": i, "category_id": label, "bbox": box, "score": score}
        for i, detected in enumerate(detections)
        for box, score, label in zip(
            _xywh(detected.boxes), detected.scores.tolist(), detected.labels.tolist(), strict=True
        )
    ]
    coco = COCO(truth)
    evaluation = COCOeval_faster(coco, coco.loadRes(found), "bbox", separate_eval=True)
    evaluation.params.areaRng = [[0, 1e10]]
    evaluation.params.areaRngLbl = ["all"]
    evaluation.params.maxDets = [LIMIT]
    evaluation.evaluate()
    return evaluation


def _xywh(boxes: Any) -> list[list[float]]:
    """Corners `(K, 4)` to COCO's x, y, width, height, in double precision."""
    corners = boxes.double()
    sized = corners.clone()
    sized[:, 2:] -= corners[:, :2]
    rows: list[list[float]] = sized.tolist()
    return rows
