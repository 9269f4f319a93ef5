import numpy as np
import pytest
import torch

from modelward.adversarial import Detections, Matches, Target
from modelward.adversarial.intervals import ImageBootstrap
from modelward.core.errors import DataError

NOTHING = Target(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))
UNSEEN = Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))


def target(*boxes_and_labels):
    return Target(
        torch.tensor([b for b, _ in boxes_and_labels], dtype=torch.float32),
        torch.tensor([k for _, k in boxes_and_labels]),
    )


def seen(*rows):
    return Detections(
        torch.tensor([b for b, _, _ in rows], dtype=torch.float32),
        torch.tensor([s for _, s, _ in rows]),
        torch.tensor([k for _, _, k in rows]),
    )


def scene(rng):
    """An imperfect detector at work: misses, moved boxes, wrong classes and ghosts."""
    k = rng.integers(1, 5)
    corner = rng.uniform(0, 60, (k, 2))
    boxes = np.hstack([corner, corner + rng.uniform(12, 35, (k, 2))])
    labels = rng.integers(0, 3, k)
    hit = rng.random(k) < 0.85
    m, g = int(hit.sum()), int(rng.poisson(1.0))
    ghosts = rng.uniform(0, 60, (g, 2))
    found = np.vstack([boxes[hit] + rng.normal(0, 2, (m, 4)), np.hstack([ghosts, ghosts + 20])])
    named = np.where(rng.random(m) < 0.9, labels[hit], rng.integers(0, 3, m))
    scores = np.clip(np.r_[rng.normal(0.7, 0.2, m), rng.normal(0.35, 0.2, g)], 0.01, 1)
    order = np.argsort(-scores)
    return (
        Detections(
            torch.tensor(found[order]).float(),
            torch.tensor(scores[order]).float(),
            torch.tensor(np.r_[named, rng.integers(0, 3, g)][order]),
        ),
        Target(torch.tensor(boxes).float(), torch.tensor(labels)),
    )


def matches_of(scenes):
    return Matches([s[0] for s in scenes], [s[1] for s in scenes], classes="abc")


def overlap(a, b):
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    if wide <= 0 or high <= 0:
        return 0.0
    shared = wide * high
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return shared / (area - shared)


def slow_ap(scenes, label, threshold):
    """COCO's AP of one class at one threshold, written out from its definition."""
    hits, objects = [], 0
    for found, truth in scenes:
        boxes = truth.boxes.double().numpy()[truth.labels.numpy() == label]
        objects += len(boxes)
        free = set(range(len(boxes)))
        for box, score, kind in zip(
            found.boxes.double().numpy(), found.scores.tolist(), found.labels.tolist(), strict=True
        ):
            if kind != label:
                continue
            best = max(free, key=lambda j: overlap(box, boxes[j]), default=None)
            good = best is not None and overlap(box, boxes[best]) >= threshold
            if good:
                free.remove(best)
            hits.append((score, good))
    hits.sort(key=lambda h: -h[0])
    right = np.cumsum([good for _, good in hits])
    recall = right / objects
    precision = right / np.arange(1, len(hits) + 1)
    highest = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
    return float(np.mean([highest[i] if i < len(highest) else 0.0 for i in at]))


@pytest.mark.parametrize("seed", range(4))
def test_it_is_cocos_ap_as_written_out_from_the_definition(seed):
    rng = np.random.default_rng(seed)
    scenes = [scene(rng) for _ in range(12)]
    score = matches_of(scenes).score()
    by_class = {
        name: np.mean([slow_ap(scenes, k, t) for t in np.linspace(0.5, 0.95, 10)])
        for k, name in enumerate("abc")
    }
    assert score.per_class == pytest.approx(by_class, abs=1e-9)
    assert score.ap == pytest.approx(np.mean(list(by_class.values())), abs=1e-9)
    assert score.ap50 == pytest.approx(np.mean([slow_ap(scenes, k, 0.5) for k in range(3)]))
    assert score.ap75 == pytest.approx(np.mean([slow_ap(scenes, k, 0.75) for k in range(3)]))


def test_a_case_by_hand():
    # Two objects; found in order: a hit, a ghost, a hit. Precision 1 up to recall .5, then 2/3:
    # 51 of the 101 recalls 0, .01, … 1 lie at or below .5, the other 50 above.
    truth = target(([10, 10, 30, 30], 0), ([60, 60, 90, 90], 0))
    found = seen(([10, 10, 30, 30], 0.9, 0), ([40, 5, 50, 15], 0.8, 0), ([60, 60, 90, 90], 0.7, 0))
    score = Matches([found], [truth], classes=["thing"]).score()
    assert score.ap == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert score.ap50 == score.ap75 == pytest.approx(score.ap)


def test_a_box_of_iou_068_counts_at_four_thresholds_of_ten():
    truth = target(([0, 0, 20, 20], 0))
    moved = seen(([2, 2, 22, 22], 0.9, 0))  # 18^2 / (2 * 20^2 - 18^2) = .6807
    score = Matches([moved], [truth], classes=["thing"]).score()
    assert (score.ap, score.ap50, score.ap75) == (pytest.approx(0.4), 1.0, 0.0)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (seen(([0, 0, 20, 20], 0.9, 0)), 1.0),
        (seen(([0, 0, 20, 20], 0.9, 1)), 0.0),  # the right box under a wrong name
        (UNSEEN, 0.0),
        # A second box on the same object after all is found does not cost recall or precision there.
        (seen(([0, 0, 20, 20], 0.9, 0), ([0, 0, 20, 20], 0.8, 0)), 1.0),
        (seen(([50, 50, 70, 70], 0.9, 0), ([0, 0, 20, 20], 0.8, 0)), 0.5),
    ],
)
def test_single_objects(found, expected):
    truth = target(([0, 0, 20, 20], 0))
    assert Matches([found], [truth], classes="ab").score().ap == pytest.approx(expected)


def test_a_class_without_objects_is_left_out_and_nothing_at_all_is_nan():
    truth, found = target(([0, 0, 20, 20], 1)), seen(([0, 0, 20, 20], 0.9, 1))
    score = Matches([found, found], [truth, NOTHING], classes="abc").score()
    assert score.per_class.keys() == {"b"}
    assert 0.5 <= score.ap <= 1  # the ghost on the empty image may cost precision
    empty = Matches([UNSEEN], [NOTHING], classes="ab").score()
    assert np.isnan(empty.ap)
    assert empty.per_class == {}


def test_accumulating_drawn_images_equals_matching_them():
    rng = np.random.default_rng(5)
    scenes = [scene(rng) for _ in range(15)]
    matches = matches_of(scenes)
    for _ in range(10):
        rows = rng.integers(15, size=15)
        assert matches.score(rows) == matches_of([scenes[r] for r in rows]).score()
    assert matches.score(range(15)) == matches.score()
    assert matches.score([3]) == matches_of([scenes[3]]).score()


def test_bad_input_is_named():
    truth, found = target(([0, 0, 20, 20], 0)), seen(([0, 0, 20, 20], 0.9, 2))
    with pytest.raises(DataError, match="of one length of at least 1, got 1 and 2"):
        Matches([UNSEEN], [truth, truth], classes="a")
    with pytest.raises(DataError, match="got 0 and 0"):
        Matches([], [], classes="a")
    with pytest.raises(DataError, match=r"labels below 2.*got the detection label 2"):
        Matches([found], [truth], classes="ab")
    with pytest.raises(DataError, match="expected matches of 3 images, got 1"):
        ImageBootstrap(n=3).estimate(Matches([UNSEEN], [truth], classes="a"), "ap")


def test_the_drop_keeps_images_together():
    # Against itself nothing is lost, however the images are drawn.
    rng = np.random.default_rng(1)
    scenes = [scene(rng) for _ in range(12)]
    matches = matches_of(scenes)
    drop = ImageBootstrap(n=12, resamples=200).drop(matches, matches_of(scenes))
    assert (drop.value, drop.low, drop.high) == (0, 0, 0)


def test_the_same_seed_gives_the_same_interval():
    rng = np.random.default_rng(2)
    matches = matches_of([scene(rng) for _ in range(12)])
    one, two, three = (
        ImageBootstrap(n=12, resamples=150, seed=s).estimate(matches, "ap") for s in (1, 1, 2)
    )
    assert one == two != three


@pytest.mark.slow
def test_intervals_cover_what_they_say_they_cover():
    """Over 60 samples of 48 images from a known population.

    The bound for AP is what the documentation says (88 %, because AP of few images lies above that
    of many); the paired drop, where that shift is shared, does better. Each bound leaves three
    standard errors of 60 trials.
    """
    rng = np.random.default_rng(0)

    def attacked(pair):
        """The same image under an attack: a third of the finds is lost."""
        found, truth = pair
        keep = torch.from_numpy(rng.random(len(found)) < 2 / 3)
        return Detections(found.boxes[keep], found.scores[keep], found.labels[keep]), truth

    population = [scene(rng) for _ in range(4000)]
    ap = matches_of(population).score().ap
    drop = ap - matches_of([attacked(p) for p in population]).score().ap
    held = {"ap": 0, "drop": 0}
    for trial in range(60):
        sample = [scene(rng) for _ in range(48)]
        clean, hurt = matches_of(sample), matches_of([attacked(p) for p in sample])
        intervals = ImageBootstrap(n=48, resamples=120, seed=trial)
        held["ap"] += not intervals.estimate(clean, "ap").excludes(ap)
        held["drop"] += not intervals.drop(clean, hurt).excludes(drop)
    assert held["ap"] / 60 >= 0.75
    assert held["drop"] / 60 >= 0.82
