"""The smallest eps that halves AP: found where it is known to be, with an interval that holds it."""

import numpy as np
import pytest
import torch

from modelward.adversarial import Detections, Noise, Sample, Target, halving_eps
from modelward.adversarial.attacks.base import Attack
from modelward.adversarial.halving import _estimate, crossing
from modelward.adversarial.scoring.matching import match
from modelward.core.errors import ConfigError, DataError
from modelward.core.testing import check_result

BOX = torch.tensor([[2.0, 2.0, 12.0, 12.0]])
LABEL = torch.tensor([0])
NOTHING = Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))
HIT = Detections(BOX, torch.tensor([0.9]), LABEL)
TRUTH = Target(BOX, LABEL)


class Brighter(Attack):
    """Adds eps to the first channel, where the detector below looks."""

    uses_gradient = False

    def __init__(self, *, eps=4 / 255):
        super().__init__(eps=eps)

    def run(self, detector, space, targets, rngs):
        moved = space.images.clone()
        moved[:, 0] += self.eps
        return space.project(moved)


class Thresholds:
    """Loses the object of an image once its first channel rose by what the third says."""

    name, classes, device = "thresholds", ("thing",), torch.device("cpu")

    def predict(self, images):
        rise = images[:, 0].mean(dim=(1, 2)) - 0.25
        bound = images[:, 2].mean(dim=(1, 2))
        return [HIT if r < b else NOTHING for r, b in zip(rise, bound, strict=True)]

    def digest(self):
        return "0" * 64


class Images:
    classes = ("thing",)

    def __init__(self, thresholds):
        self.thresholds = thresholds

    def __len__(self):
        return len(self.thresholds)

    def __getitem__(self, index):
        image = torch.full((3, 16, 16), 0.25)
        image[2] = self.thresholds[index]
        return Sample(index, image, TRUTH)


@pytest.mark.parametrize("start", [0.5 / 255, 4 / 255, 40 / 255])
def test_it_is_found_from_wherever_it_starts(start):
    thresholds = np.linspace(1, 21, 21) / 255 + 1e-4
    found = halving_eps(Thresholds(), Brighter(eps=start), Images(thresholds), resamples=100)
    # Half of 21 equal objects is lost between the tenth and the eleventh.
    assert found.eps.value * 255 == pytest.approx(10.6, abs=0.6)
    assert found.eps.low <= found.eps.value <= found.eps.high
    assert len(found.points) <= 12
    assert found.points[0.0] == 1.0
    check_result(found)
    assert "of the clean AP are left at" in str(found)
    assert found.plot().get_ylabel() == "AP .50:.95"


def test_a_detector_that_never_falls_so_far_is_said_to():
    found = halving_eps(Thresholds(), Brighter(), Images([0.9] * 4), resamples=100)
    assert found.eps is None
    assert found.largest == 64 / 255
    assert "are not reached up to 64/255" in str(found)
    check_result(found)


def test_a_second_call_makes_nothing_again(tmp_path):
    class Once(Brighter):
        def run(self, *args):
            calls.append(self.eps)
            return super().run(*args)

    calls: list[float] = []
    data = Images([3 / 255, 5 / 255, 9 / 255])
    first = halving_eps(Thresholds(), Once(), data, folder=tmp_path, resamples=100)
    made = len(calls)
    again = halving_eps(Thresholds(), Once(), data, folder=tmp_path, resamples=100)
    assert again == first
    assert len(calls) == made > 0


def test_bad_settings_and_nothing_to_lose_are_refused():
    with pytest.raises(ConfigError, match="0 < share < 1"):
        halving_eps(Thresholds(), Noise(), Images([1.0]), share=1.0)
    with pytest.raises(DataError, match="AP 0"):
        halving_eps(Thresholds(), Brighter(), Images([0.0] * 2))


def test_the_crossing_by_hand():
    eps = np.array([0.0, 1.0, 3.0, 4.0])
    assert crossing(eps, np.array([0.8, 0.8, 0.2, 0.3]), 0.5) == pytest.approx(1 + 2 * 4 / 6)
    assert np.isnan(crossing(eps, np.array([0.8, 0.8, 0.6, 0.5]), 0.5))
    assert np.isnan(crossing(eps, np.zeros(4), 0.5))


@pytest.mark.slow
def test_the_interval_holds_the_truth_as_often_as_promised():
    """Objects are lost at an eps from U(0, 1): AP is one minus eps, and half of it is left at .5."""
    held = 0
    runs = 60
    sizes = [0.0, 0.25, 0.375, 0.4375, 0.5, 0.5625, 0.625, 0.75, 1.0]
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        lost_at = rng.uniform(size=30)
        tried = {
            eps: match([HIT if t > eps else NOTHING for t in lost_at], [TRUTH] * 30, classes=["x"])
            for eps in sizes
        }
        found = _estimate(tried, share=0.5, resamples=100, level=0.95, seed=seed)
        held += found.low <= 0.5 <= found.high
    assert held >= 0.95 * runs - 3 * np.sqrt(0.95 * 0.05 * runs), held
