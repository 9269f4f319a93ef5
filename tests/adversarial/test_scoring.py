import numpy as np
import pytest
import torch

from modelward.adversarial import Detections, Target, match
from modelward.adversarial.scoring import ImageBootstrap
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
    return match([s[0] for s in scenes], [s[1] for s in scenes], classes="abc")


def test_a_case_by_hand():
    # Two objects; found in order: a hit, a ghost, a hit. Precision 1 up to recall .5, then 2/3:
    # 51 of the 101 recalls 0, .01, … 1 lie at or below .5, the other 50 above.
    truth = target(([10, 10, 30, 30], 0), ([60, 60, 90, 90], 0))
    found = seen(([10, 10, 30, 30], 0.9, 0), ([40, 5, 50, 15], 0.8, 0), ([60, 60, 90, 90], 0.7, 0))
    score = match([found], [truth], classes=["thing"]).score()
    assert score.ap == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert score.ap50 == score.ap75 == pytest.approx(score.ap)


def test_a_box_of_iou_068_counts_at_four_thresholds_of_ten():
    truth = target(([0, 0, 20, 20], 0))
    moved = seen(([2, 2, 22, 22], 0.9, 0))  # 18^2 / (2 * 20^2 - 18^2) = .6807
    score = match([moved], [truth], classes=["thing"]).score()
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
    assert match([found], [truth], classes="ab").score().ap == pytest.approx(expected)


def test_a_class_without_objects_is_left_out_and_nothing_at_all_is_nan():
    truth, found = target(([0, 0, 20, 20], 1)), seen(([0, 0, 20, 20], 0.9, 1))
    score = match([found, found], [truth, NOTHING], classes="abc").score()
    assert score.per_class.keys() == {1}
    assert 0.5 <= score.ap <= 1  # the ghost on the empty image may cost precision
    empty = match([UNSEEN], [NOTHING], classes="ab").score()
    assert np.isnan(empty.ap)
    assert empty.per_class == {}


def test_bad_input_is_named():
    truth, found = target(([0, 0, 20, 20], 0)), seen(([0, 0, 20, 20], 0.9, 2))
    with pytest.raises(DataError, match="of one length of at least 1, got 2 and 1"):
        match([UNSEEN], [truth, truth], classes="a")
    with pytest.raises(DataError, match="got 0 and 0"):
        match([], [], classes="a")
    with pytest.raises(DataError, match=r"labels below 2.*got 2"):
        match([found], [truth], classes="ab")
    one, two = (match([UNSEEN] * n, [truth] * n, classes="a") for n in (1, 2))
    with pytest.raises(DataError, match="expected matches of 1 images, got 2"):
        ImageBootstrap().drop(one, two)


def test_the_drop_keeps_images_together():
    # Against itself nothing is lost, however the images are drawn.
    rng = np.random.default_rng(1)
    scenes = [scene(rng) for _ in range(12)]
    matches = matches_of(scenes)
    drop = ImageBootstrap(resamples=200).drop(matches, matches_of(scenes))
    assert (drop.value, drop.low, drop.high) == (0, 0, 0)


def test_the_same_seed_gives_the_same_interval():
    rng = np.random.default_rng(2)
    matches = matches_of([scene(rng) for _ in range(12)])
    one, two, three = (
        ImageBootstrap(resamples=150, seed=s).estimate(matches, "ap") for s in (1, 1, 2)
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
        intervals = ImageBootstrap(resamples=120, seed=trial)
        held["ap"] += not intervals.estimate(clean, "ap").excludes(ap)
        held["drop"] += not intervals.drop(clean, hurt).excludes(drop)
    assert held["ap"] / 60 >= 0.75
    assert held["drop"] / 60 >= 0.82
