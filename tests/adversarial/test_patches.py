"""Patches and common corruptions: where they lie, what they are printed as, how strong they are."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from modelward.adversarial import (
    CORRUPTIONS,
    Corruption,
    DPatch,
    Patch,
    Placement,
    RobustDPatch,
    Target,
    corrupted,
)
from modelward.adversarial.attacks.asking import advantage
from modelward.adversarial.attacks.patch import covered, pasted, placed
from modelward.core.errors import ConfigError, DataError


def rng(seed=0):
    return np.random.default_rng(seed)


def colours():
    """Four quarters of four colours, so that a turn shows."""
    patch = torch.zeros(3, 4, 4)
    patch[0, :2, :2] = patch[1, :2, 2:] = patch[2, 2:, :2] = 1
    return patch


def test_a_patch_lies_where_it_is_put_pixel_for_pixel():
    shown = Patch(colours()).on(torch.full((1, 3, 16, 16), 0.5), [Placement(6, 8, 4)])
    torch.testing.assert_close(shown[0, :, 6:10, 4:8], colours(), atol=1e-5, rtol=0)
    shown[0, :, 6:10, 4:8] = 0.5
    assert torch.equal(shown, torch.full_like(shown, 0.5))


def test_a_quarter_turn_brings_the_upper_left_to_a_corner_beside_it():
    turned = Patch(colours()).on(torch.zeros(1, 3, 16, 16), [Placement(8, 8, 4, math.pi / 2)])
    inner = turned[0, :, 6:10, 6:10]
    assert torch.allclose(inner, colours().rot90(-1, (1, 2)), atol=1e-4)


def test_light_is_kept_within_the_range():
    bright = Placement(8, 8, 16, 0.0, brightness=0.3, contrast=2.0)
    shown = Patch(torch.full((3, 4, 4), 0.4)).on(torch.zeros(1, 3, 16, 16), [bright])
    torch.testing.assert_close(shown, torch.ones_like(shown))


def test_gradients_reach_the_patch_and_stay_in_it():
    pixels = torch.rand(1, 3, 4, 4, requires_grad=True)
    image = torch.rand(1, 3, 16, 16)
    pasted(image, pixels, [Placement(8, 8, 8)]).sum().backward()
    assert float(pixels.grad.sum()) == pytest.approx(3 * 64, rel=1e-3)
    assert int(covered(image, [Placement(8, 8, 8)]).sum()) == 64


@pytest.mark.parametrize(
    ("where", "x", "y", "side"),
    [("corner", 10, 10, 20), ("centre", 50, 40, 20), ("object", 70, 30, 5)],
)
def test_places(where, x, y, side):
    target = Target(
        torch.tensor([[0.0, 0.0, 10.0, 10.0], [60.0, 10.0, 80.0, 50.0]]), torch.tensor([0, 1])
    )
    found = placed(where, (80, 100), 0.25, target, rng())
    assert (found.x, found.y, found.side) == pytest.approx((x, y, side), abs=0.51)


def test_a_random_place_lies_on_the_image():
    nothing = Target(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))
    for seed in range(50):
        found = placed("random", (40, 60), 0.5, nothing, rng(seed))
        assert found.side / 2 - 1 <= found.x <= 61 - found.side / 2
        assert found.side / 2 - 1 <= found.y <= 41 - found.side / 2


@pytest.mark.parametrize("kind", ["png", "pdf"])
def test_it_is_printed_at_the_size_asked_for(tmp_path, kind):
    path = Patch(colours()).save(tmp_path / f"patch.{kind}", millimetres=100, dots=300)
    if kind == "png":
        with Image.open(path) as picture:
            millimetres = picture.size[0] / picture.info["dpi"][0] * 25.4
            levels = np.asarray(picture)
        assert levels[0, 0].tolist() == [255, 0, 0]
        assert torch.equal(Patch.load(path, side=4).pixels, colours())
    else:
        content = path.read_bytes().decode("latin-1")
        box = content.split("/MediaBox [")[1].split("]")[0].split()
        millimetres = float(box[2]) / 72 * 25.4
    assert millimetres == pytest.approx(100, abs=0.1)


def test_a_trained_patch_beats_a_random_one_and_leaves_the_detector(detector, data):
    few = [data[i] for i in range(6)]

    class Few:
        classes = data.classes

        def __len__(self):
            return len(few)

        def __getitem__(self, i):
            return few[i]

    before = detector.digest()
    attack = DPatch(share=0.4, place="centre", resolution=16)
    patch = attack.train(detector, Few(), epochs=4, batch=6)
    assert detector.digest() == before
    assert torch.equal(patch.pixels, attack.train(detector, Few(), epochs=4, batch=6).pixels)
    images = torch.stack([s.image for s in few])
    places = [Placement(40, 40, 32)] * len(few)

    def harm(shown):
        found = detector.predict(shown)
        return sum(advantage(f, s.target) for f, s in zip(found, few, strict=True))

    noise = Patch(torch.from_numpy(rng().uniform(size=(3, 16, 16))).float())
    assert harm(patch.on(images, places)) > harm(noise.on(images, places))


def test_expectation_shows_it_in_as_many_ways_as_samples():
    attack = RobustDPatch(samples=3, degrees=10)
    ways = attack.ways([Placement(8, 8, 4)] * 2, (16, 16), [rng(1), rng(2)])
    assert len(ways) == 3
    angles = {place.angle for way in ways for place in way}
    assert len(angles) == 6
    assert max(abs(angle) for angle in angles) <= math.radians(10)
    assert {len(way) for way in ways} == {2}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Patch(torch.rand(3, 4, 5)), r"shape \(3, S, S\)"),
        (lambda: Patch(torch.full((3, 4, 4), 2.0)), r"in \[0, 1\]"),
        (lambda: Patch(colours()).save("patch.jpg"), r"\.png or \.pdf, got patch\.jpg"),
        (lambda: Patch.load("no-such-file.png"), "got none that can be read"),
        (lambda: DPatch(share=2), "0 < share <= 1"),
        (lambda: RobustDPatch(scale=(2.0, 1.0)), r"scale\[0\] <= scale\[1\]"),
        (lambda: Corruption(kind="fogg"), "did you mean 'fog'"),
        (lambda: Corruption(kind="fog", severity=6), "severity of 1 to 5, got 6"),
    ],
)
def test_bad_settings_say_what_is_expected(make, message):
    with pytest.raises((ConfigError, DataError), match=message):
        make()


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_a_corruption_keeps_the_range_and_grows_with_severity(kind, data):
    picture = data[0].image
    moved = [
        (corrupted(picture, kind, severity=s, rng=rng(3)) - picture).abs().mean() for s in (1, 3, 5)
    ]
    assert 0 < float(moved[0]) < float(moved[1]) < float(moved[2])
    for severity in (1, 5):
        shown = corrupted(picture, kind, severity=severity, rng=rng(3))
        assert shown.shape == picture.shape
        assert 0 <= float(shown.min()) <= float(shown.max()) <= 1
        assert torch.equal(shown, corrupted(picture, kind, severity=severity, rng=rng(3)))


def test_noise_has_the_strength_of_the_table():
    grey = torch.full((3, 200, 200), 0.5)
    noise = corrupted(grey, "gaussian_noise", severity=3, rng=rng()) - grey
    assert float(noise.std()) == pytest.approx(0.08, rel=0.02)
    shot = corrupted(grey, "shot_noise", severity=2, rng=rng()) - grey
    assert float(shot.std()) == pytest.approx(math.sqrt(0.5 / 250), rel=0.02)
    flipped = corrupted(grey, "impulse_noise", severity=5, rng=rng()) != grey
    assert float(flipped.float().mean()) == pytest.approx(0.07, rel=0.05)
