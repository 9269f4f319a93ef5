"""What every attack of the registry promises, whoever wrote it: found by name, held to the same."""

import pytest
import torch

from modelward.adversarial import (
    ATTACKS,
    Counted,
    Noise,
    Target,
    make_attack,
    make_objective,
)
from modelward.adversarial.attacks.asking import QueryAttack, advantage
from modelward.adversarial.attacks.patching import PatchAttack
from modelward.adversarial.attacks.space import Space
from modelward.core.errors import ConfigError, StateError

CHEAP = {
    "steps": 3,
    "copies": 2,
    "variance": 1,
    "queries": 24,
    "pairs": 4,
    "kernel": 5,
    "resolution": 8,
    "samples": 2,
}
EPS = {"linf": 16 / 255, "l2": 4.0}
BASELINES = {"noise", "corruption"}
# What three steps or 24 queries are too few for: settings under which it must be better than noise.
LONGER = {
    "dag": {"steps": 8, "step": 4 / 255},
    "dpatch": {"steps": 12, "share": 0.5, "place": "centre"},
    "robustdpatch": {"steps": 12, "share": 0.5, "place": "centre"},
    "nes": {"queries": 240, "pairs": 10, "step": 8 / 255},
    "square": {"queries": 60},
    "randomsearch": {"queries": 60},
}
# A search that learns one bit an answer gets nowhere in a test's few queries: its own test is below.
ONE_BIT = {"boundary", "rays"}


def cheap(name, **more):
    """Make an attack with few steps, whatever it calls them."""
    known = ATTACKS[name].__init__.__kwdefaults__
    settings = {key: value for key, value in CHEAP.items() if key in known}
    attack = ATTACKS[name](**settings)
    if "eps" in known:
        settings["eps"] = EPS[attack.norm]
    return ATTACKS[name](**settings | more)


@pytest.fixture(params=sorted(ATTACKS))
def name(request):
    return request.param


@pytest.fixture(scope="module")
def pair(data):
    samples = [data[i] for i in range(2)]
    return torch.stack([s.image for s in samples]), [s.target for s in samples]


def test_norm_range_mask_seed_and_detector(name, detector, pair):
    images, targets = pair
    attack = cheap(name)
    mask = torch.zeros(images.shape[-2:])
    mask[:50, 10:70] = 1
    before = {k: v.clone() for k, v in detector.network.state_dict().items()}
    torch.manual_seed(1)
    moved = attack(detector, images, targets, seed=5, mask=mask)
    torch.manual_seed(2)  # the global generator has no say
    assert torch.equal(moved, attack(detector, images, targets, seed=5, mask=mask))
    step = (moved - images).flatten(1)
    size = step.abs().max() if attack.norm == "linf" else step.norm(dim=1).max()
    assert float(size) <= attack.eps * (1 + 1e-5) + 1e-6
    assert 0 <= float(moved.min()) <= float(moved.max()) <= 1
    assert not bool((moved != images).any(dim=1)[:, mask == 0].any())
    after = detector.network.state_dict()
    assert all(torch.equal(v, after[k]) for k, v in before.items())


@pytest.mark.parametrize("name", sorted(set(ATTACKS) - BASELINES - ONE_BIT))
def test_it_harms_more_than_noise(name, detector, pair):
    images, targets = pair
    attack = cheap(name, **LONGER.get(name, {}))
    noise = Noise(eps=EPS[attack.norm], norm=attack.norm)

    def harm(moved):
        found = detector.predict(moved)
        return sum(advantage(f, t) for f, t in zip(found, targets, strict=True))

    assert harm(attack(detector, images, targets)) > harm(noise(detector, images, targets))


def test_random_parts_do_not_depend_on_the_batch(name, detector, pair):
    images, targets = pair
    attack = cheap(name)
    together = attack(detector, images, targets, seed=2, ids=[7, 8])
    alone = attack(detector, images[1:], targets[1:], seed=2, ids=[8])
    if (
        attack.uses_gradient
    ):  # the last bits of a convolution may turn the sign of a gradient near 0
        assert float(((together[1:] - alone).abs() > 1e-4).float().mean()) < 0.15
    else:
        torch.testing.assert_close(together[1:], alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    "name", [n for n, kind in ATTACKS.items() if issubclass(kind, QueryAttack)]
)
def test_no_more_is_asked_than_is_allowed(name, detector, pair):
    images, targets = pair
    box = Counted(detector, budget=24 * 2)
    cheap(name)(box, images, targets)
    assert 1 < box.count <= 24 * 2
    assert not hasattr(box, "loss")
    with pytest.raises(StateError, match="expected at most 10 images to be asked about, got 12"):
        cheap(name)(Counted(detector, budget=10), images, targets)


@pytest.mark.parametrize("name", sorted(ONE_BIT))
def test_one_bit_an_answer_is_enough_to_come_nearer(name):
    """On a detector that loses its object above a known change, the nearest such image is found."""
    images = 0.3 + 0.1 * torch.rand(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    images[1] += 0.3
    targets = [Target(torch.tensor([[1.0, 1.0, 5.0, 5.0]]), torch.tensor([0]))] * 2

    class Fragile:
        """Sees everything until the mean of the image has moved by more than .1."""

        name, classes, device = "fragile", ("a",), torch.device("cpu")

        def predict(self, shown):
            from modelward.adversarial import Detections

            found = []
            for image in shown:
                base = min(range(2), key=lambda i: float((image - images[i]).abs().mean()))
                kept = abs(float(image.mean() - images[base].mean())) < 0.1
                t = targets[base]
                n = len(t.labels) if kept else 0
                found.append(Detections(t.boxes[:n], torch.ones(n), t.labels[:n]))
            return found

        def digest(self):
            return "0" * 64

    eps = {"rays": 1.0, "boundary": 200.0}[name]

    def distance(queries):
        moved = ATTACKS[name](eps=eps, queries=queries)(Fragile(), images, targets)
        assert all(not len(found) for found in Fragile().predict(moved))
        step = (moved - images).flatten(1)
        far = step.abs().amax(dim=1) if name == "rays" else step.norm(dim=1)
        return float(far.sum())

    near, least = distance(800), 2 * 0.1  # of either image, by what is known of `Fragile`
    if name == "boundary":
        least *= (3 * 6 * 6) ** 0.5
        assert near < 0.95 * distance(30)
    assert least <= near < {"rays": 1.05, "boundary": 2.5}[name] * least


@pytest.mark.parametrize(
    "name", [n for n, kind in ATTACKS.items() if issubclass(kind, PatchAttack)]
)
def test_a_patch_changes_its_square_and_nothing_else(name, detector, pair):
    images, targets = pair
    moved = cheap(name, share=0.25, place="corner")(detector, images, targets)
    changed = (moved != images).any(dim=1)
    assert bool(changed[:, :20, :20].float().mean() > 0.9)
    assert not bool(changed[:, 21:].any())
    assert not bool(changed[:, :, 21:].any())


def test_objectives_by_name_reach_every_attack_that_takes_one():
    attack = make_attack("pgd", objective="vanishing")
    assert repr(attack.objective) == "Vanishing()"
    attack = make_attack("dpatch", objective={"mislabelling": {"label": 2}})
    assert attack.objective.label == 2
    worst = make_attack("worstobjective", objectives=["untargeted", "average-precision"])
    assert len(worst.attacks) == 2
    with pytest.raises(ConfigError, match="did you mean 'vanishing'"):
        make_objective("vanish")
    with pytest.raises(ConfigError, match="settings of the objective 'vanishing'"):
        make_objective({"vanishing": {"strength": 2}})


def test_a_space_falls_into_those_of_its_images(pair):
    images, _ = pair
    parts = Space(images, eps=0.1, mask=torch.ones(80, 80)).parts()
    assert [tuple(p.images.shape) for p in parts] == [(1, 3, 80, 80)] * 2
