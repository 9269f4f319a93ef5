"""The space an attack may move in: a ball around each image, within the range of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from modelward.core.errors import DataError, StateError

Norm = Literal["linf", "l2"]
NORMS = ("linf", "l2")
_ROUNDING = 1e-6
"""What float32 may add to a norm: x + eps - x is not eps to the last bit."""


class Space:
    """All images within `eps` of `images` `(N, 3, H, W)` in a norm, pixels in [0, 1].

    `linf` bounds the move of each pixel, `l2` the Euclidean length of the whole perturbation. Where
    `mask` (broadcast to the images) is 0, nothing moves.

    Raises `DataError` for a mask that does not fit, or whose values are not 0 and 1.
    """

    def __init__(
        self, images: Tensor, *, eps: float, norm: Norm = "linf", mask: Tensor | None = None
    ) -> None:
        self.images = images
        self.eps = eps
        self.norm = norm
        self.mask = None if mask is None else _fitting(mask, images)

    def parts(self) -> list[Space]:
        """Give the space of each image by itself."""
        return [
            Space(
                self.images[i : i + 1],
                eps=self.eps,
                norm=self.norm,
                mask=None if self.mask is None else self.mask[i : i + 1],
            )
            for i in range(len(self.images))
        ]

    def project(self, moved: Tensor) -> Tensor:
        """Bring `moved` back into the space, and check that it is.

        >>> images = torch.full((1, 3, 1, 1), 0.5)
        >>> Space(images, eps=0.1).project(images + 0.4).flatten()
        tensor([0.6000, 0.6000, 0.6000])
        """
        step = moved - self.images
        if self.mask is not None:
            step = step * self.mask
        if self.norm == "linf":
            step = step.clamp(-self.eps, self.eps)
        else:
            length = _length(step)
            step = step * (self.eps / length.clamp(min=self.eps))
        # Cutting off at the range of pixels only brings a point nearer: the images lie within it.
        inside = (self.images + step).clamp(0, 1)
        if self.norm == "linf":  # x + eps may round to above: bring it back exactly
            low, high = self.images - self.eps, self.images + self.eps
            inside = torch.minimum(torch.maximum(inside, low), high).clamp(0, 1)
        self.check(inside)
        return inside

    def check(self, moved: Tensor) -> None:
        """Raise `StateError` unless `moved` lies in the space, NaN included."""
        if not moved.numel():
            return
        step = moved - self.images
        far = step.abs().max() if self.norm == "linf" else _length(step).max()
        slack = _ROUNDING if self.norm == "linf" else _ROUNDING * (1 + self.eps)
        if not float(far) <= self.eps + slack:  # written so that NaN fails
            raise StateError(
                f"expected a perturbation of at most {self.eps:g} ({self.norm}), got {float(far):g}"
            )
        if self.mask is not None and bool((step * (1 - self.mask)).abs().max() > 0):
            raise StateError("expected no perturbation outside the mask, got one")

    def direction(self, slope: Tensor) -> Tensor:
        """Give the step of length 1 that climbs most: the sign, or the gradient over its length."""
        slope = slope.to(self.images)
        if self.mask is not None:
            slope = slope * self.mask
        if self.norm == "linf":
            return slope.sign()
        return slope / _length(slope).clamp(min=1e-12)

    def random(self, rngs: Sequence[np.random.Generator]) -> Tensor:
        """Draw a point, each image from its own generator: uniform in the ball of `linf`.

        For `l2`: a normal direction, with the length of a uniform point of the ball.
        """
        if self.norm == "linf":
            return self.project(self.images + self.eps * uniform(self.images, rngs))
        shape = tuple(self.images.shape[1:])
        size = int(np.prod(shape))
        drawn = []
        for rng in rngs:
            direction = rng.normal(size=shape)
            length = float(rng.uniform()) ** (1 / size)
            drawn.append(torch.from_numpy(direction * length / np.linalg.norm(direction)))
        noise = torch.stack(drawn).to(self.images) if drawn else torch.zeros_like(self.images)
        return self.project(self.images + self.eps * noise)


def uniform(images: Tensor, rngs: Sequence[np.random.Generator]) -> Tensor:
    """Draw noise from U(-1, 1) for each pixel, each image from its own generator."""
    shape = tuple(images.shape[1:])
    drawn = [torch.from_numpy(rng.uniform(-1.0, 1.0, size=shape)) for rng in rngs]
    return torch.stack(drawn).to(images) if drawn else torch.zeros_like(images)


def _length(step: Tensor) -> Tensor:
    length: Tensor = step.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    return length


def _fitting(mask: Tensor, images: Tensor) -> Tensor:
    try:
        fitting = mask.to(images).expand_as(images)
    except RuntimeError as error:
        raise DataError(
            f"expected a mask that broadcasts to {tuple(images.shape)}, got {tuple(mask.shape)}",
            hint="(H, W), (N, 1, H, W) and (N, 3, H, W) do.",
        ) from error
    if not bool(((fitting == 0) | (fitting == 1)).all()):
        raise DataError("expected a mask of 0 and 1, got other values")
    return fitting
