"""Views: what an attack differentiates through instead of the image itself, so that it transfers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from modelward.adversarial.data.base import Target
from modelward.core.errors import ConfigError


@runtime_checkable
class View(Protocol):
    """A value object that turns images and their true boxes into one or several other sets of them."""

    def __call__(
        self, images: Tensor, targets: Sequence[Target], rngs: Sequence[np.random.Generator]
    ) -> Iterator[tuple[Tensor, list[Target]]]:
        """Give each view; differentiable to the pixels of `images`."""
        ...


@dataclass(frozen=True, slots=True)
class InputDiversity:
    """Show each image smaller and at another place, with a probability.

    With `probability`, an image is shrunk to a side drawn from `smallest` to 1 times its own and laid
    at a random place on black; its true boxes go along. Source: DI2-FGSM, Xie et al., Improving
    Transferability of Adversarial Examples with Input Diversity, arXiv 1803.06978, section 3.3.

    Raises `ConfigError` for a probability or side outside (0, 1].

    >>> InputDiversity()
    InputDiversity(probability=0.7, smallest=0.75)
    """

    probability: float = 0.7
    smallest: float = 0.75

    def __post_init__(self) -> None:
        if not (0 < self.probability <= 1 and 0 < self.smallest <= 1):
            raise ConfigError(
                "expected 0 < probability <= 1 and 0 < smallest <= 1, "
                f"got {self.probability} and {self.smallest}"
            )

    def __call__(
        self, images: Tensor, targets: Sequence[Target], rngs: Sequence[np.random.Generator]
    ) -> Iterator[tuple[Tensor, list[Target]]]:
        """Give one view."""
        height, width = images.shape[-2:]
        thetas, moved = [], []
        for target, rng in zip(targets, rngs, strict=True):
            chosen, side = rng.random() < self.probability, rng.uniform(self.smallest, 1.0)
            x, y = rng.random(2)
            scale = side if chosen else 1.0
            left, top = x * (1 - scale) * width, y * (1 - scale) * height
            # An affine grid says where each new pixel comes from, from edge to edge in [-1, 1].
            shift_x = (1 - 2 * left / width - scale) / scale
            shift_y = (1 - 2 * top / height - scale) / scale
            thetas.append([[1 / scale, 0.0, shift_x], [0.0, 1 / scale, shift_y]])
            move = target.boxes.new_tensor([left, top, left, top])
            moved.append(Target(target.boxes * scale + move, target.labels))
        grid = functional.affine_grid(
            images.new_tensor(thetas), list(images.shape), align_corners=False
        )
        yield functional.grid_sample(images, grid, align_corners=False), moved


@dataclass(frozen=True, slots=True)
class Scales:
    """Show each image darker and darker: divided by 1, 2, 4, …, `copies` in all.

    Detectors answer much the same; gradients averaged over the copies fit more than one model.
    Source: SI-NI-FGSM, Lin et al., arXiv 1908.06281, section 3.3. Raises `ConfigError` for fewer
    than one copy.

    >>> Scales()
    Scales(copies=5)
    """

    copies: int = 5

    def __post_init__(self) -> None:
        if self.copies < 1:
            raise ConfigError(f"expected copies >= 1, got {self.copies}")

    def __call__(
        self,
        images: Tensor,
        targets: Sequence[Target],
        rngs: Sequence[np.random.Generator],  # noqa: ARG002 - nothing is random
    ) -> Iterator[tuple[Tensor, list[Target]]]:
        """Give one view for each copy."""
        for power in range(self.copies):
            yield images / 2**power, list(targets)


def through(
    views: Sequence[View],
    images: Tensor,
    targets: Sequence[Target],
    rngs: Sequence[np.random.Generator],
) -> Iterator[tuple[Tensor, list[Target]]]:
    """Give every view of every view, in order; the image itself where there are none."""
    if not views:
        yield images, list(targets)
        return
    for shown, moved in views[0](images, targets, rngs):
        yield from through(views[1:], shown, moved, rngs)


def smoothed(slope: Tensor, kernel: int, sigma: float) -> Tensor:
    """Blur a gradient `(N, 3, H, W)` with a Gaussian of side `kernel`, each channel for itself.

    Source: TI-FGSM, Dong et al., Evading Defenses to Transferable Adversarial Examples by
    Translation-Invariant Attacks, arXiv 1904.02884, section 3.3.
    """
    places = torch.arange(kernel, dtype=slope.dtype, device=slope.device) - (kernel - 1) / 2
    line = torch.exp(-places.square() / (2 * sigma**2))
    line = line / line.sum()
    weight = torch.outer(line, line).expand(3, 1, kernel, kernel)
    return functional.conv2d(slope, weight, padding=kernel // 2, groups=3)
