"""YOLOv5: sizes, boxes, loss and rebuilding."""

import math

import pytest
import torch

from modelward.adversarial import Detector, Target, Untargeted, Vanishing
from modelward.adversarial.detectors.yolo5 import Raw5, Yolo5
from modelward.adversarial.detectors.yolo5_layers import Focus
from modelward.adversarial.detectors.yolo5_loss import training_loss
from modelward.adversarial.detectors.yolo5_network import ANCHORS, SIZES, Yolo5Network
from modelward.core.errors import ConfigError, DataError

# Millions of parameters of the published models, 80 classes (README of release 6.0).
PUBLISHED = {"n": 1.9, "s": 7.2, "m": 21.2, "l": 46.5, "x": 86.7}
TARGET = Target(
    torch.tensor([[40.0, 30.0, 90.0, 100.0], [10.0, 10.0, 22.0, 24.0]]), torch.tensor([1, 0])
)


@pytest.fixture(scope="module")
def detector():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Yolo5(network=Yolo5Network.make("n", classes=3), classes=("a", "b", "c"))


@pytest.mark.parametrize("size", ["n", "s", "m"])
def test_sizes_have_the_published_number_of_parameters(size):
    network = Yolo5Network.make(size)
    millions = sum(p.numel() for p in network.parameters()) / 1e6
    assert millions == pytest.approx(PUBLISHED[size], abs=0.05)
    assert set(SIZES) == set(PUBLISHED)


def test_the_first_layer_of_release_5_halves_the_image_too():
    network = Yolo5Network.make("n", classes=2, focus=True).eval()
    assert isinstance(network.model[0], Focus)
    maps = network(torch.rand(1, 3, 64, 64))
    assert [tuple(m.shape) for m in maps] == [(1, 21, 8, 8), (1, 21, 4, 4), (1, 21, 2, 2)]
    assert network.classes == 2
    with pytest.raises(ConfigError, match="expected a size"):
        Yolo5Network.make("z")


def empty(detector, size=128):
    maps = [
        torch.full((1, 3 * 8, size // s.stride, size // s.stride), -20.0) for s in detector.scales
    ]
    raw = detector.decode(maps)
    raw.offsets.zero_()
    return raw


def perfect(detector, target):
    """Raw numbers that hold each object at one place near it, and claim it there alone."""
    raw = empty(detector)
    wide = target.boxes[:, 2:] - target.boxes[:, :2]
    centre = (target.boxes[:, 2:] + target.boxes[:, :2]) / 2
    places = []
    for i in range(len(target.boxes)):
        fit = (wide[i] / raw.priors).log().abs().amax(1)
        cell = (centre[i] / raw.strides[:, None]).floor()
        fit = fit.where((cell == raw.cells).all(1), torch.tensor(math.inf))
        place = int(fit.argmin())
        within = centre[i] / raw.strides[place] - raw.cells[place]
        raw.offsets[0, place, :2] = torch.logit((within + 0.5) / 2)
        raw.offsets[0, place, 2:] = torch.logit((wide[i] / raw.priors[place]).sqrt() / 2)
        raw.objectness[0, place] = 20
        raw.class_logits[0, place, int(target.labels[i])] = 20
        places.append(place)
    return raw, places


def test_boxes_are_decoded_by_the_stated_equations(detector):
    raw, places = perfect(detector, TARGET)
    assert isinstance(raw, Raw5)
    torch.testing.assert_close(raw.boxes()[0, places], TARGET.boxes, atol=1e-3, rtol=0)


def test_every_place_that_takes_an_object_can_hold_it_exactly(detector):
    """The oracle of the assignment: each place given an object can decode to its very box."""
    from modelward.adversarial.detectors.yolo5_loss import _assign

    raw = empty(detector)
    seen = 0
    for scale in detector.scales:
        place, which = _assign(raw, TARGET.boxes, scale)
        for p, k in zip(place.tolist(), which.tolist(), strict=True):
            box = TARGET.boxes[k]
            centre = (box[:2] + box[2:]) / 2 / raw.strides[p] - raw.cells[p]
            ratio = (box[2:] - box[:2]) / raw.priors[p]
            assert bool((centre >= -0.5 - 1e-6).all())
            assert bool((centre <= 1.5 + 1e-6).all())
            assert float(torch.maximum(ratio, 1 / ratio).max()) < 4
            seen += 1
        # Three cells for each fitting prior: the centre's own and its two nearest neighbours.
        for k in range(len(TARGET.boxes)):
            taken = [p for p, j in zip(place.tolist(), which.tolist(), strict=True) if j == k]
            priors = {tuple(raw.priors[p].tolist()) for p in taken}
            assert len(taken) == 3 * len(priors)
    assert seen > 6


def test_the_loss_falls_when_boxes_and_objects_are_right(detector):
    none = empty(detector)
    right, _ = perfect(detector, TARGET)
    scales = detector.scales
    lost = training_loss(none, [TARGET], scales=scales)
    assert float(training_loss(right, [TARGET], scales=scales)) < float(lost)


def test_an_image_without_objects_pays_for_objectness_alone(detector):
    raw = empty(detector)
    raw.objectness.zero_()
    target = Target(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))
    loss = float(training_loss(raw, [target], scales=detector.scales))
    # The mean of log 2 over each scale, weighted 4, 1 and .4, for an image of 128 pixels.
    assert loss == pytest.approx(math.log(2) * 5.4 * 128**2 / 640**2, rel=1e-5)


def test_it_speaks_the_protocol_and_losses_are_per_image(detector):
    assert isinstance(detector, Detector)
    images = torch.rand(2, 3, 96, 128, generator=torch.Generator().manual_seed(0))
    targets = [TARGET, Target(TARGET.boxes[:1], TARGET.labels[:1])]
    before = detector.digest()
    for objective in (Untargeted(), Vanishing()):
        together = detector.loss(images, targets, objective)
        alone = [
            detector.loss(images[i : i + 1], targets[i : i + 1], objective)[0] for i in range(2)
        ]
        torch.testing.assert_close(together, torch.stack(alone), rtol=1e-4, atol=1e-4)
    found = detector.predict(images)
    assert [len(f.boxes) > 0 for f in found] == [True, True]
    assert detector.digest() == before


def test_the_gradient_reaches_the_pixels_through_a_letterbox():
    from modelward.adversarial.detectors.geometry import Geometry

    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = Yolo5Network.make("n", classes=3)
    boxed = Yolo5(
        network=network, classes=("a", "b", "c"), geometry=Geometry("letterbox", (64, 64))
    )
    images = torch.rand(1, 3, 50, 100, requires_grad=True)
    boxed.loss(images, [TARGET], Untargeted()).sum().backward()
    assert float(images.grad.abs().sum(dim=(1, 2, 3))) > 0


def test_a_network_comes_back_from_its_records(shared):
    weights = shared / "detection" / "yolov5n.pt"
    detector = Yolo5.from_checkpoint(weights, size=64)
    assert len(detector.classes) == 80
    assert detector.classes[0] == "person"
    # The file holds half precision, so its priors are near, not equal, to the published ones.
    for ours, published in zip(detector.scales, ANCHORS, strict=True):
        assert ours.stride == published.stride
        assert torch.allclose(
            torch.tensor(ours.anchors), torch.tensor(published.anchors), rtol=0.01
        )
    made = Yolo5Network.make("n")
    assert {k: v.shape for k, v in made.state_dict().items()} == {
        k: v.shape for k, v in detector.network.state_dict().items()
    }
    with pytest.raises(DataError, match="expected 80 class names"):
        Yolo5.from_checkpoint(weights, classes=["a"])
