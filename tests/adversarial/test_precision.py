"""The same detector in low precision and at higher speed: what changes, and what may not."""

import numpy as np
import pytest
import torch
from torch import nn

from modelward.adversarial import (
    PGD,
    ModuleDetector,
    Untargeted,
    accelerated,
    in_precision,
    load_detector,
)
from modelward.adversarial.detectors.folding import folded, folded_network
from modelward.adversarial.detectors.precision import per_channel
from modelward.adversarial.detectors.state import frozen
from modelward.core.errors import ConfigError, DataError


def spread(network):
    """Give batch norms statistics of their own, so that folding them is no empty act."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(5)
        for part in network.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.uniform_(-0.5, 0.5)
                part.running_var.uniform_(0.5, 2.0)
                part.weight.uniform_(0.5, 1.5)
                part.bias.uniform_(-0.2, 0.2)
    return network


@pytest.fixture
def whole(untrained):
    spread(untrained.network)
    return untrained


@pytest.mark.parametrize("last", [False, True])
def test_a_faster_detector_answers_alike_and_is_attacked_alike(whole, batch, last):
    images, targets = batch
    before = whole.digest()
    quick = accelerated(whole, channels_last=last)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in quick.network.modules())
    one, other = (d.loss(images, targets, Untargeted()).detach() for d in (whole, quick))
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    attack = PGD(steps=2)
    apart = (attack(whole, images, targets) - attack(quick, images, targets)).abs()
    assert float((apart > 1e-3).float().mean()) < 0.02
    assert whole.digest() == before


def test_bfloat16_changes_the_third_place(whole, batch):
    images, targets = batch
    one = whole.loss(images, targets, Untargeted()).detach()
    other = accelerated(whole, bfloat16=True).loss(images, targets, Untargeted()).detach()
    assert other.dtype == torch.float32
    assert not torch.equal(one, other)
    torch.testing.assert_close(one, other, rtol=0.05, atol=0.05)


def test_what_is_not_run_in_a_row_is_not_folded_unseen():
    class Crossed(nn.Module):
        """Its batch norm stands after the convolution, and is run before it."""

        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)
            self.norm = nn.BatchNorm2d(3)

        def forward(self, x):
            return self.conv(self.norm(x))

    detector = ModuleDetector(
        network=spread(Crossed()), classes=("a",), decode=lambda maps: (maps, maps)
    )
    with pytest.raises(DataError, match="to answer alike with its batch norms folded"):
        folded(detector)


def test_a_convolution_used_twice_is_left_alone():
    conv = nn.Conv2d(3, 3, 1)
    network = nn.Sequential(conv, nn.BatchNorm2d(3), conv, nn.BatchNorm2d(3))
    assert isinstance(folded_network(network)[1], nn.BatchNorm2d)


def test_weights_of_eight_bits_are_those_of_an_independent_computation():
    weight = torch.randn(4, 3, 3, 3, generator=torch.Generator().manual_seed(1))
    ours = per_channel(weight).numpy()
    for channel, found in zip(weight.numpy(), ours, strict=True):
        step = np.abs(channel).max() / 127
        np.testing.assert_allclose(found, np.rint(channel / step) * step, rtol=1e-5, atol=1e-7)
        assert len(np.unique(np.rint(found / step))) <= 255


def test_int8_is_whole_numbers_multiplied_and_added():
    """A linear layer, against sums of whole numbers as a device takes them."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        layer = nn.Linear(16, 4)
        x = torch.rand(5, 16) * 3 - 1
    detector = ModuleDetector(network=layer, classes=("a",), decode=lambda maps: (maps, maps))
    detector.network = nn.Sequential(layer)
    quick = _unfolded(detector)
    scale = (float(x.max()) - float(x.min())) / 255
    zero = round(-float(x.min()) / scale)
    codes = np.clip(np.rint(x.numpy() / np.float32(scale)) + zero, 0, 255).astype(np.int32)
    weight = layer.weight.detach().numpy()
    steps = np.abs(weight).max(axis=1) / 127
    whole = np.rint(weight / steps[:, None]).astype(np.int32)
    sums = (codes - zero) @ whole.T  # int32, as the device's
    expected = sums * (scale * steps) + layer.bias.detach().numpy()
    np.testing.assert_allclose(quick.network(x).detach().numpy(), expected, rtol=1e-3, atol=1e-3)


def _unfolded(detector):
    """Round a network that takes no images: folding would look at it with one."""
    import copy

    from modelward.adversarial.detectors import precision

    made = copy.copy(detector)
    made.network = copy.deepcopy(detector.network)
    for layer in made.network:
        precision._round_weights(layer, "int8")
        precision._Rounding(layer, "int8")
    return made


def test_half_floats_are_near_what_torch_computes_in_them():
    with torch.random.fork_rng():
        torch.manual_seed(4)
        network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 1))
    detector = ModuleDetector(network=network, classes=("a",), decode=lambda maps: (maps, maps))
    ours = in_precision(detector, "fp16")
    picture = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        exact = detector.network(picture)
        half = detector.network.half()(picture.half()).float()
        apart = (ours.network(picture) - half).abs().max()
    assert float(apart) <= 2 * float((exact - half).abs().max()) + 1e-3
    assert not torch.equal(ours.network(picture), exact)


@pytest.mark.parametrize("kind", ["fp16", "bf16", "int8"])
def test_a_rounded_detector_is_source_and_target(whole, batch, kind):
    images, targets = batch
    before = whole.digest()
    rounded = in_precision(whole, kind, calibration=images)
    assert rounded.name.endswith(kind)
    moved = PGD(eps=8 / 255, steps=3)(rounded, images, targets)
    low, high = (rounded.loss(x, targets, Untargeted()).detach().sum() for x in (images, moved))
    assert float(high) > float(low)  # the gradient goes through the rounding
    assert whole.digest() == before != rounded.digest()
    exact = whole.loss(images, targets, Untargeted()).detach()
    torch.testing.assert_close(
        rounded.loss(images, targets, Untargeted()).detach(), exact, rtol=0.1, atol=0.5
    )


def test_int8_with_calibration_does_not_depend_on_the_batch(whole, batch):
    images, _ = batch
    rounded = in_precision(whole, "int8", calibration=images)
    with torch.no_grad():
        together = rounded.network(images)[0][:1]
        alone = rounded.network(images[:1])[0]
    torch.testing.assert_close(together, alone, atol=1e-3, rtol=1e-3)


def test_wrong_precisions_and_families_are_named(whole):
    with pytest.raises(ConfigError, match="a precision of fp16, bf16, int8, got 'fp4'"):
        in_precision(whole, "fp4")
    with pytest.raises(ConfigError, match="did you mean 'retinanet'"):
        load_detector("retinet", weights="x.pt")

    class OnlyPredicts:
        name = "camera"

    with pytest.raises(DataError, match="with a network, got 'camera'"):
        in_precision(OnlyPredicts(), "int8")


def test_frozen_asks_for_no_gradients_and_gives_all_back(untrained):
    parts = list(untrained.network.parameters())
    parts[0].requires_grad_(False)

    def fail():
        with frozen(untrained.network):
            assert not any(p.requires_grad for p in parts)
            raise ArithmeticError

    with pytest.raises(ArithmeticError):
        fail()
    assert [p.requires_grad for p in parts] == [False] + [True] * (len(parts) - 1)
