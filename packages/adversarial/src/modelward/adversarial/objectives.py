"""Objectives: what an attack on a detector aims at, as a number to be made as large as possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from torch import Tensor
from torch.nn import functional

from modelward.adversarial.data.base import Target

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
        return -functional.softplus(outputs.objectness).sum(dim=1)
