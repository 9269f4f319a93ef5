"""Defences under test: what they do, and whether an attack sees through them."""

import numpy as np
import pytest
import torch

from modelward.adversarial import (
    JPEG,
    PGD,
    BitDepth,
    Blur,
    Custom,
    Defence,
    Defended,
    RandomResize,
    Shapes,
    Target,
    Untargeted,
    assess_defence,
)
from modelward.adversarial.corruptions.digital import through_jpeg
from modelward.adversarial.defences.jpeg_gradient import approximate_jpeg
from modelward.core.errors import ConfigError, DataError

DEFENCES = [
    JPEG(quality=50),
    BitDepth(bits=3),
    Blur(sigma=1.0),
    Blur(kind="median"),
    RandomResize(),
    Custom(lambda images: (images * 7).round() / 7, name="seven"),
    Custom(lambda images: images * 0.5, name="half", differentiable_to_pixels=True),
]


def rng():
    return np.random.default_rng(3)


@pytest.mark.parametrize("defence", DEFENCES, ids=repr)
def test_its_differentiable_form_gives_the_same_images_and_a_gradient(defence, data):
    images = data[0].image[None].clone().requires_grad_()
    assert isinstance(defence, Defence)
    shown = defence.differentiable(images, rng())
    torch.testing.assert_close(shown.detach(), defence(images.detach(), rng()), atol=1e-6, rtol=0)
    (slope,) = torch.autograd.grad(shown.square().sum(), images)
    assert bool(slope.isfinite().all())
    assert float((slope != 0).float().mean()) > 0.3


def test_the_jpeg_that_has_a_gradient_is_near_the_real_one(data):
    picture = data[0].image
    for quality in (30, 75, 90):
        real = through_jpeg(picture, quality)
        ours = approximate_jpeg(picture[None], quality)[0]
        assert float((ours - real).abs().mean()) < 0.35 * float((picture - real).abs().mean())


def test_bits_and_blur_against_hand_computations():
    ramp = torch.linspace(0, 1, 3 * 16 * 16).view(1, 3, 16, 16)
    assert len(BitDepth(bits=2)(ramp, rng()).unique()) == 4
    dot = torch.zeros(1, 3, 9, 9)
    dot[..., 4, 4] = 1
    assert float(Blur(kind="median")(dot, rng()).abs().max()) == 0
    blurred = Blur(sigma=1.0)(dot, rng())[0, 0]
    assert float(blurred.sum()) == pytest.approx(1, abs=1e-5)
    assert float(blurred[4, 4] / blurred[4, 5]) == pytest.approx(np.exp(0.5), rel=1e-4)


def test_chance_follows_from_seed_and_image_alone(untrained, batch):
    images, targets = batch
    guarded = Defended(untrained, RandomResize(), samples=2, seed=1)
    first = guarded.predict(images)
    torch.manual_seed(9)
    again = guarded.predict(images[:1])
    torch.testing.assert_close(first[0].boxes, again[0].boxes, atol=1e-3, rtol=0)
    attack = PGD(steps=2)
    assert torch.equal(attack(guarded, images, targets), attack(guarded, images, targets))


def test_boxes_come_back_from_where_the_image_was_moved_to():
    class Bright:
        """Sees the one bright square."""

        name, classes, device = "bright", ("square",), torch.device("cpu")

        def predict(self, images):
            from modelward.adversarial import Detections

            found = []
            for image in images:
                rows, columns = (image[0] > 0.9).nonzero(as_tuple=True)
                box = [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]]
                found.append(
                    Detections(torch.tensor(box).float(), torch.ones(1), torch.zeros(1).long())
                )
            return found

        def loss(self, images, targets, objective):
            self.shown = targets
            return images.flatten(1).sum(dim=1)

        def digest(self):
            return "0" * 64

    images = torch.zeros(1, 3, 64, 64)
    images[..., 20:44, 12:36] = 1
    target = Target(torch.tensor([[12.0, 20.0, 36.0, 44.0]]), torch.tensor([0]))
    detector = Bright()
    for seed in range(5):
        guarded = Defended(detector, RandomResize(smallest=0.6), samples=1, seed=seed)
        torch.testing.assert_close(guarded.predict(images)[0].boxes, target.boxes, atol=2.5, rtol=0)
        guarded.loss(images, [target], Untargeted())
        assert float((detector.shown[0].boxes - target.boxes).abs().max()) > 0.5


def test_a_masked_gradient_is_called_one(detector):
    """Rounding to few levels stops a small perturbation, until the attack knows of it."""
    data = Shapes(n=6, size=80, seed=7)
    before = detector.digest()
    attack = PGD(eps=8 / 255, steps=6)
    result = assess_defence(detector, JPEG(quality=75), attack, data, resamples=100)
    assert result.unaware.value > result.bare.value + 0.1
    assert result.adaptive.value < result.unaware.value / 2
    assert result.masks
    assert "a masked gradient" in result.verdict
    assert detector.digest() == before
    assert result.to_dict()["masks"] is True
    assert result.verdict in result.to_evidence().findings
    assert len(result.to_frame()) == 5
    assert result.verdict in str(result)
    assert result.plot().get_title() == "JPEG(quality=75)"
    assert "<table>" in result._repr_html_()


def test_what_does_nothing_is_said_to(detector):
    data = Shapes(n=3, size=80, seed=7)
    nothing = Custom(lambda images: images, name="nothing")
    result = assess_defence(detector, nothing, PGD(steps=2), data, resamples=100)
    assert result.verdict.startswith("no gain even against an attack that does not know it")
    assert result.clean == result.clean_defended


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: JPEG(quality=0), "quality of 1 to 95"),
        (lambda: BitDepth(bits=9), "bits of 1 to 8"),
        (lambda: Blur(sigma=0), "sigma > 0"),
        (lambda: RandomResize(smallest=0), "0 < smallest <= 1"),
        (lambda: Defended(None, JPEG(), samples=0), "samples >= 1"),
        (
            lambda: Custom(lambda x: x * 2, name="twice")(torch.ones(1, 3, 8, 8), rng()),
            r"in \[0, 1\] of the defence 'twice'",
        ),
    ],
)
def test_bad_settings_say_what_is_expected(make, message):
    with pytest.raises((ConfigError, DataError), match=message):
        make()
