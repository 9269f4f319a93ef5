"""torchvision's detectors of one stage: what is attacked is what they themselves say."""

import pytest
import torch
import torchvision

from modelward.adversarial import (
    PGD,
    AveragePrecision,
    Detector,
    Mislabelling,
    Shapes,
    Target,
    Untargeted,
    check_detector,
    load_detector,
    wrap,
)
from modelward.adversarial.detectors.torchvision_dense import FCOS, SSD, RetinaNet
from modelward.core.errors import ConfigError, DataError

KINDS = {
    "retinanet_resnet50_fpn": RetinaNet,
    "fcos_resnet50_fpn": FCOS,
    "ssdlite320_mobilenet_v3_large": SSD,
}


def network(kind, classes=3):
    """Untrained, but spread out: random weights answer the same to every image."""
    options = {} if kind.startswith("ssd") else {"min_size": 64, "max_size": 64}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = getattr(torchvision.models.detection, kind)(
            weights=None, weights_backbone=None, num_classes=classes + 1, **options
        )
        for part in made.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.momentum = 1.0
        made.backbone.train()
        with torch.no_grad():
            made.backbone(torch.rand(4, 3, 320 if kind.startswith("ssd") else 64, 64 * 5))
            for name, part in made.head.named_parameters():
                if "cls_logits" in name and part.ndim == 4:
                    part.mul_(20)
        return made.eval()


@pytest.fixture(scope="module", params=list(KINDS))
def detector(request):
    return wrap(network(request.param), classes=Shapes.classes)


@pytest.fixture(scope="module")
def pictures():
    data = Shapes(n=2, size=64, seed=1)
    samples = [data[i] for i in range(2)]
    return torch.stack([s.image for s in samples]), [s.target for s in samples]


def test_wrap_takes_the_family_s_own_class(detector):
    assert type(detector) in KINDS.values()
    assert isinstance(detector, Detector)


def test_outputs_hold_the_scores_and_boxes_of_the_network_itself(detector, pictures):
    images, _ = pictures
    with torch.no_grad():
        out = detector.outputs(images)
    score = out.objectness.sigmoid()[..., None] * out.class_logits.sigmoid()
    if isinstance(detector, FCOS):
        score = score.sqrt()
    compared = 0
    for i, found in enumerate(detector.predict(images)):
        for k in range(min(8, len(found))):
            near = (out.boxes[i].clamp(0, 64) - found.boxes[k]).abs().amax(dim=1) < 0.05
            assert bool(near.any())
            gap = (score[i][near, found.labels[k]] - found.scores[k]).abs().min()
            assert float(gap) < 1e-4
            compared += 1
    assert compared >= 8


def test_the_training_loss_is_the_network_s_own(detector, pictures):
    images, targets = pictures
    with torch.no_grad():
        ours = detector.loss(images, targets, Untargeted())
        for i, target in enumerate(targets):
            detector.network.training = True  # itself alone: batch norms as in use
            wanted = {"boxes": target.boxes, "labels": target.labels + 1}
            own = sum(detector.network([images[i]], [wanted]).values())
            detector.network.training = False
            assert float(ours[i]) == pytest.approx(float(own), rel=1e-4)


@pytest.mark.parametrize("objective", [Mislabelling(), AveragePrecision()], ids=repr)
def test_every_objective_climbs(detector, pictures, objective):
    images, targets = pictures
    before = detector.digest()
    images = (0.05 + 0.9 * images).requires_grad_()  # away from both ends of the range
    low = detector.loss(images, targets, objective)
    (slope,) = torch.autograd.grad(low.sum(), images)
    with torch.no_grad():  # a step so small that the slope tells what must come of it
        step = 1e-4 / float(slope.abs().max())
        high = detector.loss(images + step * slope, targets, objective)
    assert float(slope.abs().max()) > 0
    gained = float((high - low.detach()).sum())
    at_its_top = isinstance(objective, AveragePrecision) and float(low.detach().sum()) > -1e-4
    assert gained >= 0 if at_its_top else gained > 0
    assert detector.digest() == before
    assert all(p.requires_grad for p in detector.network.head.parameters())


def test_it_passes_the_check(detector, pictures):
    images, targets = pictures
    check_detector(detector, images, targets, [PGD()])


def test_an_image_without_objects_has_a_loss(detector, pictures):
    images, _ = pictures
    nothing = Target(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))
    assert bool(detector.loss(images[:1], [nothing], Untargeted()).isfinite().all())


def test_state_dicts_and_names_of_weights(tmp_path, monkeypatch):
    made = network("ssdlite320_mobilenet_v3_large")
    torch.save(made.state_dict(), tmp_path / "a.pt")
    read = load_detector("ssdlite", weights=tmp_path / "a.pt", classes=Shapes.classes)
    assert read.digest() == wrap(made, classes=Shapes.classes).digest()
    assert isinstance(read, SSD)
    with pytest.raises(ConfigError, match=r"a file, or weights of COCO_V1"):
        load_detector("ssdlite", weights="COCO_V7")
    with pytest.raises(DataError, match="state_dict of a RetinaNet"):
        load_detector("retinanet", weights=tmp_path / "a.pt", classes=Shapes.classes)
    # Published weights that were downloaded before are read from where torch keeps them.
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    published = torchvision.models.detection.SSDLite320_MobileNet_V3_Large_Weights.COCO_V1
    kept = tmp_path / "hub" / "checkpoints"
    kept.mkdir(parents=True)
    whole = network("ssdlite320_mobilenet_v3_large", classes=90)
    torch.save(whole.state_dict(), kept / published.url.rsplit("/", 1)[-1])
    assert len(load_detector("ssdlite", weights="COCO_V1").classes) == 80
