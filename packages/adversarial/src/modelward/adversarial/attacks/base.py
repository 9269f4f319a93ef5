"""What attacks share: the call, the checks, and the gradient with respect to the pixels."""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from modelward.adversarial.attacks.space import NORMS, Norm, Space
from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detector, check_images
from modelward.adversarial.objectives import Objective
from modelward.core.errors import ConfigError, DataError, StateError


class Attack(ABC):
    """Base of every attack that moves pixels within a ball of `eps`.

    Call it with the data: `attack(detector, images, targets, seed=0, ids=None, mask=None)` gives
    adversarial images of the shape, type and device of `images` `(N, 3, H, W)` in [0, 1]. What is drawn
    at random for an image follows from `seed` and its id (by default its position) alone, so that
    neither the order nor the size of batches changes it. Where `mask` is 0 nothing moves. The detector
    is not changed. The bound is checked at every step, and once more at the end.

    Raises `DataError` for images that are not a float batch in [0, 1], ids of another number, and a
    detector that gives no gradient to an attack that needs one; `StateError` when the gradient does
    not reach the pixels or is not finite.
    """

    eps: float
    norm: Norm
    objective: Objective | None = None
    uses_gradient: ClassVar[bool] = True

    def __init__(self, *, eps: float, norm: Norm = "linf") -> None:
        if norm not in NORMS:
            raise ConfigError(f"expected a norm of {', '.join(NORMS)}, got {norm!r}")
        largest = 1.0 if norm == "linf" else math.inf
        if not (math.isfinite(eps) and 0 < eps <= largest):
            raise ConfigError(
                f"expected 0 < eps <= {largest:g}, got {eps}",
                hint="pixels are in [0, 1]: eight grey levels are eps=8/255.",
            )
        self.eps = eps
        self.norm = norm

    @property
    def name(self) -> str:
        """The attack's name in reports."""
        return type(self).__name__

    @property
    def settings(self) -> dict[str, Any]:
        """All settings, by the names of the constructor's arguments."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    @property
    def label(self) -> str:
        """Name, objective and eps, as in `PGD Vanishing 8/255` or `PGD Vanishing l2 2.5`."""
        size = f"{self.eps * 255:g}/255" if self.norm == "linf" else f"l2 {self.eps:g}"
        parts = [self.name, type(self.objective).__name__ if self.objective else ""]
        return " ".join(p for p in (*parts, size) if p)

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={v!r}' for k, v in self.settings.items())})"

    def __call__(
        self,
        detector: Detector,
        images: Tensor,
        targets: Sequence[Target],
        *,
        seed: int = 0,
        ids: Sequence[int] | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        """Make an adversarial image of each image."""
        check_images(images)
        ids = range(len(images)) if ids is None else ids
        if not len(ids) == len(targets) == len(images):
            raise DataError(
                "expected one target and one id for each image, "
                f"got {len(images)} images, {len(targets)} targets and {len(ids)} ids"
            )
        if self.uses_gradient and not hasattr(detector, "loss"):
            raise DataError(
                f"expected a detector that gives gradients for {self.name}, got '{detector.name}', "
                "which only predicts",
                hint="use a black-box attack, or attack another detector and transfer.",
            )
        space = Space(images.detach(), eps=self.eps, norm=self.norm, mask=mask)
        rngs = [np.random.default_rng((seed, int(i))) for i in ids]
        moved = self.run(detector, space, targets, rngs)
        space.check(moved)
        return moved

    @abstractmethod
    def run(
        self,
        detector: Detector,
        space: Space,
        targets: Sequence[Target],
        rngs: Sequence[np.random.Generator],
    ) -> Tensor:
        """Do the work on checked input, with one random generator for each image."""


def gradient(
    detector: Detector, images: Tensor, targets: Sequence[Target], objective: Objective
) -> tuple[Tensor, Tensor]:
    """Give the objective `(N,)` and its gradient `(N, 3, H, W)` with respect to the pixels.

    Gradients of the parameters are not computed, and those kept on them are not touched.
    """
    pixels = images.detach().requires_grad_()
    with torch.enable_grad():
        loss = detector.loss(pixels, targets, objective)
    return loss.detach(), slope_of(detector, loss, pixels)


def slope_of(detector: Detector, loss: Tensor, pixels: Tensor) -> Tensor:
    """Differentiate the sum of a loss `(N,)` by the pixels. Raises `StateError` as `Attack` does."""
    slope = None
    if loss.requires_grad:
        with torch.enable_grad():
            total = loss.sum()
        (slope,) = torch.autograd.grad(total, pixels, allow_unused=True)
    if slope is None:
        raise StateError(
            f"expected a loss of '{detector.name}' that depends on the pixels, got a constant",
            hint="the detector cuts the gradient (detach, no_grad, numpy or rounding on the way).",
        )
    if not bool(slope.isfinite().all()):
        bad = int((~slope.isfinite()).flatten(1).any(dim=1).sum())
        raise StateError(
            f"expected finite gradients, got NaN or infinity on {bad} of {len(pixels)} images",
            hint="look for NaN in the detector's parameters, or a loss that overflows.",
        )
    return slope
