import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import modelward.adversarial as adv
from modelward.adversarial import (
    APGD,
    ATTACKS,
    BIM,
    DI2FGSM,
    FGSM,
    MIFGSM,
    NIFGSM,
    PGD,
    SIFGSM,
    TIFGSM,
    TOG,
    VMIFGSM,
    AveragePrecision,
    Fabrication,
    InputDiversity,
    LocalisationShift,
    Mislabelling,
    Noise,
    OfClasses,
    Target,
    Untargeted,
    Vanishing,
    WorstCase,
    make_attack,
)
from modelward.adversarial.attacks.base import gradient
from modelward.adversarial.attacks.space import Space
from modelward.core.errors import ConfigError, DataError, StateError
from modelward.core.testing import check_settings

EPS = 8 / 255
TABLE = [
    Noise(eps=EPS),
    FGSM(eps=EPS),
    FGSM(eps=EPS, objective=Vanishing()),
    PGD(eps=EPS, steps=4),
    PGD(eps=EPS, steps=4, objective=Vanishing()),
    PGD(eps=EPS, steps=3, restarts=2),
    PGD(eps=2 / 255, steps=3, random_start=False),
    PGD(eps=EPS, steps=2, objective=Fabrication()),
    PGD(eps=EPS, steps=2, objective=Mislabelling()),
    PGD(eps=EPS, steps=2, objective=Mislabelling(label=1)),
    PGD(eps=EPS, steps=2, objective=LocalisationShift()),
    PGD(eps=EPS, steps=2, objective=AveragePrecision()),
    PGD(eps=EPS, steps=2, objective=OfClasses(AveragePrecision(), classes=(0, 1, 2))),
    PGD(eps=2.0, norm="l2", steps=3),
    FGSM(eps=2.0, norm="l2"),
    Noise(eps=2.0, norm="l2"),
    BIM(eps=EPS, steps=2),
    APGD(eps=EPS, steps=5),
    APGD(eps=2.0, norm="l2", steps=5),
    MIFGSM(eps=EPS, steps=2),
    MIFGSM(eps=EPS, steps=2, views=(InputDiversity(),)),
    NIFGSM(eps=EPS, steps=2),
    DI2FGSM(eps=EPS, steps=2),
    TIFGSM(eps=EPS, steps=2, kernel=5),
    SIFGSM(eps=EPS, steps=2, copies=2),
    VMIFGSM(eps=EPS, steps=2, variance=2),
    TOG(aim="vanishing", eps=EPS, steps=2),
    WorstCase(attacks=(PGD(eps=EPS, steps=2), FGSM(eps=EPS, objective=Vanishing()))),
]
NOTHING = Target(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))


class Linear:
    """A test double whose loss is linear in the pixels: the best perturbation is known."""

    name = "linear"
    classes = ("thing",)
    device = torch.device("cpu")

    def __init__(self, weight):
        self.weight = weight

    def loss(self, images, targets, objective):
        return (self.weight * images).flatten(1).sum(dim=1)

    def predict(self, images):
        raise AssertionError("an attack in white box needs no predictions")

    def digest(self):
        return "0" * 64


@pytest.fixture
def linear():
    rng = np.random.default_rng(0)
    return Linear(torch.from_numpy(rng.normal(size=(3, 16, 16))))


def grey(n=3):
    return torch.full((n, 3, 16, 16), 0.5, dtype=torch.float64)


@pytest.mark.parametrize("attack", TABLE, ids=repr)
class TestEveryAttack:
    def test_keeps_the_norm_and_the_range(self, attack, untrained, batch):
        images, targets = batch
        images = (images * 1.6 - 0.3).clamp(0, 1)  # many pixels at the borders
        moved = attack(untrained, images, targets)
        assert moved.shape == images.shape
        assert moved.dtype == images.dtype
        step = (moved - images).flatten(1)
        size = step.abs().max() if attack.norm == "linf" else step.norm(dim=1).max()
        assert float(size) <= attack.eps * (1 + 1e-5) + 1e-6
        assert float(moved.min()) >= 0
        assert float(moved.max()) <= 1
        assert not torch.equal(moved, images)
        assert not moved.requires_grad

    def test_is_the_same_by_seed(self, attack, untrained, batch):
        images, targets = batch
        torch.manual_seed(1)
        first = attack(untrained, images, targets, seed=4)
        torch.manual_seed(2)  # the global generator has no say
        assert torch.equal(first, attack(untrained, images, targets, seed=4))

    def test_leaves_the_detector_as_it_was(self, attack, untrained, batch):
        images, targets = batch
        untrained.network.train()
        before, given = untrained.digest(), images.clone()
        state = torch.random.get_rng_state()
        attack(untrained, images, targets)
        assert untrained.digest() == before
        assert torch.equal(images, given)
        assert untrained.network.training
        assert all(p.grad is None for p in untrained.network.parameters())
        assert all(p.requires_grad for p in untrained.network.parameters())
        assert torch.equal(torch.random.get_rng_state(), state)

    def test_repr_builds_the_same_attack(self, attack, untrained, batch):
        images, targets = batch
        names = {name: getattr(adv, name) for name in adv.__all__}
        twin = eval(repr(attack), names)
        assert repr(twin) == repr(attack)
        assert torch.equal(twin(untrained, images, targets), attack(untrained, images, targets))


@pytest.mark.parametrize("attack", [FGSM(eps=EPS), PGD(eps=EPS, steps=10)], ids=repr)
def test_gradient_attacks_find_the_best_point_of_a_linear_loss(attack, linear):
    moved = attack(linear, grey(), [NOTHING] * 3)
    torch.testing.assert_close(moved, grey() + EPS * linear.weight.sign())


@pytest.mark.parametrize("objective", [Untargeted(), Vanishing()], ids=repr)
def test_pgd_raises_its_objective_above_fgsm_and_noise(detector, batch, objective):
    images, targets = batch

    def reached(moved):
        with torch.no_grad():
            return detector.loss(moved, targets, objective)

    clean = reached(images)
    noise = reached(Noise(eps=EPS)(detector, images, targets))
    fgsm = reached(FGSM(eps=EPS, objective=objective)(detector, images, targets))
    pgd = reached(PGD(eps=EPS, steps=10, objective=objective)(detector, images, targets))
    assert bool((fgsm > clean).all())
    assert bool((pgd > noise).all())
    assert float(pgd.mean()) > float(fgsm.mean())


def test_more_steps_and_restarts_reach_at_least_as_far(detector, batch):
    images, targets = batch

    def reached(attack):
        with torch.no_grad():
            return detector.loss(attack(detector, images, targets, seed=3), targets, Untargeted())

    one = reached(PGD(eps=EPS, steps=5))
    assert bool((reached(PGD(eps=EPS, steps=5, restarts=3)) >= one - 1e-4).all())
    assert float(reached(PGD(eps=EPS, steps=30)).mean()) > float(one.mean())


def test_vanishing_lowers_objectness_and_needs_no_boxes(detector, batch):
    images, _ = batch
    attack = PGD(eps=EPS, steps=10, objective=Vanishing())
    moved = attack(detector, images, [NOTHING] * len(images))
    before = sum(len(d.above(0.5)) for d in detector.predict(images))
    after = sum(len(d.above(0.5)) for d in detector.predict(moved))
    assert before >= 4
    assert after == 0


def test_random_parts_follow_the_id_of_an_image_and_not_its_batch(linear):
    attack = Noise(eps=EPS)
    together = attack(linear, grey(3), [NOTHING] * 3, seed=1, ids=[10, 11, 12])
    alone = attack(linear, grey(1), [NOTHING], seed=1, ids=[12])
    assert torch.equal(together[2:], alone)
    assert not torch.equal(together[0], together[1])
    assert not torch.equal(together, attack(linear, grey(3), [NOTHING] * 3, seed=2))


def test_noise_moves_each_pixel_by_eps_either_way(linear):
    step = Noise(eps=EPS)(linear, grey(8), [NOTHING] * 8) - grey(8)
    torch.testing.assert_close(step.abs(), torch.full_like(step, EPS))
    assert abs(float((step > 0).double().mean()) - 0.5) < 4 * 0.5 / math.sqrt(step.numel())


@settings(max_examples=50, deadline=None)
@given(
    eps=st.floats(1e-4, 1),
    values=st.lists(st.tuples(st.floats(0, 1), st.floats(-3, 3)), min_size=1, max_size=8),
)
def test_projection_is_the_nearest_point_of_ball_and_range(eps, values):
    images = torch.tensor([v[0] for v in values], dtype=torch.float64).view(1, 1, 1, -1)
    moved = torch.tensor([v[1] for v in values], dtype=torch.float64).view(1, 1, 1, -1)
    space = Space(images, eps=eps)
    found = space.project(moved)
    low, high = np.maximum(images.numpy() - eps, 0), np.minimum(images.numpy() + eps, 1)
    expected = np.clip(moved.numpy(), low, high)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)
    assert torch.equal(space.project(found), found)


@settings(max_examples=50, deadline=None)
@given(st.floats(1e-3, 20), st.integers(0, 2**32 - 1))
def test_an_l2_projection_stays_in_ball_and_range_and_keeps_what_is_inside(eps, seed):
    rng = np.random.default_rng(seed)
    images = torch.from_numpy(rng.uniform(0, 1, (2, 3, 4, 4)))
    space = Space(images, eps=eps, norm="l2")
    found = space.project(images + torch.from_numpy(rng.normal(0, 5, (2, 3, 4, 4))))
    assert float((found - images).flatten(1).norm(dim=1).max()) <= eps * (1 + 1e-9)
    assert 0 <= float(found.min()) <= float(found.max()) <= 1
    torch.testing.assert_close(space.project(found), found)


def test_nothing_moves_where_the_mask_is_0(untrained, batch):
    images, targets = batch
    mask = torch.zeros(images.shape[-2:])
    mask[10:40, 5:30] = 1
    for attack in (PGD(steps=3), Noise(), MIFGSM(steps=2), PGD(eps=1.0, norm="l2", steps=2)):
        moved = attack(untrained, images, targets, mask=mask)
        changed = (moved != images).any(dim=1)
        assert bool(changed[:, mask == 1].any())
        assert not bool(changed[:, mask == 0].any())
    for wrong in (mask * 0.5, torch.ones(3, 3)):
        with pytest.raises(DataError, match="expected a mask"):
            Noise()(untrained, images, targets, mask=wrong)


def test_a_black_box_is_refused_by_what_needs_gradients(batch):
    class OnlyPredicts:
        name = "camera"
        classes = ("a",)

        def predict(self, images):
            return []

    images, targets = batch
    with pytest.raises(DataError, match="'camera', which only predicts"):
        PGD()(OnlyPredicts(), images, targets)
    assert Noise()(OnlyPredicts(), images, targets).shape == images.shape


def test_an_empty_batch_gives_an_empty_batch(untrained):
    assert Noise()(untrained, torch.zeros(0, 3, 32, 32), []).shape == (0, 3, 32, 32)


def test_a_cut_gradient_is_named(untrained, batch):
    images, targets = batch
    for loss in (
        lambda *_: torch.zeros(4),
        lambda *_: torch.zeros(4, requires_grad=True) + 1,
    ):
        broken = Linear(None)
        broken.loss = loss
        with pytest.raises(StateError, match="'linear' that depends on the pixels, got a constant"):
            FGSM()(broken, images, targets)


def test_nan_in_the_detector_is_named(untrained, batch):
    images, targets = batch
    untrained.network.stem[0][0].weight.data[0] = float("nan")
    with pytest.raises(StateError, match="got NaN or infinity on 4 of 4 images"):
        PGD(steps=1)(untrained, images, targets)


def test_gradients_work_under_no_grad(untrained, batch):
    images, targets = batch
    with torch.no_grad():
        _, slope = gradient(untrained, images, targets, Untargeted())
    assert float(slope.abs().max()) > 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Noise(eps=0), "0 < eps <= 1, got 0"),
        (lambda: FGSM(eps=8), "0 < eps <= 1, got 8"),
        (lambda: PGD(eps=float("nan")), "got nan"),
        (lambda: PGD(steps=0), "steps >= 1 and restarts >= 1, got 0 and 1"),
        (lambda: PGD(eps=0.1, step=0.3), "0 < step <= 2 eps = 0.2, got 0.3"),
        (lambda: PGD(restarts=2, random_start=False), "random start for 2 restarts"),
        (lambda: make_attack("pgdd"), "did you mean 'pgd'"),
        (lambda: make_attack("pgd", epsilon=1), "settings of the attack 'pgd'"),
    ],
)
def test_bad_settings_say_what_is_expected(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_a_projection_that_went_wrong_is_an_error():
    nan = torch.tensor([float("nan")])
    with pytest.raises(StateError, match=r"perturbation of at most 0\.1 \(linf\), got nan"):
        Space(torch.tensor([[[[0.5]]]]), eps=0.1).project(nan.view(1, 1, 1, 1))


def test_bad_data_says_what_is_expected(untrained, batch):
    images, targets = batch
    with pytest.raises(DataError, match="got 4 images, 4 targets and 2 ids"):
        FGSM()(untrained, images, targets, ids=[1, 2])
    with pytest.raises(DataError, match=r"pixels in \[0, 1\]"):
        FGSM()(untrained, images * 255, targets)


@pytest.mark.parametrize("kind", [*ATTACKS.values(), WorstCase])
def test_settings_are_keyword_only_and_documented(kind):
    check_settings(kind)


def test_the_registry_holds_every_attack_under_its_name():
    assert {k: v.__name__.lower() for k, v in ATTACKS.items()} == {k: k for k in ATTACKS}
    assert make_attack("PGD", eps=0.1).label == "PGD Untargeted 25.5/255"
