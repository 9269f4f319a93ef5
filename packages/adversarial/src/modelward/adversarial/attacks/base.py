"""What attacks share: the call, the gradient, the projection and the check of the norm."""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detector, check_images
from modelward.adversarial.objectives import Objective
from modelward.core.errors import ConfigError, DataError, StateError

_ROUNDING = 1e-6
"""What float32 may add to a norm: x + eps - x is not eps to the last bit."""


class Attack(ABC):
    """Base of every attack within an L-infinity ball: no pixel moves by more than `eps`.

    Call it with the data: `attack(detector, images, targets, seed=0, ids=None)` gives adversarial
    images of the shape, type and device of `images` `(N, 3, H, W)` in [0, 1]. What is drawn at
    random for an image follows from `seed` and its id (by default its position) alone, so that
    neither the order nor the size of batches changes it. The detector is not changed.

    Raises `DataError` for images that are not a float batch in [0, 1] or ids of another number, and
    `StateError` when the gradient does not reach the pixels or is not finite.
    """

    eps: float
    objective: Objective | None = None
    uses_gradient: bool = True

    def __init__(self, *, eps: float) -> None:
        if not (math.isfinite(eps) and 0 < eps <= 1):
            raise ConfigError(
                f"expected 0 < eps <= 1, got {eps}",
                hint="pixels are in [0, 1]: eight grey levels are eps=8/255.",
            )
        self.eps = eps

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
        """Name, objective and eps in grey levels, as in `PGD Vanishing 8/255`."""
        parts = [self.name, type(self.objective).__name__ if self.objective else ""]
        return " ".join(p for p in (*parts, f"{self.eps * 255:g}/255") if p)

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
    ) -> Tensor:
        """Make an adversarial image of each image."""
        check_images(images)
        ids = range(len(images)) if ids is None else ids
        if not len(ids) == len(targets) == len(images):
            raise DataError(
                "expected one target and one id for each image, "
                f"got {len(images)} images, {len(targets)} targets and {len(ids)} ids"
            )
        rngs = [np.random.default_rng((seed, int(i))) for i in ids]
        return self.run(detector, images.detach(), targets, rngs)

    @abstractmethod
    def run(
        self,
        detector: Detector,
        images: Tensor,
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
        slope = None
        if loss.requires_grad:
            (slope,) = torch.autograd.grad(loss.sum(), pixels, allow_unused=True)
    if slope is None:
        raise StateError(
            f"expected a loss of '{detector.name}' that depends on the pixels, got a constant",
            hint="the detector cuts the gradient (detach, no_grad, numpy or rounding on the way).",
        )
    if not bool(slope.isfinite().all()):
        bad = int((~slope.isfinite()).flatten(1).any(dim=1).sum())
        raise StateError(
            f"expected finite gradients, got NaN or infinity on {bad} of {len(images)} images",
            hint="look for NaN in the detector's parameters, or a loss that overflows.",
        )
    return loss.detach(), slope


def project(moved: Tensor, images: Tensor, eps: float) -> Tensor:
    """Bring `moved` back into the eps ball around `images` and into [0, 1], and check that it is.

    >>> project(torch.tensor([0.9, 0.2]), torch.tensor([0.5, 0.2]), 0.1)
    tensor([0.6000, 0.2000])
    """
    moved = torch.minimum(torch.maximum(moved, images - eps), images + eps).clamp(0, 1)
    distance = float((moved - images).abs().max()) if moved.numel() else 0.0
    if not distance <= eps + _ROUNDING:  # written so that NaN fails
        raise StateError(f"expected a perturbation of at most {eps:g}, got {distance:g}")
    return moved


def uniform(images: Tensor, eps: float, rngs: Sequence[np.random.Generator]) -> Tensor:
    """Draw noise from U(-eps, eps) for each pixel, each image from its own generator."""
    shape = tuple(images.shape[1:])
    drawn = [torch.from_numpy(rng.uniform(-eps, eps, size=shape)) for rng in rngs]
    return torch.stack(drawn).to(images) if drawn else torch.zeros_like(images)
