"""What the drawn images are made of: textured backgrounds and solid figures with smooth edges."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def background(size: int, rng: np.random.Generator) -> Array:
    """Paint a textured background `(3, size, size)` in [0, 1].

    Soft clouds of two scales in colour, stripes in a random direction, and fine grain: none of
    them has the closed edges by which a figure is known.
    """
    image = np.empty((3, size, size))
    image[:] = rng.uniform(0.25, 0.75, size=(3, 1, 1))
    for cells, strength in ((3, 0.45), (9, 0.15)):
        weights = _interpolation(size, cells)
        image += strength * (weights @ (rng.random((3, cells, cells)) - 0.5) @ weights.T)
    angle, pitch, phase = rng.uniform(0, math.pi), rng.uniform(6, 24), rng.uniform(0, math.tau)
    x, y = _grid(size)
    stripes = np.sin((math.cos(angle) * x + math.sin(angle) * y) * math.tau / pitch + phase)
    image += rng.uniform(-0.08, 0.08, size=(3, 1, 1)) * stripes
    image += rng.normal(0, 0.02, size=image.shape)
    return np.clip(image, 0, 1)


@lru_cache(maxsize=16)
def _interpolation(size: int, cells: int) -> Array:
    """Weights `(size, cells)` of linear interpolation from `cells` knots to `size` pixels."""
    position = np.linspace(0, cells - 1, size)[:, None]
    weights: Array = np.clip(1 - np.abs(position - np.arange(cells)), 0, None)
    return weights


@lru_cache(maxsize=16)
def _grid(size: int) -> tuple[Array, Array]:
    """Pixel centres: x `(1, size)` and y `(size, 1)`."""
    centres: Array = np.arange(size, dtype=np.float64) + 0.5
    return centres[None, :], centres[:, None]


def disc(size: int, centre: tuple[float, float], radius: float) -> Array:
    """Coverage `(size, size)` in [0, 1] of a disc, with an edge one pixel soft."""
    x, y = _grid(size)
    return np.clip(radius - np.hypot(x - centre[0], y - centre[1]) + 0.5, 0, 1)


def polygon(
    size: int, centre: tuple[float, float], radius: float, *, sides: int, angle: float
) -> Array:
    """Coverage `(size, size)` of a regular polygon with corners at `radius` from the centre.

    A convex polygon is where every signed distance to its sides is negative.
    """
    x, y = _grid(size)
    x, y = x - centre[0], y - centre[1]
    outside = np.full((size, size), -np.inf)
    for k in range(sides):
        normal = angle + (2 * k + 1) * math.pi / sides
        np.maximum(outside, math.cos(normal) * x + math.sin(normal) * y, out=outside)
    return np.clip(radius * math.cos(math.pi / sides) - outside + 0.5, 0, 1)


def corners(
    centre: tuple[float, float], radius: float, *, sides: int, angle: float
) -> tuple[float, float, float, float]:
    """Give the smallest upright box `x1, y1, x2, y2` around that polygon."""
    turns = angle + np.arange(sides) * math.tau / sides
    x, y = centre[0] + radius * np.cos(turns), centre[1] + radius * np.sin(turns)
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())
