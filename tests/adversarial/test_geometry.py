"""Input geometry: there and back, and the gradient on the way."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modelward.adversarial import Target
from modelward.adversarial.detectors.geometry import GREY, Geometry
from modelward.core.errors import ConfigError

sides = st.integers(8, 200)


@given(st.sampled_from(["letterbox", "stretch"]), sides, sides, sides, sides)
def test_boxes_come_back_where_they_were(kind, height, width, rows, columns):
    geometry = Geometry(kind, (rows, columns))
    box = torch.tensor([[0.25 * width, 0.5 * height, 0.75 * width, height]])
    (moved,) = geometry.targets([Target(box, torch.tensor([0]))], (height, width))
    torch.testing.assert_close(geometry.to_image(moved.boxes, (height, width)), box)
    assert bool((moved.boxes >= -1e-3).all())
    assert bool((moved.boxes <= torch.tensor([columns, rows, columns, rows]) + 1e-3).all())


def test_a_letterbox_keeps_the_ratio_and_fills_with_grey():
    images = torch.ones(1, 3, 100, 200)
    boxed = Geometry("letterbox", (64, 64)).to_network(images)
    assert boxed.shape == (1, 3, 64, 64)
    assert bool((boxed[:, :, 16:48] == 1).all())
    assert float(boxed[0, 0, 15, 0]) == float(boxed[0, 0, 48, 0]) == pytest.approx(GREY)


def test_native_images_are_padded_to_the_stride_only():
    images = torch.rand(1, 3, 33, 64)
    native = Geometry().to_network(images, stride=32)
    assert native.shape == (1, 3, 64, 64)
    assert torch.equal(native[..., :33, :], images)
    assert torch.equal(Geometry().to_network(images[..., :32, :], stride=32), images[..., :32, :])


@pytest.mark.parametrize("kind", ["letterbox", "stretch"])
def test_the_gradient_reaches_every_pixel(kind):
    images = torch.rand(1, 3, 20, 30, requires_grad=True)
    Geometry(kind, (40, 48)).to_network(images).sum().backward()
    assert bool((images.grad > 0).all())


def test_what_does_not_fit_is_refused():
    for wrong in (("fit", (1, 1)), ("letterbox", None), ("native", (8, 8)), ("stretch", (0, 8))):
        with pytest.raises(ConfigError, match="expected"):
            Geometry(*wrong)
