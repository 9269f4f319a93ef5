"""Objectives: what each aims at, held against the detections themselves."""

import pytest
import torch

from modelward.adversarial import (
    PGD,
    AveragePrecision,
    Fabrication,
    LocalisationShift,
    Mislabelling,
    OfClasses,
    Shapes,
    Target,
    Untargeted,
    Vanishing,
    WorstCase,
    match,
)
from modelward.adversarial.detectors.base import Outputs
from modelward.adversarial.objectives import seeing
from modelward.adversarial.scoring import harm
from modelward.core.errors import ConfigError, DataError

EPS = 8 / 255
BOXES = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [40, 40, 60, 60], [0, 40, 9, 49]])
TARGET = Target(torch.tensor([[0.0, 0, 10, 10], [44, 44, 64, 64]]), torch.tensor([1, 0]))


def outputs(objectness=0.0, present=None):
    return Outputs(
        boxes=BOXES[None].clone().requires_grad_(),
        objectness=torch.full((1, 4), objectness).requires_grad_(),
        class_logits=torch.zeros(1, 4, 3).requires_grad_(),
        training_loss=lambda targets: torch.zeros(len(targets)),
        present=present,
    )


def test_the_places_that_see_an_object_overlap_it_or_are_nearest():
    place, which = seeing(outputs(), 0, TARGET)
    assert dict(zip(place.tolist(), which.tolist(), strict=True)) == {0: 0, 1: 0, 2: 1}
    hidden = torch.tensor([[False, True, True, True]])
    place, _ = seeing(outputs(present=hidden), 0, TARGET)
    assert place.tolist() == [1, 2]
    none = Target(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))
    assert seeing(outputs(), 0, none)[0].tolist() == []


@pytest.mark.parametrize(
    ("objective", "part", "places", "sign"),
    [
        (Vanishing(), "objectness", [0, 1, 2, 3], -1),
        (Fabrication(), "objectness", [0, 1, 2, 3], +1),
        (Mislabelling(), "objectness", [0, 1, 2], +1),
        (LocalisationShift(), "objectness", [0, 1, 2], +1),
    ],
)
def test_objectness_is_pushed_where_and_in_the_way_the_aim_says(objective, part, places, sign):
    raw = outputs()
    objective(raw, [TARGET]).sum().backward()
    grad = getattr(raw, part).grad[0]
    assert (grad * sign > 0).nonzero()[:, 0].tolist() == places


def test_mislabelling_lowers_the_true_class_and_raises_the_chosen():
    raw = outputs()
    Mislabelling(label=2)(raw, [TARGET]).sum().backward()
    grad = raw.class_logits.grad[0]
    assert grad[0].tolist() == [0, -1, 1]
    assert grad[2].tolist() == [-1, 0, 1]
    assert grad[3].tolist() == [0, 0, 0]
    with pytest.raises(DataError, match="expected a label below 3, got 7"):
        Mislabelling(label=7)(raw, [TARGET])


def test_mislabelling_stops_at_its_margin():
    raw = outputs()
    raw.class_logits.data[0, 0] = torch.tensor([9.0, 0.0, 0.0])
    Mislabelling()(raw, [TARGET]).sum().backward()
    assert raw.class_logits.grad[0, 0].tolist() == [0, 0, 0]


def test_the_aim_at_ap_lowers_what_is_right_and_raises_what_is_wrong():
    raw = outputs()
    AveragePrecision()(raw, [TARGET]).sum().backward()
    grad = raw.class_logits.grad[0]
    assert float(grad[0, 1]) < 0  # right
    assert float(grad[1, 1]) < 0  # overlaps by half or more: right too
    assert float(grad[0, 0]) > 0
    assert float(grad[3].min()) > 0  # sees nothing that is there


def test_of_classes_leaves_other_objects_alone():
    raw = outputs()
    OfClasses(Mislabelling(), classes=(0,))(raw, [TARGET]).sum().backward()
    assert raw.class_logits.grad[0, 2, 0] < 0
    assert raw.class_logits.grad[0, 0].tolist() == [0, 0, 0]
    with pytest.raises(ConfigError, match="at least one class"):
        OfClasses(Mislabelling(), classes=())


def test_images_without_objects_have_a_gradient_all_the_same(untrained):
    images = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    none = Target(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))
    for objective in (Mislabelling(), LocalisationShift(), AveragePrecision(), Fabrication()):
        moved = PGD(steps=2, objective=objective)(untrained, images, [none])
        assert moved.shape == images.shape


def ap(detector, images, targets):
    return match(detector.predict(images), targets, classes=Shapes.classes).score()


def test_each_aim_does_what_it_says_to_a_trained_detector(detector, batch):
    images, targets = batch

    def attacked(objective):
        return PGD(eps=EPS, steps=15, objective=objective)(detector, images, targets)

    ghosts = [found.above(0.1) for found in detector.predict(attacked(Fabrication()))]
    faint = [found.above(0.1) for found in detector.predict(images)]
    assert sum(map(len, ghosts)) > 2 * sum(map(len, faint))
    clean = [found.above(0.5) for found in detector.predict(images)]
    vanished = [found.above(0.5) for found in detector.predict(attacked(Vanishing()))]
    assert sum(map(len, vanished)) == 0
    wrong = [found.above(0.5) for found in detector.predict(attacked(Mislabelling()))]
    assert sum(map(len, wrong)) >= sum(map(len, clean)) / 2  # seen still, as something else
    before = ap(detector, images, targets).ap50
    assert ap(detector, attacked(Mislabelling()), targets).ap50 < before / 2
    aimed = ap(detector, attacked(AveragePrecision()), targets).ap
    assert aimed <= ap(detector, attacked(Vanishing()), targets).ap
    assert aimed <= ap(detector, attacked(Untargeted()), targets).ap + 0.01


def test_the_worst_case_is_the_worst_of_all_image_by_image(detector, batch):
    images, targets = batch
    parts = [PGD(eps=EPS, steps=4, objective=o) for o in (Vanishing(), LocalisationShift())]
    worst = detector.predict(WorstCase(attacks=parts)(detector, images, targets))
    # The same chances as it hands out, so that its parts can be held beside it.
    shown = WorstCase(attacks=parts[:1])(detector, images, targets)
    alone = detector.predict(shown)
    for i, target in enumerate(targets):
        assert harm(worst[i], target) >= harm(alone[i], target) - 1e-9
    with pytest.raises(ConfigError, match="one size and norm"):
        WorstCase(attacks=(PGD(eps=0.1), PGD(eps=0.2)))


def test_harm_orders_what_was_done():
    from modelward.adversarial import Detections

    box, label = torch.tensor([[10.0, 10, 30, 30]]), torch.tensor([0])
    truth = Target(box, label)
    right = Detections(box, torch.tensor([0.9]), label)
    ghost = Detections(torch.tensor([[50.0, 50, 60, 60]]), torch.tensor([0.8]), label)
    nothing = Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))
    assert harm(right, truth) == 0
    assert harm(nothing, truth) == 1
    assert harm(ghost, truth) > 1
    empty = Target(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))
    assert harm(nothing, empty) == 0
    assert harm(ghost, empty) == pytest.approx(0.8)
