"""Whether the figures can be trusted: what is checked of every detector and every result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from modelward.adversarial.attacks.base import Attack, gradient
from modelward.adversarial.attacks.iterative import reached
from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detections, Detector
from modelward.adversarial.objectives import Untargeted
from modelward.core.errors import DataError

if TYPE_CHECKING:
    from modelward.adversarial.results import Cell, Scores

TOLERANCE = 0.01
"""AP by which a stronger attack may be behind before it is called weak."""
STEPS = (0.25 / 255, 0.05 / 255)
"""Lengths of the step along the gradient on which a loss must rise."""


def check_detector(
    detector: Detector, images: Tensor, targets: Sequence[Target], attacks: Sequence[Attack] = ()
) -> tuple[str, ...]:
    """Try a detector before anything is attacked; give what is doubtful, in plain sentences.

    What it sees must be boxes on the image, scores in [0, 1] and labels with names; for an attack with
    gradients, one must reach the pixels, and the loss must rise along it (the attack climbs what
    training descends). `images` `(N, 3, H, W)` in [0, 1]; one is enough.

    Raises `DataError` for scores, boxes or labels that are no such thing, and for an attack that cannot
    be run on the detector; `StateError` for a gradient that does not reach the pixels or is not finite.

    >>> from modelward.adversarial import PGD, Shapes, Yolo3, Yolo3Network
    >>> detector = Yolo3(network=Yolo3Network(classes=3, width=4), classes=Shapes.classes)
    >>> sample = Shapes(n=1, size=64)[0]
    >>> check_detector(detector, sample.image[None], [sample.target], [PGD()])
    ()
    """
    doubts = list(_on_the_image(detector, images))
    needing = [attack for attack in attacks if attack.uses_gradient]
    if not needing:
        return tuple(doubts)
    if not hasattr(detector, "loss"):
        raise DataError(
            f"expected attacks without gradients for '{detector.name}', which only predicts, "
            f"got {needing[0].name}",
            hint="use a black-box attack, or attack another detector and transfer.",
        )
    objective = needing[0].objective or Untargeted()
    before, slope = gradient(detector, images, targets, objective)
    if not bool(slope.abs().max() > 0):
        doubts.append(f"the gradient of '{detector.name}' is 0 on every pixel: it is masked")
        return tuple(doubts)
    way = slope.to(images).sign()
    rises = (
        reached(detector, (images + step * way).clamp(0, 1), targets, objective) > before
        for step in STEPS
    )
    if not any(bool(higher.any()) for higher in rises):
        doubts.append(
            f"the loss of '{detector.name}' does not rise along its gradient: "
            "the gradient is masked, or is another's"
        )
    return tuple(doubts)


def _on_the_image(detector: Detector, images: Tensor) -> Iterator[str]:
    height, width = images.shape[-2:]
    with torch.no_grad():
        found = detector.predict(images)
    if len(found) != len(images):
        raise DataError(f"expected {len(images)} detections of '{detector.name}', got {len(found)}")
    off = total = 0
    for seen in found:
        _check_detections(detector, seen)
        centre = (seen.boxes[:, :2] + seen.boxes[:, 2:]) / 2
        outside = (centre < 0).any(dim=1) | (centre > centre.new_tensor([width, height])).any(dim=1)
        off, total = off + int(outside.sum()), total + len(seen)
    if off > total / 10:
        yield (
            f"{off} of {total} boxes of '{detector.name}' lie beside the image: "
            "they may be of another geometry"
        )


def _check_detections(detector: Detector, seen: Detections) -> None:
    if not bool(seen.boxes.isfinite().all()) or not bool(
        ((seen.scores >= 0) & (seen.scores <= 1)).all()
    ):
        raise DataError(
            f"expected finite boxes and scores in [0, 1] of '{detector.name}', got others",
            hint="look for NaN in its parameters, and for scores before their sigmoid.",
        )
    if len(seen) and not 0 <= int(seen.labels.min()) <= int(seen.labels.max()) < len(
        detector.classes
    ):
        raise DataError(
            f"expected labels below {len(detector.classes)} of '{detector.name}', "
            f"got {int(seen.labels.max())}",
            hint="labels are indices into its class names.",
        )


def warnings_on(clean: Mapping[str, Scores], cells: Sequence[Cell]) -> tuple[str, ...]:
    """Say in plain sentences what speaks against the figures; empty when nothing does.

    An attack is an upper bound on robustness: these checks find bounds that are too loose.
    """
    found = [
        f"the clean AP of {name} is only {scores.ap.value:.3f}: there is little to attack"
        for name, scores in clean.items()
        if scores.ap.value < 0.2
    ]
    if not any(cell.name == "Noise" for cell in cells):
        found.append("there is no noise baseline to hold the attacks against: add Noise(eps=...)")
    pairs = dict.fromkeys((cell.source, cell.target) for cell in cells)
    for source, target in pairs:
        own = [c for c in cells if (c.source, c.target) == (source, target)]
        if source == target and clean[target].ap.value > 0:  # else all that can be said is said
            found += [*_no_better_than_noise(own), *_pgd_behind_fgsm(own), *_larger_weaker(own)]
            found += [*_behind_black_box(own), *_more_steps_weaker(own)]
    return tuple(found)


def _no_better_than_noise(cells: Sequence[Cell]) -> Iterator[str]:
    for noise in (c for c in cells if c.name == "Noise"):
        for cell in cells:
            if cell.uses_gradient and cell.eps <= noise.eps and _behind(cell, noise, 0.0):
                yield (
                    f"{_at(cell)} leaves AP {cell.ap.value:.3f}, no less than "
                    f"{noise.attack} ({noise.ap.value:.3f}): the attack found nothing"
                    if cell.eps == noise.eps
                    else f"{noise.attack} costs as much as {_at(cell)}: "
                    "the detector is sensitive to plain noise"
                )


def _pgd_behind_fgsm(cells: Sequence[Cell]) -> Iterator[str]:
    for fgsm in (c for c in cells if c.name == "FGSM"):
        for pgd in (c for c in cells if c.name == "PGD"):
            if _alike(fgsm, pgd, "objective", "norm", "eps") and _behind(pgd, fgsm, TOLERANCE):
                yield (
                    f"{_at(pgd)} leaves AP {pgd.ap.value:.3f}, more than {fgsm.attack} "
                    f"({fgsm.ap.value:.3f}): gradients may be masked, or PGD needs more steps"
                )


def _larger_weaker(cells: Sequence[Cell]) -> Iterator[str]:
    for small in cells:
        for large in cells:
            same = small.uses_gradient and small.name == large.name
            same = same and _alike(small, large, "objective", "norm", "steps")
            if same and small.eps < large.eps and _behind(large, small, TOLERANCE):
                yield (
                    f"{_at(large)} leaves AP {large.ap.value:.3f}, more than {small.attack} "
                    f"({small.ap.value:.3f}): a larger eps must not be weaker"
                )


def _more_steps_weaker(cells: Sequence[Cell]) -> Iterator[str]:
    for few in cells:
        for many in cells:
            same = few.name == many.name and _alike(few, many, "objective", "norm", "eps")
            more = few.settings.get("steps", 0) < many.settings.get("steps", 0)
            if same and more and _behind(many, few, TOLERANCE):
                yield (
                    f"{_at(many)} leaves AP {many.ap.value:.3f} with {many.settings['steps']} steps, "
                    f"more than with {few.settings['steps']} ({few.ap.value:.3f}): "
                    "more steps must not be weaker"
                )


def _behind_black_box(cells: Sequence[Cell]) -> Iterator[str]:
    black = [c for c in cells if not c.uses_gradient and c.queries is not None]
    for box in black:
        white = [c for c in cells if c.uses_gradient and c.eps >= box.eps]
        if white and all(_behind(c, box, TOLERANCE) for c in white):
            yield (
                f"{_at(box)} leaves AP {box.ap.value:.3f}, less than any attack with gradients: "
                "a black box must not be ahead of a white box; gradients are masked"
            )


def _at(cell: Cell) -> str:
    return f"{cell.attack} on {cell.target}"


def _behind(attack: Cell, other: Cell, tolerance: float) -> bool:
    """Whether an attack leaves at least as much AP as another that should not be stronger."""
    return attack.ap.value - other.ap.value >= tolerance


def _alike(a: Cell, b: Cell, *names: str) -> bool:
    return all(a.settings.get(name) == b.settings.get(name) for name in names)
