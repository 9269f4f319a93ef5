import numpy as np
import pytest
import torch
from torch.nn import functional

from modelward.adversarial import Detector, Shapes, Target, Untargeted, Vanishing, Yolo3
from modelward.adversarial.detectors import Scale, evaluating, state_digest
from modelward.adversarial.detectors.yolo_head import Raw, detections, flatten
from modelward.adversarial.detectors.yolo_loss import training_loss
from modelward.core.errors import DataError

SCALES = (Scale(16, ((28.0, 28.0), (38.0, 38.0))), Scale(8, ((14.0, 14.0), (21.0, 21.0))))


def empty_raw(size=64, classes=3, requires_grad=False):
    """Raw outputs that see nothing: objectness -20 everywhere, offsets 0, classes -20."""
    maps = [torch.zeros(1, 2, 5 + classes, size // s.stride, size // s.stride) for s in SCALES]
    for values in maps:
        values[:, :, 4:] = -20
    flat = [m.flatten(1, 2).requires_grad_(requires_grad) for m in maps]
    return flatten(flat, SCALES), flat


def perfect_raw(target, size=64):
    """Raw outputs that hold the target exactly, where the assignment must look for it."""
    raw, _ = empty_raw(size)
    offsets, objectness, classes = (
        t.clone() for t in (raw.offsets, raw.objectness, raw.class_logits)
    )
    for box, label in zip(target.boxes, target.labels, strict=True):
        width, height = (box[2:] - box[:2]).tolist()
        shared = torch.minimum(raw.priors, torch.tensor([width, height])).prod(1)
        best = (shared / (width * height + raw.priors.prod(1) - shared)).clone()
        centre = (box[:2] + box[2:]) / 2
        best[((centre / raw.strides[:, None]).floor() != raw.cells).any(dim=1)] = -1
        place = int(best.argmax())
        within = centre / raw.strides[place] - raw.cells[place]
        offsets[0, place, :2] = torch.logit(within)
        offsets[0, place, 2:] = ((box[2:] - box[:2]) / raw.priors[place]).log()
        objectness[0, place] = 20
        classes[0, place, label] = 20
    return Raw(offsets, objectness, classes, raw.cells, raw.strides, raw.priors, raw.reach)


def seen(raw, *, score_threshold, nms_threshold=0.6, multi_label=True):
    settings = {"score_threshold": score_threshold, "nms_threshold": nms_threshold}
    return detections(raw, raw.boxes(), (64, 64), limit=10, multi_label=multi_label, **settings)[0]


TARGET = Target(
    torch.tensor([[5.0, 8.0, 18.0, 23.0], [30.0, 25.0, 62.0, 60.0]]), torch.tensor([2, 0])
)


def test_decoding_inverts_the_papers_equations():
    found = seen(perfect_raw(TARGET), score_threshold=0.5)
    order = found.boxes[:, 0].argsort()
    torch.testing.assert_close(found.boxes[order], TARGET.boxes, atol=1e-4, rtol=0)
    assert found.labels[order].tolist() == [2, 0]


def test_cells_and_priors_lie_where_the_maps_say():
    values = torch.zeros(1, 2 * 8, 3, 5)
    values[0, 8 + 0, 2, 1] = 7.0  # second anchor, t_x, row 2, column 1
    raw = flatten([values], SCALES[:1])
    place = int(raw.offsets[0, :, 0].argmax())
    assert raw.cells[place].tolist() == [1, 2]
    assert raw.priors[place].tolist() == [38, 38]
    assert raw.offsets.shape == (1, 2 * 3 * 5, 4)


def test_the_training_loss_of_a_perfect_answer_is_nothing():
    assert float(training_loss(perfect_raw(TARGET), [TARGET])) == pytest.approx(0, abs=1e-4)


def test_the_training_loss_by_hand():
    # One object of a prior's own size, centred in its cell: only objectness and classes are wrong.
    raw, _ = empty_raw()
    raw = Raw(
        raw.offsets,
        torch.zeros_like(raw.objectness),
        torch.zeros_like(raw.class_logits),
        raw.cells,
        raw.strides,
        raw.priors,
        raw.reach,
    )
    box = torch.tensor([[20.0 - 7, 20.0 - 7, 20.0 + 7, 20.0 + 7]])  # cell (2, 2) of stride 8
    overlap = torch.tensor(14.0**2) / (
        21.0**2
    )  # its other prior in that cell: IoU .44, still blamed
    assert float(overlap) < 0.5
    target = Target(box, torch.tensor([1]))
    places = raw.objectness.shape[1]
    log2 = float(functional.softplus(torch.tensor(0.0)))
    assert float(training_loss(raw, [target])) == pytest.approx((places + 3) * log2, rel=1e-5)


def test_a_near_miss_with_much_overlap_is_not_blamed():
    target = Target(torch.tensor([[12.0, 12.0, 28.0, 28.0]]), torch.tensor([1]))
    raw = perfect_raw(target)
    loss = training_loss(raw, [target])
    # The cell's other prior gives a box of 21 x 21 over the 16 x 16 object: IoU .58 > .5.
    twin = ((raw.cells == 2).all(dim=1) & (raw.priors[:, 0] == 21)).nonzero().item()
    raw.objectness[0, twin] = 5.0
    assert float(training_loss(raw, [target])) == pytest.approx(float(loss), abs=1e-6)
    raw.objectness[0, 0] = 5.0  # a far corner is blamed
    assert float(training_loss(raw, [target])) > float(loss) + 4.9


def test_an_image_without_objects_pays_for_objectness_alone():
    raw, _ = empty_raw()
    none = Target(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))
    expected = functional.softplus(raw.objectness).sum()
    torch.testing.assert_close(training_loss(raw, [none])[0], expected)


def test_losses_are_per_image(untrained, batch):
    images, targets = batch
    together = untrained.loss(images, targets, Untargeted())
    alone = torch.cat(
        [
            untrained.loss(images[i : i + 1], targets[i : i + 1], Untargeted())
            for i in range(len(images))
        ]
    )
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("objective", [Untargeted(), Vanishing()])
def test_the_gradient_reaches_the_pixels_and_matches_differences(untrained, batch, objective):
    images, targets = batch
    untrained.network.double()
    inside = images[:1].double().clamp(0.01, 0.99).requires_grad_()
    (slope,) = torch.autograd.grad(untrained.loss(inside, targets[:1], objective).sum(), inside)
    direction = torch.from_numpy(np.random.default_rng(0).normal(size=inside.shape))
    h = 1e-6
    with torch.no_grad():
        up = untrained.loss(inside + h * direction, targets[:1], objective)
        down = untrained.loss(inside - h * direction, targets[:1], objective)
    assert float((up - down) / (2 * h)) == pytest.approx(float((slope * direction).sum()), rel=1e-3)
    assert bool((slope != 0).any(dim=1).float().mean() > 0.9)


def test_suppression_keeps_the_best_of_a_class_and_other_classes():
    raw = perfect_raw(Target(torch.tensor([[20.0, 20.0, 34.0, 34.0]]), torch.tensor([1])))
    place = int(raw.objectness.argmax())
    raw.class_logits[0, place, 0] = 1.0  # the same place also speaks for class 0
    raw.objectness[0, place - 1] = 3.0  # a neighbour sees the same object a little worse
    raw.class_logits[0, place - 1, 1] = 20.0
    raw.offsets[0, place - 1] = raw.offsets[0, place]
    raw.offsets[0, place - 1, 0] = 6.0
    found = seen(raw, score_threshold=0.3, nms_threshold=0.3)
    assert found.labels.tolist() == [1, 0]
    assert found.scores.tolist() == pytest.approx([1.0, 0.731], abs=0.01)


def test_wild_offsets_give_boxes_on_the_image():
    raw, _ = empty_raw()
    raw.offsets[0, 0, 2:] = 500.0  # exp overflows to infinity
    raw.offsets[0, 1, 2:] = -500.0  # a box without area is dropped
    raw.objectness[0, :2] = 20.0
    raw.class_logits[0, :2, 0] = 20.0
    found = seen(raw, score_threshold=0.5)
    assert found.boxes.tolist() == [[0, 0, 64, 64]]


def test_it_speaks_the_protocol_and_leaves_the_training_flags(untrained, batch):
    assert isinstance(untrained, Detector)
    images, targets = batch
    untrained.network.train()
    untrained.network.stem.eval()
    before = [m.training for m in untrained.network.modules()]
    digest = untrained.digest()
    untrained.predict(images)
    seen = images.clone().requires_grad_()
    untrained.loss(seen, targets, Untargeted()).sum().backward()
    assert seen.grad is not None
    assert [m.training for m in untrained.network.modules()] == before
    assert untrained.digest() == digest  # batch norm's running means above all


def test_flags_are_restored_after_an_error():
    module = torch.nn.Dropout()
    with pytest.raises(ZeroDivisionError), evaluating(module):
        1 / 0  # noqa: B018
    assert module.training


def test_the_digest_sees_buffers_and_single_bits(untrained):
    digests = {untrained.digest()}
    norm = untrained.network.neck[1]
    norm.running_mean[0] += 1e-7
    digests.add(untrained.digest())
    norm.num_batches_tracked += 1
    digests.add(state_digest(untrained.network))
    assert len(digests) == 3


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(3, 32, 32), r"shape \(N, 3, H, W\)"),
        (torch.zeros(1, 1, 32, 32), r"shape \(N, 3, H, W\)"),
        (torch.zeros(1, 3, 32, 32, dtype=torch.uint8), "uint8"),
        (torch.full((1, 3, 32, 32), 255.0), "got values from 255 to 255"),
        (torch.full((1, 3, 32, 32), float("nan")), "got values from nan to nan"),
    ],
)
def test_images_of_another_kind_are_refused(untrained, images, message):
    with pytest.raises(DataError, match=message):
        untrained.predict(images)


def test_bad_thresholds_and_a_missing_target_are_refused(untrained):
    with pytest.raises(DataError, match="0 <= score_threshold < 1"):
        Yolo3(network=untrained.network, classes=Shapes.classes, score_threshold=2)
    with pytest.raises(DataError, match="expected 2 targets, one an image, got 0"):
        untrained.loss(torch.zeros(2, 3, 32, 32), [], Untargeted())


def test_an_image_may_be_wide(untrained):
    (found,) = untrained.predict(torch.zeros(1, 3, 32, 64))
    assert float(found.boxes[:, 1::2].max()) <= 32 < float(found.boxes[:, ::2].max()) <= 64


def test_the_repr_names_the_thresholds(untrained):
    assert "nms_threshold=0.6" in repr(untrained)
