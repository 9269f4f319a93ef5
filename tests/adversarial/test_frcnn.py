"""Faster R-CNN: its own probabilities as outputs, a loss that is the same at each step, untouched."""

import pytest
import torch
import torchvision

from modelward.adversarial import PGD, AveragePrecision, Detector, Shapes, Untargeted, Vanishing
from modelward.adversarial.detectors.coco_names import COCO, COCO_NUMBERS
from modelward.adversarial.detectors.frcnn import FasterRCNN
from modelward.adversarial.detectors.loading import load_detector
from modelward.core.errors import ConfigError, DataError


def network(classes=3):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = torchvision.models.detection.fasterrcnn_mobilenet_v3_large_320_fpn(
            weights=None,
            weights_backbone=None,
            num_classes=classes + 1,
            min_size=64,
            max_size=64,
            rpn_post_nms_top_n_test=30,
            rpn_pre_nms_top_n_test=60,
        )
        # Untrained, it answers the same to every image: give it spread, so that it can be attacked.
        for part in made.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.momentum = 1.0
        made.backbone.train()
        with torch.no_grad():
            made.backbone(torch.rand(8, 3, 64, 64))
            made.roi_heads.box_predictor.cls_score.weight *= 30
        return made.eval()


@pytest.fixture(scope="module")
def detector():
    return FasterRCNN(network=network(), classes=Shapes.classes)


@pytest.fixture(scope="module")
def pictures():
    data = Shapes(n=2, size=64, seed=1)
    samples = [data[i] for i in range(2)]
    return torch.stack([s.image for s in samples]), [s.target for s in samples]


def test_outputs_hold_the_networks_own_probabilities(detector, pictures):
    images, _ = pictures
    with torch.no_grad():
        out = detector.outputs(images)
    score = out.objectness.sigmoid()[..., None] * out.class_logits.sigmoid()
    seen = detector.predict(images)
    for i, found in enumerate(seen):
        own = score[i][out.present[i]]
        for k in range(min(5, len(found))):
            gap = (own[:, found.labels[k]] - found.scores[k]).abs().min()
            assert float(gap) < 1e-4
    assert out.boxes.shape[:2] == out.objectness.shape


@pytest.mark.parametrize("objective", [Untargeted(), Vanishing(), AveragePrecision()], ids=repr)
def test_it_speaks_the_protocol(detector, pictures, objective):
    images, targets = pictures
    assert isinstance(detector, Detector)
    before, state = detector.digest(), torch.random.get_rng_state()
    first = detector.loss(images, targets, objective)
    torch.testing.assert_close(first, detector.loss(images, targets, objective))
    assert first.shape == (2,)
    moved = PGD(steps=2, objective=objective)(detector, images, targets)
    assert detector.digest() == before
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not detector.network.training
    assert not detector.network.rpn.training
    after = detector.loss(moved, targets, objective)
    assert float(after.detach().sum()) > float(first.detach().sum())


def test_a_state_dict_is_read_without_running_it(detector, pictures, tmp_path):
    torch.save(detector.network.state_dict(), tmp_path / "a.pt")
    kind = "fasterrcnn_mobilenet_v3_large_320_fpn"
    read = FasterRCNN.from_weights(tmp_path / "a.pt", kind=kind, classes=Shapes.classes)
    assert read.digest() == detector.digest()
    with pytest.raises(DataError, match="expected weights of fasterrcnn_resnet50_fpn"):
        FasterRCNN.from_weights(tmp_path / "a.pt", classes=Shapes.classes)
    torch.save({"x": 1}, tmp_path / "b.pt")
    with pytest.raises(DataError, match="state_dict of a FasterRCNN"):
        FasterRCNN.from_weights(tmp_path / "b.pt", classes=Shapes.classes)
    with pytest.raises(ConfigError, match="expected a kind"):
        FasterRCNN.from_weights(tmp_path / "a.pt", kind="x", classes=Shapes.classes)


def test_numbers_name_the_classes():
    assert len(COCO) == len(COCO_NUMBERS) == 80
    assert dict(zip(COCO, COCO_NUMBERS, strict=True))["toothbrush"] == 90
    some = FasterRCNN(network=network(5), classes=("a", "b"), numbers=(2, 5))
    (found,) = some.predict(torch.rand(1, 3, 64, 64))
    assert set(found.labels.tolist()) <= {0, 1}
    with pytest.raises(DataError, match="expected a number below 6"):
        FasterRCNN(network=network(5), classes=("a",), numbers=(6,))
    with pytest.raises(DataError, match="without transform"):
        FasterRCNN(network=torch.nn.Linear(1, 1), classes=("a",))


def test_families_are_named():
    with pytest.raises(ConfigError, match="did you mean 'yolo5'"):
        load_detector("yolo55", None, "x.pt")
    with pytest.raises(ConfigError, match="conf and weights"):
        load_detector("yolo3", None, "x.weights")
