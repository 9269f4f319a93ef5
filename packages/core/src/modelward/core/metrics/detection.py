"""The metrics of object detectors: COCO's average precision and recall, by faster-coco-eval."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError
from modelward.core.metrics.inputs import Floats
from modelward.core.metrics.specification import MetricSpec, Rows, Statistic
from modelward.core.optional import require

Image = Mapping[str, Any]
"""The boxes of one image: `boxes` `(K, 4)` as x1, y1, x2, y2, `labels` `(K,)`, `scores` `(K,)`."""

_LIMIT = 100  # detections that count for an image and class, as COCO has it
_AREAS = {
    "all": [0.0, 1e10],
    "small": [0.0, 32.0**2],
    "medium": [32.0**2, 96.0**2],
    "large": [96.0**2, 1e10],
}


@dataclass(frozen=True, slots=True)
class AveragePrecision:
    """COCO's scores, each in [0, 1], higher is better; NaN where there is no true box at all.

    `ap` is the mean over the IoU thresholds .50, .55, … .95 and the classes that have true boxes,
    `ap50` and `ap75` are those of one threshold, `ar` the mean recall over the thresholds at 100
    detections an image and class, `per_class` is `ap` by label, `n` the number of images. `small`,
    `medium` and `large` are `ap` of objects of up to 32 x 32 pixels, up to 96 x 96, and above; NaN where
    there are none, or they were not asked for.
    """

    ap: float
    ap50: float
    ap75: float
    ar: float
    per_class: dict[int, float]
    n: int
    small: float = math.nan
    medium: float = math.nan
    large: float = math.nan

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as a plain dictionary; None where there is no number."""
        figures = {k: None if v != v else v for k, v in asdict(self).items()}  # noqa: PLR0124 - NaN
        return figures | {"per_class": {str(k): v for k, v in self.per_class.items()}}

    def to_json(self) -> str:
        """Write the fields as JSON."""
        return json.dumps(self.to_dict())


def coco_average_precision(
    truths: Sequence[Image], detections: Sequence[Image]
) -> AveragePrecision:
    """Score the detections of a set of images by COCO's rules (areas `all`, no crowds).

    Both hold one mapping per image, in one order: `boxes` `(K, 4)` as x1, y1, x2, y2 in pixels,
    `labels` `(K,)` of int >= 0, and for detections `scores` `(K,)`. An image without boxes has K = 0.

    Raises `DataError` for other shapes, boxes without area and numbers that are not finite, and
    `MissingPackageError` without faster-coco-eval.

    >>> truth = {"boxes": [[10, 10, 30, 30]], "labels": [0]}
    >>> found = {"boxes": [[12, 12, 32, 32]], "labels": [0], "scores": [0.9]}
    >>> scores = coco_average_precision([truth], [found])
    >>> scores.ap50, scores.ap75, scores.ap
    (1.0, 0.0, 0.4)

    Source: Lin et al., Microsoft COCO, arXiv 1405.0312; https://cocodataset.org/#detection-eval.
    """
    return DetectionMatches(truths, detections).score()


class DetectionMatches:
    """Detections matched with the truth once, from which the scores follow for any images drawn.

    `truths` and `detections` are those of `coco_average_precision`, whose errors it raises. With
    `sizes`, small, medium and large objects are matched for themselves too. `n` is the number of images,
    `labels` those met, in order.

    Matching looks at one image at a time and accumulation at all of them: a bootstrap over images
    need only accumulate anew, and an image drawn twice counts as two.

    >>> truth = {"boxes": [[10, 10, 30, 30]], "labels": [0]}
    >>> hit = {"boxes": [[12, 12, 32, 32]], "labels": [0], "scores": [0.9]}
    >>> miss = {"boxes": [], "labels": [], "scores": []}
    >>> matches = DetectionMatches([truth, truth], [hit, miss])
    >>> matches.score([0, 0]).ap, matches.score([1]).ap
    (0.4, 0.0)
    """

    def __init__(
        self, truths: Sequence[Image], detections: Sequence[Image], *, sizes: bool = False
    ) -> None:
        if len(truths) != len(detections) or not len(truths):
            raise DataError(
                "expected truths and detections of one length of at least 1, "
                f"got {len(truths)} and {len(detections)}",
                hint="an image without boxes is a mapping with boxes of shape (0, 4).",
            )
        real = [_checked(image, f"truth {i}", scored=False) for i, image in enumerate(truths)]
        found = [
            _checked(image, f"detection {i}", scored=True) for i, image in enumerate(detections)
        ]
        self.n = len(real)
        self.labels = sorted({int(label) for _, labels, _ in (*real, *found) for label in labels})
        self._areas = list(_AREAS) if sizes else ["all"]
        self._evaluation = _evaluate(real, found, self.labels, self._areas) if self.labels else None
        self._cells = list(self._evaluation._evalImgs_cpp) if self._evaluation else []

    def score(self, rows: Rows | Sequence[int] | None = None) -> AveragePrecision:
        """Score the images `rows` `(m,)`, indices with repetition, or all (then by size too).

        Raises `DataError` for an index outside 0 to n - 1.
        """
        drawn = np.arange(self.n) if rows is None else np.asarray(rows, dtype=np.int64)
        if drawn.size and not 0 <= drawn.min() <= drawn.max() < self.n:
            raise DataError(
                f"expected rows from 0 to {self.n - 1}, got {drawn.min()} to {drawn.max()}"
            )
        precision, recall = self._accumulate(drawn)
        present = recall[0] > -1  # COCO marks a class without true boxes by -1
        if not present.any():
            return AveragePrecision(math.nan, math.nan, math.nan, math.nan, {}, len(drawn))
        by_threshold = precision[:, :, present].mean(axis=(1, 2))
        by_class = precision[:, :, present].mean(axis=(0, 1)).tolist()
        found = [label for label, there in zip(self.labels, present, strict=True) if there]
        sizes = {area: self._of_size(drawn, area) for area in self._areas[1:] if rows is None}
        return AveragePrecision(
            ap=float(by_threshold.mean()),
            ap50=float(by_threshold[0]),
            ap75=float(by_threshold[5]),
            ar=float(recall[:, present].mean()),
            per_class=dict(zip(found, by_class, strict=True)),
            n=len(drawn),
            **sizes,
        )

    def _of_size(self, rows: Rows, area: str) -> float:
        precision, recall = self._accumulate(rows, area)
        present = recall[0] > -1
        return float(precision[:, :, present].mean()) if present.any() else math.nan

    def _accumulate(self, rows: Rows, area: str = "all") -> tuple[Floats, Floats]:
        """Interpolated precision `(10 thresholds, 101 recalls, C)` and recall `(10, C)`."""
        if self._evaluation is None:
            return np.empty((10, 101, 0)), np.empty((10, 0))
        from faster_coco_eval import faster_eval_api_cpp

        count = len(self.labels)
        # One cell for each class, area and image, images running fastest.
        at, areas = self._areas.index(area), len(self._areas)
        cells = [self._cells[(c * areas + at) * self.n + r] for c in range(count) for r in rows]
        parameters = self._evaluation._paramsEval
        parameters.imgIds = list(range(len(rows)))
        result = faster_eval_api_cpp.COCOevalAccumulate(parameters, cells)
        precision, recall = (np.asarray(result[key]) for key in ("precision", "recall"))
        return precision.reshape(10, 101, count), recall.reshape(10, count)


_Boxes = tuple[Floats, npt.NDArray[np.int64], Floats]


def _evaluate(
    real: Sequence[_Boxes], found: Sequence[_Boxes], labels: Sequence[int], areas: Sequence[str]
) -> Any:
    require(
        "faster_coco_eval", feature="scoring detections", install="'./packages/core[detection]'"
    )
    from faster_coco_eval import COCO
    from faster_coco_eval.core.faster_eval_api import COCOeval_faster

    truth = COCO(
        {
            "images": [{"id": i} for i in range(len(real))],
            "categories": [{"id": label, "name": str(label)} for label in labels],
            "annotations": [
                # Numbered from 1: COCO reads 0 as 'not matched'.
                {"id": k, **each, "area": each["bbox"][2] * each["bbox"][3], "iscrowd": 0}
                for k, each in enumerate(_records(real), start=1)
            ],
        }
    )
    evaluation = COCOeval_faster(truth, truth.loadRes(_records(found)), "bbox", separate_eval=True)
    evaluation.params.areaRng = [_AREAS[area] for area in areas]
    evaluation.params.areaRngLbl = list(areas)
    evaluation.params.maxDets = [_LIMIT]
    evaluation.evaluate()
    # Accumulated one area at a time.
    evaluation._paramsEval.areaRng = [_AREAS["all"]]
    return evaluation


def _records(images: Sequence[_Boxes]) -> list[dict[str, Any]]:
    return [
        {
            "image_id": i,
            "category_id": int(label),
            "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
            "score": score,
        }
        for i, (boxes, labels, scores) in enumerate(images)
        for box, label, score in zip(boxes.tolist(), labels, scores.tolist(), strict=True)
    ]


def _checked(image: Image, which: str, *, scored: bool) -> _Boxes:
    names = ["boxes", "labels", "scores"] if scored else ["boxes", "labels"]
    if not isinstance(image, Mapping) or not set(names) <= set(image):
        got = sorted(image) if isinstance(image, Mapping) else type(image).__name__
        raise DataError(f"expected a mapping with {', '.join(names)} for {which}, got {got}")
    boxes = np.asarray(image["boxes"], dtype=np.float64)
    boxes = boxes.reshape(0, 4) if boxes.size == 0 else boxes
    labels = np.asarray(image["labels"])
    scores = np.asarray(image["scores"] if scored else np.ones(len(boxes)), dtype=np.float64)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or {labels.shape, scores.shape} != {(len(boxes),)}:
        raise DataError(
            f"expected boxes (K, 4) with K labels and scores in {which}, got boxes {boxes.shape}, "
            f"labels {labels.shape}, scores {scores.shape}"
        )
    if not np.isfinite(scores).all():
        raise DataError(f"expected finite scores in {which}, got {scores.tolist()}")
    if labels.size and (labels.dtype.kind not in "iu" or labels.min() < 0):
        raise DataError(f"expected labels of int >= 0 in {which}, got {labels.tolist()}")
    solid = np.isfinite(boxes).all(axis=1)
    if not scored:  # a detector may well give a box without area: it matches nothing
        solid &= (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    if not solid.all():
        row = int(np.argmin(solid))
        raise DataError(
            f"expected finite boxes with x1 < x2 and y1 < y2 in {which}, "
            f"got {boxes[row].tolist()} (box {row})",
            hint="COCO files hold x, y, width, height: convert them to corners.",
        )
    return boxes, labels.astype(np.int64), scores


def _function(figure: str) -> Callable[[Sequence[Image], Sequence[Image]], float]:
    def function(y_true: Sequence[Image], y_pred: Sequence[Image], *, weights: Any = None) -> float:
        if weights is not None:
            raise DataError(f"expected no weights for '{figure}', which counts every image once")
        return float(getattr(coco_average_precision(y_true, y_pred), figure))

    return function


def _prepare(figure: str) -> Callable[..., Statistic]:
    def prepare(y_true: Sequence[Image], y_pred: Sequence[Image], **_settings: Any) -> Statistic:
        matches = DetectionMatches(y_true, y_pred)

        def one(rows: Rows) -> float:
            return float(getattr(matches.score(rows), figure))

        return lambda rows: np.apply_along_axis(one, -1, rows)

    return prepare


def _spec(figure: str, description: str) -> MetricSpec:
    return MetricSpec(
        name=figure,
        function=_function(figure),
        higher_is_better=True,
        range=(0.0, 1.0),
        unit="ratio",
        task="detection",
        prediction="boxes",
        description=description,
        reference="Lin et al., Microsoft COCO: Common Objects in Context, arXiv 1405.0312; "
        "https://cocodataset.org/#detection-eval.",
        prepare=_prepare(figure),
    )


DETECTION = (
    _spec("ap", "Mean average precision over the IoU thresholds .50, .55, … .95 and the classes."),
    _spec("ap50", "Mean average precision over the classes at IoU .50."),
    _spec("ap75", "Mean average precision over the classes at IoU .75."),
    _spec("ar", "Mean recall over the IoU thresholds and classes, at 100 detections an image."),
)
