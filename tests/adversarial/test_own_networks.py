"""Any network through one adapter, and what an adapter can get wrong."""

import pytest
import torch
from torch import nn

from modelward.adversarial import (
    PGD,
    AveragePrecision,
    ListingDetector,
    ModuleDetector,
    Target,
    Untargeted,
    Vanishing,
    check_detector,
    wrap,
)
from modelward.core.errors import DataError, StateError

BOX = Target(torch.tensor([[4.0, 4.0, 20.0, 20.0]]), torch.tensor([1]))


def grid(maps):
    """A box and scores for each cell of 8 pixels."""
    row = maps.flatten(2).transpose(1, 2)
    corner = row[..., :2].abs() * 10
    return torch.cat([corner, corner + row[..., 2:4].abs() * 9 + 4], dim=-1), row[..., 4:]


def module(scores=2, **settings):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        network = nn.Sequential(
            nn.Conv2d(3, 8, 8, stride=8), nn.SiLU(), nn.Conv2d(8, 4 + scores, 1)
        )
    return wrap(network, classes=("cat", "dog"), decode=grid, stride=8, **settings)


@pytest.fixture
def images():
    with torch.random.fork_rng():
        torch.manual_seed(2)
        return torch.rand(2, 3, 32, 32)


@pytest.mark.parametrize("background", [None, 0, -1])
def test_scores_are_those_of_the_network(images, background):
    detector = module(2 if background is None else 3, background=background)
    assert isinstance(detector, ModuleDetector)
    with torch.no_grad():
        out = detector.outputs(images)
        _, logits = grid(detector.network(images))
    ours = out.objectness.sigmoid()[..., None] * out.class_logits.sigmoid()
    own = logits.sigmoid() if background is None else logits.softmax(dim=-1)
    own = {None: own, 0: own[..., 1:], -1: own[..., :-1]}[background]
    torch.testing.assert_close(ours, own, atol=1e-5, rtol=1e-4)


def test_it_is_attacked_like_any_other(images):
    detector = module()
    check_detector(detector, images, [BOX, BOX], [PGD(objective=Vanishing())])
    attack = PGD(steps=3, objective=AveragePrecision())
    moved = attack(detector, images, [BOX, BOX])
    before, after = (
        detector.loss(x, [BOX, BOX], AveragePrecision()).detach() for x in (images, moved)
    )
    assert bool((after > before).all())


def test_normalisation_is_the_network_s_and_gradients_go_through_it(images):
    plain = module(mean=(0.0,) * 3, deviation=(1.0,) * 3)
    shifted = module(mean=(0.5,) * 3, deviation=(0.25,) * 3)
    with torch.no_grad():
        expected = plain.network((images - 0.5) / 0.25)
    torch.testing.assert_close(shifted.raw(images).given.detach(), expected)


def test_a_training_loss_of_one_s_own(images):
    detector = module(training_loss=lambda maps, targets: maps.flatten(1).square().sum(dim=1))
    assert detector.loss(images, [BOX, BOX], Untargeted()).shape == (2,)
    with pytest.raises(DataError, match="a training loss of 'module' for this objective"):
        module().loss(images, [BOX, BOX], Untargeted())


def test_a_decode_that_does_not_fit_is_named(images):
    with pytest.raises(DataError, match=r"scores \(N, A, 3\) of decode, got .* \(2, 16, 2\)"):
        module(2, background=0).predict(images)


class Lists(nn.Module):
    """torchvision's interface, and a threshold of its own."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))
        self.norm = nn.BatchNorm2d(3)

    def forward(self, images, targets=None):
        if self.training:
            return {"a": sum(self.weight * i.mean() for i in images), "b": self.weight * 0}
        found = []
        for image in images:
            score = (self.weight * image.mean((1, 2)) / 2)[:2]
            boxes = torch.tensor([[2.0, 2.0, 12.0, 12.0], [4.0, 4.0, 20.0, 20.0]])
            keep = score > 0.3
            found.append(
                {"boxes": boxes[keep], "labels": torch.tensor([1, 2])[keep], "scores": score[keep]}
            )
        return found


def test_torchvision_s_interface_is_enough(images):
    detector = wrap(Lists().eval(), classes=("cat", "dog"))
    assert isinstance(detector, ListingDetector)
    (found, _) = detector.predict(images)
    with torch.no_grad():
        out = detector.outputs(images)
    score = out.objectness.sigmoid()[..., None] * out.class_logits.sigmoid()
    assert float(score[0].amax()) == pytest.approx(float(found.scores.max()), rel=1e-5)
    before = detector.digest()
    moved = PGD(steps=3, objective=Vanishing())(detector, images, [BOX, BOX])
    assert float(detector.predict(moved)[0].scores.sum()) < float(found.scores.sum())
    assert detector.digest() == before
    assert detector.loss(images, [BOX, BOX], Untargeted()).shape == (2,)
    assert not detector.network.training
    assert not detector.network.norm.training


def test_where_nothing_is_found_the_gradient_is_0_and_not_lacking(images):
    detector = wrap(Lists(), classes=("cat", "dog"))
    dark = images * 0
    moved = PGD(steps=1, random_start=False, objective=Vanishing())(detector, dark, [BOX, BOX])
    assert torch.equal(moved, dark)


def test_a_cut_gradient_is_found_out(images):
    with torch.no_grad():
        detector = module()
    detector.network = nn.Sequential(nn.Identity(), detector.network)
    detector.network.forward = lambda x: detector.network[1](x.detach())
    for part in detector.network.parameters():
        part.requires_grad_(False)
    with pytest.raises(StateError, match="depends on the pixels, got a constant"):
        check_detector(detector, images, [BOX, BOX], [PGD(objective=Vanishing())])
