"""What became of each object, where the AP went, and how alike images look."""

import numpy as np
import pytest
import torch

from modelward.adversarial import Detections, Target
from modelward.adversarial.scoring import Outcomes, lost_to, match, ssim
from modelward.adversarial.scoring.outcomes import MISLABELLED, MISSED, MOVED, RIGHT, look
from modelward.core.errors import DataError

BOXES = torch.tensor([[0.0, 0, 20, 20], [40, 0, 60, 20], [0, 40, 20, 60], [40, 40, 60, 60]])
TRUTH = Target(BOXES, torch.tensor([0, 1, 2, 0]))


def seen(*rows):
    return Detections(
        torch.tensor([r[0] for r in rows], dtype=torch.float32).reshape(-1, 4),
        torch.tensor([r[1] for r in rows], dtype=torch.float32),
        torch.tensor([r[2] for r in rows], dtype=torch.int64),
    )


def test_every_object_has_one_fate():
    found = look(
        seen(
            ([1, 1, 21, 21], 0.9, 0),  # right
            ([40, 0, 60, 20], 0.8, 2),  # the right place, another class
            ([12, 40, 32, 60], 0.7, 2),  # beside: IoU .25
            ([70, 70, 80, 80], 0.6, 1),  # a ghost
            ([2, 2, 22, 22], 0.55, 0),  # a double of the first
            ([40, 40, 60, 60], 0.4, 0),  # right, but not sure enough
        ),
        TRUTH,
    )
    assert found.fate.tolist() == [RIGHT, MISLABELLED, MOVED, MISSED]
    assert found.score.tolist() == pytest.approx([0.9, 0, 0, 0])
    assert found.ghosts == 1


def test_an_object_is_taken_by_the_better_detection():
    truth = Target(BOXES[:1], TRUTH.labels[:1])
    found = look(seen(([0, 0, 20, 20], 0.9, 1), ([0, 0, 20, 20], 0.6, 0)), truth)
    assert found.fate.tolist() == [RIGHT]
    assert found.ghosts == 1  # of another class: no double


def test_rates_are_of_what_was_right_before():
    all_right = seen(
        *((box.tolist(), 0.9, int(k)) for box, k in zip(BOXES, TRUTH.labels, strict=True))
    )
    half = seen((BOXES[0].tolist(), 0.6, 0), (BOXES[1].tolist(), 0.9, 0))
    nothing = seen()
    rates = Outcomes.of([all_right, nothing], [half, all_right], [TRUTH, TRUTH]).rates()
    assert rates["success_rate"].value == 1.0
    assert rates["disappearance_rate"].value == 0.5
    assert rates["mislabelling_rate"].value == 0.25
    assert rates["shift_rate"].value == 0.0
    assert rates["confidence_drop"].value == pytest.approx((0.3 + 3 * 0.9) / 4)
    assert rates["ghosts_per_image"].value == 0.0
    assert "success_rate" not in Outcomes.of([nothing], [half], [TRUTH]).rates()
    with pytest.raises(DataError, match="got 1, 2 and 1"):
        Outcomes.of([nothing], [nothing, nothing], [TRUTH])


def test_intervals_of_rates_hold_the_truth():
    """95 % intervals of a rate over images, where objects of an image share their fate in part."""
    rng = np.random.default_rng(0)
    truth, runs, held = 0.3, 120, 0
    right = seen(*((b.tolist(), 0.9, int(k)) for b, k in zip(BOXES, TRUTH.labels, strict=True)))
    for run in range(runs):
        attacked = []
        for _ in range(60):
            p = rng.beta(3, 7)  # mean .3, differs from image to image
            keep = rng.random(4) >= p
            attacked.append(Detections(right.boxes[keep], right.scores[keep], right.labels[keep]))
        rate = Outcomes.of([right] * 60, attacked, [TRUTH] * 60).rates(resamples=300, seed=run)
        found = rate["disappearance_rate"]
        held += found.low <= truth <= found.high
    assert held / runs >= 0.95 - 3 * (0.95 * 0.05 / runs) ** 0.5


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        ([([0, 0, 20, 20], 0.9, 1)], "mislabelled"),
        ([([12, 0, 32, 20], 0.9, 0)], "moved"),
        ([([70, 70, 90, 90], 0.95, 0), ([0, 0, 20, 20], 0.9, 0)], "ghosts"),
    ],
)
def test_mending_the_one_error_brings_all_back(found, kind):
    truth = Target(BOXES[:1], TRUTH.labels[:1])
    gains = lost_to([seen(*found)], [truth], classes="abc")
    assert gains[kind] == max(gains.values())
    assert gains[kind] == pytest.approx(1.0 if kind != "ghosts" else 0.5)
    others = {name: gain for name, gain in gains.items() if name not in {kind, "missed"}}
    assert set(others.values()) <= {0.0}


def test_the_parts_add_up_to_what_is_lacking():
    rng = np.random.default_rng(0)
    found, truths = [], []
    for _ in range(12):
        kept = [(b + rng.normal(0, 6, 4)).tolist() for b in BOXES.numpy() if rng.random() < 0.8]
        kept += [[60.0, 60.0, 80.0, 85.0]] * int(rng.integers(2))
        boxes = [[min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)] for x1, y1, x2, y2 in kept]
        rows = [(box, float(rng.uniform(0.1, 1)), int(rng.integers(3))) for box in boxes]
        found.append(seen(*sorted(rows, key=lambda row: -row[1])))
        truths.append(TRUTH)
    parts = lost_to(found, truths, classes="abc")
    ap = match(found, truths, classes="abc").score().ap
    assert sum(parts.values()) == pytest.approx(1 - ap)
    assert min(parts["mislabelled"], parts["moved"], parts["ghosts"]) > 0


def test_missed_objects_are_told():
    gains = lost_to([seen((BOXES[0].tolist(), 0.9, 0))], [TRUTH], classes="abc")
    assert gains["missed"] > 0.6
    assert gains["mislabelled"] == gains["moved"] == gains["ghosts"] == 0
    assert lost_to([seen()], [TRUTH], classes="abc")["missed"] == 1.0


def test_similarity_is_that_of_the_formula():
    rng = np.random.default_rng(0)
    a = rng.uniform(0, 1, (16, 18))
    b = np.clip(a + rng.normal(0, 0.1, a.shape), 0, 1)
    line = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    window = np.outer(line, line) / line.sum() ** 2
    values = []
    for i in range(6):
        for j in range(8):
            x, y = a[i : i + 11, j : j + 11], b[i : i + 11, j : j + 11]
            mx, my = (window * x).sum(), (window * y).sum()
            vx, vy = (window * (x - mx) ** 2).sum(), (window * (y - my) ** 2).sum()
            vxy = (window * (x - mx) * (y - my)).sum()
            values.append(
                (2 * mx * my + 1e-4)
                * (2 * vxy + 9e-4)
                / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))
            )
    images = [torch.from_numpy(v).expand(1, 3, -1, -1) for v in (a, b)]
    assert float(ssim(*images)) == pytest.approx(np.mean(values), abs=1e-9)
    with pytest.raises(DataError, match="at least 11 pixels"):
        ssim(images[0][..., :8, :], images[1][..., :8, :])
