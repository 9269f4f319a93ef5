"""Objectives: what an attack on a detector aims at, as a number to be made as large as possible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.ops import box_iou, generalized_box_iou

from modelward.adversarial.data.base import Target
from modelward.core.errors import ConfigError, DataError

if TYPE_CHECKING:
    from modelward.adversarial.detectors.base import Outputs


@runtime_checkable
class Objective(Protocol):
    """A value object that turns the raw outputs on N images into N numbers to be MAXIMISED."""

    def __call__(self, outputs: Outputs, targets: Sequence[Target]) -> Tensor:
        """Give one number for each image, `(N,)`."""
        ...


@dataclass(frozen=True, slots=True)
class Untargeted:
    """Make the detector wrong in any way: raise the loss it was trained with.

    Uses the true boxes. Source: the untargeted attack of TOG, arXiv 2004.04320, section 3.

    >>> Untargeted()
    Untargeted()
    """

    def __call__(self, outputs: Outputs, targets: Sequence[Target]) -> Tensor:
        """Give the training loss of each image, `(N,)`."""
        return outputs.training_loss(targets)


@dataclass(frozen=True, slots=True)
class Vanishing:
    """Make objects disappear: lower the objectness everywhere.

    The log-probability that no place holds an object, sum over places of log(1 - sigmoid(o)).
    Uses no true boxes. Source: the vanishing attack of TOG, arXiv 2004.04320, section 3.

    >>> Vanishing() == Vanishing()
    True
    """

    def __call__(
        self,
        outputs: Outputs,
        targets: Sequence[Target],  # noqa: ARG002 - it needs no true boxes
    ) -> Tensor:
        """Give the log-probability of an empty image, `(N,)`, at most 0."""
        return -outputs.over_places(functional.softplus(outputs.objectness)).sum(dim=1)


@dataclass(frozen=True, slots=True)
class Fabrication:
    """Make objects appear where there are none: raise the score everywhere.

    The sum over places of log sigmoid(o) + log sigmoid(c) with c the logit of the place's best class:
    the paper raises the objectness alone, which leaves many ghosts without a class. Uses no true
    boxes. Source: the fabrication attack of TOG, arXiv 2004.04320, section 3.

    >>> Fabrication()
    Fabrication()
    """

    def __call__(
        self,
        outputs: Outputs,
        targets: Sequence[Target],  # noqa: ARG002 - it needs no true boxes
    ) -> Tensor:
        """Give the sum of log-scores, `(N,)`, at most 0."""
        score = functional.logsigmoid(outputs.objectness)
        score = score + functional.logsigmoid(outputs.class_logits.amax(dim=-1))
        return outputs.over_places(score).sum(dim=1)


@dataclass(frozen=True, slots=True)
class Mislabelling:
    """Make objects be seen as something else, and still be seen.

    At the places that see a true object: the logit of the wrong class (the best one, or that of
    `label`) minus that of the true class, each place up to `margin`, plus the log-probability that
    there is an object. Raises `DataError` for a label the detector does not have. Source: the
    mislabelling attack of TOG, arXiv 2004.04320, section 3; the margin: Carlini and Wagner, arXiv
    1608.04644, section V.

    >>> Mislabelling(label=3)
    Mislabelling(label=3, margin=5.0)
    """

    label: int | None = None
    margin: float = 5.0

    def __call__(self, outputs: Outputs, targets: Sequence[Target]) -> Tensor:
        """Give the sum over places of objects, `(N,)`."""
        classes = outputs.class_logits.shape[-1]
        if self.label is not None and not 0 <= self.label < classes:
            raise DataError(f"expected a label below {classes}, got {self.label}")
        return torch.stack([self._of(outputs, i, t) for i, t in enumerate(targets)])

    def _of(self, outputs: Outputs, image: int, target: Target) -> Tensor:
        place, which = seeing(outputs, image, target)
        logits, truth = outputs.class_logits[image, place], target.labels[which]
        right = logits.gather(1, truth[:, None])[:, 0]
        if self.label is None:
            own = functional.one_hot(truth, logits.shape[1]).bool()
            wrong = logits.masked_fill(own, -torch.inf).amax(dim=1)
            gain = wrong - right if logits.shape[1] > 1 else -right
        else:
            gain = (logits[:, self.label] - right) * (truth != self.label)
        kept = functional.logsigmoid(outputs.objectness[image, place])
        return (gain.clamp(max=self.margin) + kept).sum()


@dataclass(frozen=True, slots=True)
class LocalisationShift:
    """Make objects be seen elsewhere: move the boxes off them, and keep them seen.

    At the places that see a true object: one minus the generalised IoU with it, in [0, 2], plus the
    log-probability that there is an object. Source: generalised IoU: Rezatofighi et al., arXiv
    1902.09630.

    >>> LocalisationShift()
    LocalisationShift()
    """

    def __call__(self, outputs: Outputs, targets: Sequence[Target]) -> Tensor:
        """Give the sum over places of objects, `(N,)`."""
        return torch.stack([self._of(outputs, i, t) for i, t in enumerate(targets)])

    def _of(self, outputs: Outputs, image: int, target: Target) -> Tensor:
        place, which = seeing(outputs, image, target)
        if not len(place):  # a sum of nothing has no gradient, and must have one
            return outputs.boxes[image].sum() * 0
        overlap = generalized_box_iou(outputs.boxes[image, place], target.boxes[which]).diagonal()
        kept = functional.logsigmoid(outputs.objectness[image, place])
        shifted: Tensor = (1 - overlap + kept).sum()
        return shifted


@dataclass(frozen=True, slots=True)
class AveragePrecision:
    """Lower the average precision itself: what is right must score low, what is wrong high.

    A detection counts as right where its class is the true one and its box overlaps the object by
    half or more. With s = sigmoid(o) sigmoid(c): the sum over right ones of log(1 - s), plus the mean of
    log s over the `wrong` best-scored others, each weighted by `push`. Uses the true boxes. Ours;
    cf. the measured difference between aims in docs/how-to/attack-a-detector.md.

    >>> AveragePrecision()
    AveragePrecision(wrong=100, push=1.0)
    """

    wrong: int = 100
    push: float = 1.0

    def __post_init__(self) -> None:
        if self.wrong < 1 or self.push < 0:
            raise ConfigError(f"expected wrong >= 1 and push >= 0, got {self.wrong}, {self.push}")

    def __call__(self, outputs: Outputs, targets: Sequence[Target]) -> Tensor:
        """Give the sum over right and wrong detections, `(N,)`."""
        return torch.stack([self._of(outputs, i, t) for i, t in enumerate(targets)])

    def _of(self, outputs: Outputs, image: int, target: Target) -> Tensor:
        score = functional.logsigmoid(outputs.objectness[image])[:, None]
        score = score + functional.logsigmoid(outputs.class_logits[image])
        right = torch.zeros_like(score, dtype=torch.bool)
        if len(target.boxes):
            overlap = box_iou(outputs.boxes[image].detach(), target.boxes)
            near, which = (overlap >= 0.5).nonzero(as_tuple=True)
            right[near, target.labels[which]] = True
        if outputs.present is not None:
            score = score.masked_fill(~outputs.present[image][:, None], -100.0)
        lost = torch.log(-torch.expm1(score[right].clamp(max=-1e-6))).sum()
        others = score[~right]
        best = others.topk(min(self.wrong, others.numel())).values
        return lost + self.push * len(target.boxes) * best.mean() if self.push else lost


@dataclass(frozen=True, slots=True)
class OfClasses:
    """Aim at the objects of some classes alone: `objective` sees no other true boxes.

    With `Vanishing` and the like, which use none, nothing changes: use one that does. Raises
    `ConfigError` without classes.

    >>> OfClasses(AveragePrecision(), classes=(0, 2))
    OfClasses(objective=AveragePrecision(wrong=100, push=1.0), classes=(0, 2))
    """

    objective: Objective
    classes: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.classes:
            raise ConfigError("expected at least one class, got none")

    def __call__(self, outputs: Outputs, targets: Sequence[Target]) -> Tensor:
        """Give the inner objective for the objects of these classes, `(N,)`."""
        chosen = []
        for target in targets:
            keep = torch.isin(target.labels, target.labels.new_tensor(self.classes))
            chosen.append(Target(target.boxes[keep], target.labels[keep]))
        return self.objective(outputs, chosen)


def seeing(outputs: Outputs, image: int, target: Target) -> tuple[Tensor, Tensor]:
    """Give the places that see a true object, and the number of the object each sees.

    A place sees an object when its box overlaps it by half or more (IoU), and no other by more; the
    place that overlaps an object most always does. Shapes `(P,)` and `(P,)`.
    """
    if not len(target.boxes):
        none = target.labels.new_zeros(0)
        return none, none
    overlap = box_iou(outputs.boxes[image].detach(), target.boxes)
    if outputs.present is not None:
        overlap = overlap.masked_fill(~outputs.present[image][:, None], -1.0)
    best, which = overlap.max(dim=1)
    sees = best >= 0.5
    nearest = overlap.argmax(dim=0)
    which = which.index_copy(0, nearest, torch.arange(len(nearest), device=which.device))
    sees[nearest] = True
    place = sees.nonzero()[:, 0]
    return place, which[place]


OBJECTIVES: dict[str, type] = {
    kind.__name__.lower(): kind
    for kind in (
        Untargeted,
        Vanishing,
        Fabrication,
        Mislabelling,
        LocalisationShift,
        AveragePrecision,
        OfClasses,
    )
}
"""Every objective by its name in lower case."""


def make_objective(given: str | Mapping[str, Any] | Objective | None) -> Objective:
    """Make an objective as a configuration file names it; one that is made already comes back.

    A name (`vanishing`), or a mapping of one name to its settings. None is `Untargeted`. Raises
    `ConfigError` for an unknown name, with the nearest, or setting.

    >>> make_objective({"mislabelling": {"label": 3}})
    Mislabelling(label=3, margin=5.0)
    >>> make_objective({"ofclasses": {"objective": "averageprecision", "classes": [0]}}).classes
    (0,)
    """
    if given is None:
        return Untargeted()
    if isinstance(given, str):
        given = {given: {}}
    if not isinstance(given, Mapping):
        return given
    if len(given) != 1:
        raise ConfigError(f"expected one objective with its settings, got {sorted(given)}")
    ((name, settings),) = given.items()
    kind = OBJECTIVES.get(str(name).lower().replace("_", "").replace("-", ""))
    if kind is None:
        near = get_close_matches(str(name).lower(), OBJECTIVES, n=1)
        raise ConfigError(
            f"expected an objective of {', '.join(OBJECTIVES)}, got {name!r}",
            hint=f"did you mean {near[0]!r}?" if near else "",
        )
    settings = dict(settings or {})
    if "objective" in settings:
        settings["objective"] = make_objective(settings["objective"])
    if "classes" in settings:
        settings["classes"] = tuple(settings["classes"])
    try:
        made: Objective = kind(**settings)
    except TypeError as error:
        raise ConfigError(f"expected settings of the objective {name!r}, got {settings}") from error
    return made
