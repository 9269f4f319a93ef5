"""Views: what an attack differentiates through, with the true boxes going along."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from modelward.adversarial import InputDiversity, Scales, Target
from modelward.adversarial.attacks.views import smoothed, through
from modelward.core.errors import ConfigError


def rngs(n, seed=0):
    return [np.random.default_rng((seed, i)) for i in range(n)]


def test_boxes_go_where_the_picture_goes():
    images = torch.zeros(3, 3, 60, 80)
    images[:, :, 20:40, 30:60] = 1.0
    targets = [Target(torch.tensor([[30.0, 20, 60, 40]]), torch.tensor([0]))] * 3
    ((shown, moved),) = InputDiversity(probability=1.0, smallest=0.5)(images, targets, rngs(3))
    for picture, target in zip(shown, moved, strict=True):
        rows, columns = (picture[0] > 0.5).nonzero(as_tuple=True)
        found = torch.stack([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        torch.testing.assert_close(found.float(), target.boxes[0], atol=1.0, rtol=0)
        assert not torch.allclose(target.boxes, targets[0].boxes)


def test_without_a_draw_the_image_stays_as_it_is():
    images = torch.rand(2, 3, 20, 24, generator=torch.Generator().manual_seed(0))
    target = Target(torch.tensor([[2.0, 2, 9, 9]]), torch.tensor([0]))
    ((shown, moved),) = InputDiversity(probability=1e-9)(images, [target] * 2, rngs(2))
    torch.testing.assert_close(shown, images, atol=1e-5, rtol=0)
    assert torch.equal(moved[0].boxes, target.boxes)


def test_views_of_views_are_all_given_in_order():
    images = torch.ones(1, 3, 8, 8)
    shown = [
        float(v.mean()) for v, _ in through([Scales(copies=2), Scales(copies=3)], images, [], [])
    ]
    assert shown == [1, 0.5, 0.25, 0.5, 0.25, 0.125]
    assert [v is images for v, _ in through([], images, [], [])] == [True]


def test_smoothing_is_a_gaussian_blur():
    slope = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0)).double()
    found = smoothed(slope, 7, 1.4)
    expected = ndimage.gaussian_filter(slope[0, 1].numpy(), 1.4, mode="constant", radius=3, order=0)
    np.testing.assert_allclose(found[0, 1].numpy(), expected, atol=1e-9)


def test_settings_out_of_range_are_refused():
    for make in (
        lambda: InputDiversity(probability=0),
        lambda: InputDiversity(smallest=1.5),
        lambda: Scales(copies=0),
    ):
        with pytest.raises(ConfigError, match="expected"):
            make()
