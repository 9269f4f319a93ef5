"""Several sources as one: what it climbs, what it is chosen by, and where it is named."""

import pytest
import torch
import yaml

from modelward.adversarial import (
    APGD,
    PGD,
    Counted,
    Detections,
    Ensemble,
    Shapes,
    Target,
    Untargeted,
    Yolo3,
    Yolo3Network,
    assess,
    coco_data,
    write_coco,
)
from modelward.adversarial.attacks.base import gradient
from modelward.adversarial.attacks.iterative import reached
from modelward.adversarial.attacks.worst_case import harm_to
from modelward.adversarial.configuration import Assess, load_config
from modelward.adversarial.modes import run
from modelward.core.errors import DataError


@pytest.fixture(scope="module")
def members():
    with torch.random.fork_rng():
        torch.manual_seed(5)
        networks = [Yolo3Network(classes=3, width=width) for width in (4, 8)]
    return [
        Yolo3(network=each, classes=Shapes.classes, name=f"n{i}") for i, each in enumerate(networks)
    ]


def test_an_ensemble_adds_what_its_members_say_and_climbs_all_of_them_alike(batch, members):
    images, targets = batch
    both = Ensemble(members)
    alone = [member.loss(images, targets, Untargeted()) for member in members]
    value, slope = gradient(both, images, targets, Untargeted())
    assert torch.allclose(value, alone[0].detach().asinh() + alone[1].detach().asinh())
    parts = [gradient(member, images, targets, Untargeted())[1] for member in members]
    even = [part / part.abs().mean(dim=(1, 2, 3), keepdim=True) for part in parts]
    assert torch.allclose(slope, even[0] + even[1], rtol=1e-3, atol=1e-4)
    moved = PGD(steps=3)(both, images, targets)
    for member, before in zip(members, alone, strict=True):
        assert bool((member.loss(moved, targets, Untargeted()) > before).all())
    with pytest.raises(DataError, match="two detectors or more"):
        Ensemble(members[:1])
    with pytest.raises(DataError, match="give gradients, got n1"):
        Ensemble([members[0], Counted(members[1], budget=9)])


def test_restarts_and_apgd_choose_by_the_value_of_an_ensemble(batch, members):
    images, targets = batch
    both = Ensemble(members)

    def value(attack):
        return reached(both, attack(both, images, targets), targets, Untargeted())

    once, often = (value(PGD(steps=2, restarts=restarts)) for restarts in (1, 4))
    assert bool((often >= once).all())
    assert bool((often > once).any())
    assert bool((value(APGD(steps=12)) > value(APGD(steps=2))).all())


def test_the_worst_case_counts_the_harm_to_every_member_of_an_ensemble():
    truth = [Target(torch.tensor([[4.0, 4.0, 20.0, 20.0]]), torch.tensor([0]))]

    class Fixed:
        """Sees the object only on bright, or only on dark images."""

        name, classes, device = "fixed", ("a",), torch.device("cpu")

        def __init__(self, bright):
            self.bright = bright

        def predict(self, images):
            sees = (images.mean() > 0.5) == self.bright
            boxes = truth[0].boxes if sees else torch.zeros(0, 4)
            return [Detections(boxes, torch.ones(len(boxes)), torch.zeros(len(boxes)).long())]

        def loss(self, images, targets, objective):
            raise NotImplementedError

    both = Ensemble([Fixed(True), Fixed(False)])
    for shade in (0.2, 0.8):
        assert float(harm_to(both, torch.full((1, 3, 32, 32), shade), truth)) == pytest.approx(0.5)


def test_images_made_on_an_ensemble_are_shown_to_its_members(members):
    data = Shapes(n=2, size=64, seed=1)
    result = assess(
        {"both": Ensemble(members)},
        PGD(steps=1),
        data,
        resamples=100,
        examples=0,
        control_images=0,
    )
    assert [(c.source, c.target) for c in result.cells] == [("both", "n0"), ("both", "n1")]


def test_a_configuration_names_ensembles():
    given = {
        "models": {name: {"base-model": "yolo3", "saved_model": "zoo"} for name in "ab"},
        "attacks": [{"algorithm": "pgd"}],
    }
    assert Assess.model_validate(given | {"ensembles": {"c": ("a", "b")}, "sources": ("c",)})
    for wrong, words in (
        ({"ensembles": {"c": ("a", "d")}}, "'d' is none of models"),
        ({"ensembles": {"c": ("a", "a")}}, "two models or more"),
        ({"ensembles": {"a": ("a", "b")}}, "a name of its own"),
        ({"ensembles": {"c": ("a", "b")}, "targets": ("c",)}, "'c' is none of models"),
        ({"sources": ("c",)}, "none of models and ensembles"),
    ):
        with pytest.raises(ValueError, match=words):
            Assess.model_validate(given | wrong)


def test_create_attacks_several_together(members, tmp_path, monkeypatch):
    known = dict(zip(("yolo3", "yolo5"), members, strict=True))
    monkeypatch.setattr("modelward.adversarial.zoo.small.small_detector", known.__getitem__)
    write_coco(Shapes(n=2, size=64, seed=4), tmp_path / "data")
    content = {
        "task": {"type": "create"},
        "create-attack": {
            "base-model": "yolo3",
            "saved_model": "zoo",
            "together-with": [{"base-model": "yolo5", "saved_model": "zoo"}],
            "settings": {"steps": 2},
        },
        "transfer": {
            "source_images": "logs/images.npz",
            "target-model": "yolo5",
            "saved_model": "zoo",
        },
        "dataset": {"images": "data/images", "labels_json": "data/labels.json"},
    }
    path = tmp_path / "config.yml"
    path.write_text(yaml.safe_dump(content))
    made = run(load_config(path)).images
    assert made.config["source"] == "n0 + n1"
    assert made.config["members"] == [member.digest() for member in members]
    data = coco_data(tmp_path / "data" / "images", tmp_path / "data" / "labels.json")
    images = torch.stack([data[i].image for i in range(2)])
    targets = [data[i].target for i in range(2)]
    ids = [data[i].id for i in range(2)]
    by_hand = PGD(steps=2)(Ensemble(members), images, targets, ids=ids)
    for i, number in enumerate(ids):
        kept = next(made[j] for j in range(2) if made[j].id == number)
        torch.testing.assert_close(kept.image, by_hand[i], atol=1e-3, rtol=0)
    path.write_text(yaml.safe_dump(content | {"task": {"type": "transfer"}}))
    told = run(load_config(path)).content
    assert told["attack_strength"] != "not examined"  # a member knows its own gradient: white box
