import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modelward.adversarial import DetectionData, Shapes, Target
from modelward.adversarial.data import batches
from modelward.adversarial.data.drawing import corners, disc, polygon
from modelward.core.errors import DataError


def test_an_image_follows_from_seed_and_index_alone():
    few, many = Shapes(n=3, seed=5), Shapes(n=9, seed=5)
    backwards = [many[i] for i in reversed(range(9))][::-1]
    for i in range(3):
        assert torch.equal(few[i].image, backwards[i].image)
        assert torch.equal(few[i].target.boxes, backwards[i].target.boxes)
        assert torch.equal(few[i].target.labels, backwards[i].target.labels)


def test_another_seed_or_index_is_another_image():
    images = [Shapes(n=4, seed=s)[i].image for s in (1, 2) for i in range(4)]
    pairs = [(a, b) for k, a in enumerate(images) for b in images[:k]]
    assert min(float((a - b).abs().mean()) for a, b in pairs) > 0.01


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.sampled_from([32, 48, 96, 128]))
def test_images_and_boxes_are_in_range(seed, size):
    sample = Shapes(n=1, size=size, seed=seed)[0]
    assert sample.image.shape == (3, size, size)
    assert sample.image.dtype == torch.float32
    assert float(sample.image.min()) >= 0
    assert float(sample.image.max()) <= 1
    assert 1 <= len(sample.target.boxes) <= 4
    assert float(sample.target.boxes.min()) >= 0
    assert float(sample.target.boxes.max()) <= size
    assert set(sample.target.labels.tolist()) <= {0, 1, 2}


@pytest.mark.parametrize("sides", [3, 4])
@pytest.mark.parametrize("angle", [0.0, 0.4, 1.3])
def test_the_box_of_a_polygon_is_tight_around_its_pixels(sides, angle):
    cover = polygon(200, (90.0, 110.0), 60.0, sides=sides, angle=angle)
    ys, xs = np.nonzero(cover > 0.5)
    drawn = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
    assert corners((90.0, 110.0), 60.0, sides=sides, angle=angle) == pytest.approx(drawn, abs=2.0)


def test_areas_are_those_of_the_figures():
    assert disc(200, (100, 100), 50).sum() == pytest.approx(np.pi * 50**2, rel=0.002)
    square = polygon(200, (100, 100), 50, sides=4, angle=0.2)
    assert square.sum() == pytest.approx(2 * 50**2, rel=0.01)
    triangle = polygon(200, (100, 100), 50, sides=3, angle=0.2)
    assert triangle.sum() == pytest.approx(3 * np.sqrt(3) / 4 * 50**2, rel=0.01)


def test_all_classes_are_drawn_about_equally():
    labels = torch.cat([Shapes(n=150, size=32)[i].target.labels for i in range(150)])
    assert min(np.bincount(labels.numpy()) / len(labels)) > 0.25


def test_figures_stand_out_from_the_background():
    # The middle of a box lies within each of the figures.
    for i in range(20):
        sample = Shapes(n=20, seed=11)[i]
        for x1, y1, x2, y2 in sample.target.boxes.tolist():
            x, y = round((x1 + x2) / 2), round((y1 + y2) / 2)
            inside = sample.image[:, y - 1 : y + 2, x - 1 : x + 2].mean(dim=(1, 2))
            assert float((inside - sample.image.mean(dim=(1, 2))).abs().max()) > 0.05


def test_it_is_detection_data_and_ends():
    data = Shapes(n=2)
    assert isinstance(data, DetectionData)
    with pytest.raises(IndexError, match="expected 0 <= index < 2, got 2"):
        data[2]


@pytest.mark.parametrize(
    ("settings_", "message"),
    [({"n": -1}, "n=-1"), ({"n": 1, "size": 8}, "size=8"), ({"n": 1, "seed": -1}, "seed=-1")],
)
def test_bad_settings_are_named(settings_, message):
    with pytest.raises(DataError, match=message):
        Shapes(**settings_)


@pytest.mark.parametrize(
    ("boxes", "labels", "message"),
    [
        (torch.zeros(4), torch.zeros(1), r"expected boxes of shape \(K, 4\), got \(4,\)"),
        (torch.tensor([[0.0, 0, 1, 1]]), torch.zeros(2), "one label for each of 1 boxes"),
        (torch.tensor([[0.0, 0, 1, 1], [5, 5, 5, 9]]), torch.zeros(2), r"\(box 1\)"),
        (torch.tensor([[0.0, 0, 1, float("nan")]]), torch.zeros(1), r"nan"),
        (torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([-1]), "labels >= 0, got -1"),
    ],
)
def test_bad_targets_are_refused(boxes, labels, message):
    with pytest.raises(DataError, match=message):
        Target(boxes, labels)


def test_batches_cover_the_set_in_order_and_refuse_nothing_to_do():
    ids = [[s.id for s in part] for part in batches(Shapes(n=7, size=32), batch=3)]
    assert ids == [[0, 1, 2], [3, 4, 5], [6]]
    with pytest.raises(DataError, match="batch >= 1, got 0"):
        next(batches(Shapes(n=7), batch=0))
    with pytest.raises(DataError, match="got an empty data set"):
        next(batches(Shapes(n=0), batch=1))
