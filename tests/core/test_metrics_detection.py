"""COCO's scores: against hand-computed values and against the definition written out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelward.core.errors import DataError, MissingPackageError
from modelward.core.metrics import (
    DetectionMatches,
    Estimate,
    coco_average_precision,
    metric,
    metrics,
)
from modelward.core.testing import check_result

Image = dict[str, Any]
THRESHOLDS = np.linspace(0.5, 0.95, 10)


def image(
    *boxes: tuple[float, float, float, float], labels: Any = None, scores: Any = None
) -> Image:
    found: Image = {"boxes": list(boxes), "labels": [0] * len(boxes) if labels is None else labels}
    return found if scores is None else found | {"scores": scores}


def overlap(a: Any, b: Any) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def by_definition(truths: list[Image], found: list[Image]) -> dict[str, float]:
    """Greedy matching in order of score, precision at 101 recalls as the best at or beyond each."""
    labels = sorted({label for t in truths for label in t["labels"]})
    table = np.zeros((len(labels), len(THRESHOLDS), 2))
    for k, label in enumerate(labels):
        real = [
            [b for b, c in zip(t["boxes"], t["labels"], strict=True) if c == label] for t in truths
        ]
        ranked = sorted(
            (
                (-score, i, box)
                for i, f in enumerate(found)
                for box, score, c in zip(f["boxes"], f["scores"], f["labels"], strict=True)
                if c == label
            ),
            key=lambda each: each[0],
        )
        for t, threshold in enumerate(THRESHOLDS):
            taken: set[tuple[int, int]] = set()
            hits = []
            for _, i, box in ranked:
                options = [
                    (overlap(box, b), j) for j, b in enumerate(real[i]) if (i, j) not in taken
                ]
                best, j = max(options, default=(0.0, -1))
                hits.append(best >= threshold)
                if hits[-1]:
                    taken.add((i, j))
            total = sum(map(len, real))
            right = np.cumsum(hits) if hits else np.array([])
            recall = right / total
            precision = right / np.arange(1, len(hits) + 1)
            at = [max(precision[recall >= r], default=0.0) for r in np.linspace(0, 1, 101)]
            table[k, t] = np.mean(at), recall[-1] if hits else 0.0
    return {
        "ap": table[:, :, 0].mean(),
        "ap50": table[:, 0, 0].mean(),
        "ap75": table[:, 5, 0].mean(),
        "ar": table[:, :, 1].mean(),
    }


def scene(seed: int, *, images: int = 6, classes: int = 3) -> tuple[list[Image], list[Image]]:
    rng = np.random.default_rng(seed)
    truths, found = [], []
    for _ in range(images):
        k = rng.integers(0, 4)
        corner = rng.uniform(0, 80, size=(k, 2))
        boxes = np.concatenate([corner, corner + rng.uniform(8, 40, size=(k, 2))], axis=1)
        labels = rng.integers(classes, size=k)
        truths.append({"boxes": boxes, "labels": labels})
        kept = rng.random(k) < 0.8
        extra = rng.integers(0, 3)
        corner = rng.uniform(0, 80, size=(extra, 2))
        false = np.concatenate([corner, corner + rng.uniform(8, 40, size=(extra, 2))], axis=1)
        near = boxes[kept] + rng.normal(scale=1.5, size=(kept.sum(), 4))
        found.append(
            {
                "boxes": np.concatenate([near, false]),
                "labels": np.concatenate([labels[kept], rng.integers(classes, size=extra)]),
                "scores": rng.random(kept.sum() + extra),
            }
        )
    return truths, found


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_against_the_definition(seed: int) -> None:
    truths, found = scene(seed)
    scores = coco_average_precision(truths, found)
    if not any(len(t["labels"]) for t in truths):
        assert math.isnan(scores.ap)
        return
    expected = by_definition(truths, found)
    for figure, value in expected.items():
        assert getattr(scores, figure) == pytest.approx(value, abs=1e-9)
        assert metric(figure)(truths, found) == getattr(scores, figure)
    assert np.mean(list(scores.per_class.values())) == pytest.approx(scores.ap)


def test_by_hand() -> None:
    # Overlap .8 / 1.2 = .6667 passes 4 of 10 thresholds; one of two objects is found: recall .5,
    # so precision is 1 at 51 of 101 recalls.
    truth = image((0, 0, 10, 10), (50, 50, 60, 60))
    found = image((2, 0, 12, 10), scores=[0.9])
    scores = coco_average_precision([truth], [found])
    assert scores.ap50 == pytest.approx(51 / 101)
    assert scores.ap75 == 0.0
    assert scores.ap == pytest.approx(0.4 * 51 / 101)
    assert scores.ar == pytest.approx(0.4 * 0.5)
    assert (scores.per_class, scores.n) == ({0: pytest.approx(scores.ap)}, 1)
    check_result(scores)
    assert scores.to_dict()["ap50"] == scores.ap50


def test_classes_count_alike_and_those_without_objects_not_at_all() -> None:
    truth = image((0, 0, 10, 10), (20, 20, 30, 30), (50, 50, 60, 60), labels=[2, 2, 7])
    found = image(
        (0, 0, 10, 10), (20, 20, 30, 30), (0, 0, 9, 9), labels=[2, 2, 5], scores=[0.9, 0.8, 0.99]
    )
    scores = coco_average_precision([truth], [found])
    assert scores.per_class == {2: pytest.approx(1.0), 7: 0.0}
    assert scores.ap == pytest.approx(0.5)


def test_nothing_there_and_nothing_found() -> None:
    empty, nothing = image(), image(scores=[])
    scores = coco_average_precision([empty], [nothing])
    assert math.isnan(scores.ap)
    assert scores.to_dict()["ap"] is None
    check_result(scores)
    assert math.isnan(coco_average_precision([empty], [image((0, 0, 1, 1), scores=[1.0])]).ap)
    scores = coco_average_precision([image((0, 0, 10, 10))], [nothing])
    assert (scores.ap, scores.ar, scores.per_class) == (0.0, 0.0, {0: 0.0})


def test_only_a_hundred_detections_count() -> None:
    wrong = [(50.0, 50.0, 60.0, 60.0)] * 100
    truth = image((0, 0, 10, 10))
    found = image(*wrong, (0, 0, 10, 10), scores=[0.9] * 100 + [0.5])
    assert coco_average_precision([truth], [found]).ar == 0.0
    found["scores"][-1] = 0.95
    assert coco_average_precision([truth], [found]).ar == 1.0


def test_drawn_images_are_scored_as_if_they_were_matched_anew() -> None:
    truths, found = scene(3, images=12)
    for spec in metrics(task="detection"):
        statistic = spec._statistic(truths, found, None, {})
        for rows in np.random.default_rng(0).integers(12, size=(20, 12)):
            anew = spec([truths[i] for i in rows], [found[i] for i in rows])
            assert statistic(rows) == pytest.approx(anew, abs=1e-12)


def test_any_rows_are_scored_in_every_figure() -> None:
    truths, found = scene(6, images=15)
    matches = DetectionMatches(truths, found)
    assert matches.n == 15
    assert matches.labels == [0, 1, 2]
    assert matches.score() == matches.score(range(15)) == coco_average_precision(truths, found)
    for m in (1, 4, 15, 40):
        rows = np.random.default_rng(m).integers(15, size=m)
        anew = coco_average_precision([truths[i] for i in rows], [found[i] for i in rows])
        assert str(matches.score(rows)) == str(anew)  # as text NaN equals NaN
    without = [i for i, truth in enumerate(truths) if not len(truth["labels"])][:1]
    assert without
    assert math.isnan(matches.score(without).ap)
    assert matches.score(without).n == 1
    for rows in ([0, 15], [-1, 3]):
        with pytest.raises(DataError, match=f"rows from 0 to 14, got {rows[0]} to {rows[1]}"):
            matches.score(rows)


def test_estimates_are_over_images() -> None:
    truths, found = scene(5, images=30)
    estimate = metric("ap50").estimate(truths, found, resamples=200)
    assert estimate.n == 30
    assert estimate.value == coco_average_precision(truths, found).ap50
    assert estimate.low is not None
    assert estimate.high is not None
    assert 0 <= estimate.low < estimate.value < estimate.high <= 1


def test_perfection_on_every_image_claims_no_interval() -> None:
    truths = [image((0, 0, 10, 10))] * 5
    found = [image((0, 0, 10, 10), scores=[0.9])] * 5
    perfect = metric("ap").estimate(truths, found, resamples=100)
    assert (perfect.low, perfect.high, perfect.n) == (None, None, 5)
    assert perfect.value == pytest.approx(1.0)
    assert isinstance(perfect, Estimate)


def test_tensors_as_detectors_give_them() -> None:
    torch = pytest.importorskip("torch")

    truths, found = scene(4)
    as_tensors = [
        [{k: torch.as_tensor(v) for k, v in each.items()} for each in s] for s in (truths, found)
    ]
    assert coco_average_precision(*as_tensors) == coco_average_precision(truths, found)


def test_a_box_without_area_matches_nothing() -> None:
    truth, found = image((0, 0, 10, 10)), image((5, 5, 5, 5), (0, 0, 10, 10), scores=[0.9, 0.8])
    assert coco_average_precision([truth], [found]).ap == pytest.approx(0.5)


GOOD = image((0, 0, 1, 1), scores=[0.5])


@pytest.mark.parametrize(
    ("truths", "found", "message"),
    [
        ([], [], "of one length of at least 1, got 0 and 0"),
        ([GOOD], [GOOD, GOOD], "got 1 and 2"),
        (
            [GOOD],
            [image((0, 0, 1, 1))],
            "with boxes, labels, scores for detection 0, got ['boxes', ",
        ),
        ([GOOD], [[[0, 0, 1, 1]]], "for detection 0, got list"),
        (
            [image((1, 1, 1, 2))],
            [GOOD],
            "expected finite boxes with x1 < x2 and y1 < y2 in truth 0",
        ),
        ([image((5, 5, 2, 2))], [GOOD], "Hint: COCO files hold x, y, width, height"),
        (
            [GOOD],
            [image((0, 0, math.nan, 1), scores=[1.0])],
            "in detection 0, got [0.0, 0.0, nan, 1.0]",
        ),
        (
            [GOOD],
            [image((0, 0, 1, 1), scores=[math.nan])],
            "finite scores in detection 0, got [nan]",
        ),
        ([GOOD], [image((0, 0, 1, 1), scores=[0.5, 0.6])], "scores (2,)"),
        ([image((0, 0, 1, 1), labels=[0, 1])], [GOOD], "with K labels and scores in truth 0"),
        ([{"boxes": [0, 0, 1, 1], "labels": [0]}], [GOOD], "got boxes (4,)"),
        ([image((0, 0, 1, 1), labels=[-1])], [GOOD], "labels of int >= 0 in truth 0, got [-1]"),
        ([image((0, 0, 1, 1), labels=[0.5])], [GOOD], "labels of int >= 0 in truth 0, got [0.5]"),
    ],
)
def test_bad_input(truths: Any, found: Any, message: str) -> None:
    for call in (coco_average_precision, metric("ap"), metric("ar").estimate):
        with pytest.raises(DataError) as caught:
            call(truths, found)
        assert message in str(caught.value)


def test_weights_have_no_meaning_here() -> None:
    with pytest.raises(DataError, match="expected no weights for 'ap'"):
        metric("ap").estimate([GOOD], [GOOD], weights=[1.0])


def test_the_scorers_absence_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "faster_coco_eval", None)
    with pytest.raises(MissingPackageError, match="scoring detections needs the package"):
        coco_average_precision([GOOD], [GOOD])


def test_scores_by_size_are_those_of_each_size_alone():
    rng = np.random.default_rng(3)
    truths, found = [], []
    for _ in range(12):
        side = np.array([10.0, 20.0, 60.0, 150.0])
        corner = rng.uniform(0, 300, (4, 2))
        boxes = np.hstack([corner, corner + side[:, None]])
        labels = np.array([0, 1, 0, 1])
        truths.append({"boxes": boxes, "labels": labels})
        near = boxes + rng.normal(0, 2, (4, 4))
        found.append({"boxes": near, "labels": labels, "scores": rng.uniform(0.1, 1, 4)})
    whole = DetectionMatches(truths, found, sizes=True).score()
    plain = DetectionMatches(truths, found).score()
    assert (whole.ap, whole.ap50, whole.ar) == (plain.ap, plain.ap50, plain.ar)
    assert np.isnan(plain.small)
    for size, rows in (("small", [0, 1]), ("medium", [2]), ("large", [3])):
        part = DetectionMatches(
            [{k: v[rows] for k, v in t.items()} for t in truths],
            [{k: v[rows] for k, v in f.items()} for f in found],
        ).score()
        assert getattr(whole, size) == pytest.approx(part.ap, abs=1e-12)
