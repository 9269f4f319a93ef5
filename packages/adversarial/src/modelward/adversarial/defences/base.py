"""What a defence must say of itself to be attacked fairly."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor


@runtime_checkable
class Defence(Protocol):
    """A value object that changes images before a detector sees them.

    An adaptive attack goes through `differentiable`, which gives the very same images, but with a
    gradient: the true one, or where there is none, one that points the right way (`straight_through`).
    """

    @property
    def random(self) -> bool:
        """Whether two calls differ: an adaptive attack then averages over several."""
        ...

    def __call__(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        """Give images `(N, 3, H, W)` in [0, 1] as the detector sees them: of the same size."""
        ...

    def differentiable(self, images: Tensor, rng: np.random.Generator) -> Tensor:
        """Give the same, for the same generator, with a gradient to the pixels."""
        ...


def straight_through(defended: Tensor, images: Tensor) -> Tensor:
    """Give `defended` with the gradient of `images`: backwards, the defence counts as the identity.

    In place of `images` there may be what is like the defended ones and has a gradient.

    >>> x = torch.tensor([0.26], requires_grad=True)
    >>> y = straight_through((x * 4).round() / 4, x)
    >>> y.backward()
    >>> float(y.detach()), float(x.grad)
    (0.25, 1.0)

    Source: BPDA, Athalye, Carlini and Wagner, Obfuscated Gradients Give a False Sense of Security,
    arXiv 1802.00420, section 4.1.
    """
    return images + (defended.detach() - images.detach()).to(images)


def plainly(defence: Defence, images: Tensor, rng: np.random.Generator) -> Tensor:
    """Apply a defence without a gradient."""
    with torch.no_grad():
        return defence(images, rng)
