"""Verdicts on the strength of attacks: what each control says, and of which attack it is asked."""

import pytest
import torch

from modelward.adversarial import (
    FGSM,
    PGD,
    AveragePrecision,
    Detections,
    Noise,
    Shapes,
    Strength,
    Vanishing,
    WorstCase,
    check_detector,
    judge_share,
)
from modelward.adversarial.strength import controls, judge, varied
from modelward.core.errors import DataError, StateError

GOOD = {
    "noise": 0.6,
    "single step": 0.3,
    "restarts": 0.1,
    "twice the steps": 0.08,
    "huge eps": 0.0,
    "black box": 0.4,
}


def test_an_attack_that_no_control_beats_is_strong():
    checks = tuple(judge(0.7, 0.1, GOOD))
    assert [c.name for c in checks] == list(GOOD)
    verdict = Strength("net", "PGD", 8, checks)
    assert verdict.verdict == "strong"
    assert str(verdict) == "PGD on net is strong: 6 controls on 8 images held"


@pytest.mark.parametrize(
    ("control", "left", "words"),
    [
        ("noise", 0.1, "it found little"),
        ("single step", 0.02, "gradients may be masked"),
        ("restarts", 0.02, "one start is not enough"),
        ("twice the steps", 0.02, "it had not arrived"),
        ("huge eps", 0.2, "gradients are masked"),
        ("black box", 0.02, "gradients are masked"),
    ],
)
def test_each_control_can_call_an_attack_weak(control, left, words):
    verdict = Strength("net", "PGD", 8, tuple(judge(0.7, 0.1, GOOD | {control: left})))
    assert verdict.verdict == "weak"
    assert [c.name for c in verdict.checks if not c.passed] == [control]
    assert words in str(verdict)


def test_the_published_weak_case_is_called_weak_and_published_strong_ones_are_not():
    assert not judge_share(0.4095084983498349, 0.23793140814081398).passed
    for clean, left in ((0.422, 0.041), (0.337, 0.062), (0.295, 0.039), (0.491, 0.098)):
        assert judge_share(clean, left, eps=2 / 255).passed
    assert judge_share(0.4, 0.3, eps=1 / 255).passed  # too small to expect more
    assert judge_share(0.0, 0.0).passed
    alone = Strength("net", "PGD", 0, (judge_share(0.4, 0.05),))
    assert str(alone) == "PGD on net was not examined: no controls ran"
    assert Strength("net", "PGD", 0, (judge_share(0.4095, 0.2379),)).verdict == "weak"


def test_the_controls_are_the_attack_with_more_and_others_with_less():
    attack = PGD(eps=4 / 255, steps=5, objective=Vanishing())
    found = controls(attack)
    assert found["noise"].eps == found["single step"].eps == attack.eps
    assert found["single step"].objective == Vanishing()
    assert (found["restarts"].restarts, found["twice the steps"].steps) == (3, 10)
    assert (found["huge eps"].eps, found["huge eps"].step) == (0.5, pytest.approx(0.25))
    assert "black box" in found
    assert set(controls(FGSM())) == {"noise", "huge eps", "black box"}
    assert {a.norm for a in controls(PGD(norm="l2", eps=2.0)).values()} == {"l2"}


def test_varied_reaches_into_several_attacks():
    both = WorstCase(attacks=(PGD(), PGD(objective=AveragePrecision())))
    assert {a.eps for a in varied(both, eps=2 / 255).attacks} == {2 / 255}
    assert varied(PGD(steps=10), steps=20).step == PGD(steps=10).step


class Wrapped:
    """A detector with one thing wrong."""

    def __init__(self, detector, **wrong):
        self.name, self.classes, self.device = "odd", detector.classes, detector.device
        self.predict, self.loss, self.digest = detector.predict, detector.loss, detector.digest
        for name, value in wrong.items():
            setattr(self, name, value)


@pytest.fixture
def tried(detector):
    sample = Shapes(n=3, size=80, seed=7)[1]
    image = sample.image[None]
    (seen,) = detector.predict(image)

    def run(*attacks, **wrong):
        return check_detector(Wrapped(detector, **wrong), image, [sample.target], attacks)

    return run, seen, detector


def test_a_sound_detector_raises_no_doubt(tried):
    run, _, _ = tried
    assert run(PGD(), Noise()) == ()


def test_a_gradient_that_is_lost_flat_or_turned_is_found_before_the_attack(tried):
    run, _, detector = tried
    loss = detector.loss
    with pytest.raises(StateError, match="a constant"):
        run(PGD(), loss=lambda *a: loss(*a).detach())
    (flat,) = run(PGD(), loss=lambda images, *a: 0 * images.sum() + loss(images, *a).detach())
    assert "0 on every pixel" in flat

    class Turned(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, grad):
            return -grad

    (turned,) = run(PGD(), loss=lambda images, *a: loss(Turned.apply(images), *a))
    assert "does not rise along its gradient" in turned


def test_what_is_seen_must_be_boxes_on_the_image(tried):
    run, seen, _ = tried

    def sees(**parts):
        whole = {"boxes": seen.boxes, "scores": seen.scores, "labels": seen.labels} | parts
        return lambda images: [Detections(**whole)]

    (beside,) = run(Noise(), predict=sees(boxes=seen.boxes + 500))
    assert "lie beside the image" in beside
    with pytest.raises(DataError, match=r"scores in \[0, 1\]"):
        run(Noise(), predict=sees(scores=seen.scores * 9))
    with pytest.raises(DataError, match="finite boxes"):
        run(Noise(), predict=sees(boxes=seen.boxes * float("nan")))
    with pytest.raises(DataError, match="labels below 3"):
        run(Noise(), predict=sees(labels=seen.labels + 3))
    with pytest.raises(DataError, match="expected 1 detections"):
        run(Noise(), predict=lambda images: [])


def test_a_gradient_attack_on_what_only_predicts_is_refused(tried):
    _, _, detector = tried

    class Black:
        name, classes, device = "black", detector.classes, detector.device
        predict, digest = detector.predict, detector.digest

    sample = Shapes(n=1, size=80)[0]
    with pytest.raises(DataError, match="expected attacks without gradients for 'black'"):
        check_detector(Black(), sample.image[None], [sample.target], [PGD()])
    assert check_detector(Black(), sample.image[None], [sample.target], [Noise()]) == ()
