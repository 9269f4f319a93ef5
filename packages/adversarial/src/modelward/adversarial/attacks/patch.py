"""A patch: a picture to be laid on images, printed and put into the world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from modelward.adversarial.data.base import Target
from modelward.core.errors import ConfigError, DataError

Where = Literal["corner", "centre", "random", "object"]
PLACES = ("corner", "centre", "random", "object")
_MILLIMETRES = 25.4
"""In an inch."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a patch lies: its centre and side in pixels, turned by `angle` radians, its light.

    Pixels shown are `contrast` times those of the patch plus `brightness`, kept in [0, 1].
    """

    x: float
    y: float
    side: float
    angle: float = 0.0
    brightness: float = 0.0
    contrast: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """Pixels `(3, S, S)` in [0, 1] that mislead a detector wherever they are seen.

    Raises `DataError` for another shape or range.

    >>> patch = Patch(torch.rand(3, 16, 16))
    >>> patch.on(torch.zeros(2, 3, 64, 64), [Placement(32, 32, 20)] * 2).shape
    torch.Size([2, 3, 64, 64])
    """

    pixels: Tensor

    def __post_init__(self) -> None:
        shape = tuple(self.pixels.shape)
        if len(shape) != 3 or shape[0] != 3 or shape[1] != shape[2]:
            raise DataError(f"expected a patch of shape (3, S, S), got {shape}")
        if not bool(((self.pixels >= 0) & (self.pixels <= 1)).all()):
            raise DataError("expected pixels of a patch in [0, 1], got others")

    def on(self, images: Tensor, placements: Sequence[Placement]) -> Tensor:
        """Lay it on images `(N, 3, H, W)`, on each at its own place."""
        return pasted(images, self.pixels.to(images).expand(len(images), -1, -1, -1), placements)

    def save(self, path: str | Path, *, millimetres: float = 200.0, dots: int = 300) -> Path:
        """Write it to be printed at so many `millimetres` a side: `.png` or `.pdf` by the name.

        Each pixel becomes a square of whole dots, without smoothing; the file carries its resolution, so
        that "actual size" prints it at the size asked for, to within a dot a pixel. A PDF is one page of
        the patch alone. Raises `ConfigError` for another kind of file or a size that is not positive.
        """
        path = Path(path)
        if path.suffix.lower() not in {".png", ".pdf"}:
            raise ConfigError(f"expected a file .png or .pdf, got {path.name}")
        if not (millimetres > 0 and dots > 0):
            raise ConfigError(f"expected a size > 0, got {millimetres} mm at {dots} dots an inch")
        side = self.pixels.shape[-1]
        each = max(1, round(millimetres / _MILLIMETRES * dots / side))
        resolution = each * side / (millimetres / _MILLIMETRES)
        levels = (self.pixels.detach().cpu() * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
        picture = Image.fromarray(np.ascontiguousarray(levels.repeat(each, 0).repeat(each, 1)))
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".pdf":
            picture.save(path, "pdf", resolution=resolution)
        else:
            picture.save(path, "png", dpi=(resolution, resolution))
        return path

    @classmethod
    def load(cls, path: str | Path, *, side: int | None = None) -> Self:
        """Read a patch from a picture; `side` is its side in pixels (by default the picture's)."""
        try:
            with Image.open(path) as picture:
                shown = picture.convert("RGB")
        except (OSError, ValueError) as error:
            raise DataError(f"expected a picture at {path}, got none that can be read") from error
        if side is not None:
            shown = shown.resize((side, side), Image.Resampling.BOX)
        return cls(torch.from_numpy(np.asarray(shown).copy()).permute(2, 0, 1).float() / 255)


def pasted(images: Tensor, patches: Tensor, placements: Sequence[Placement]) -> Tensor:
    """Lay patches `(N, 3, S, S)` on images `(N, 3, H, W)`; differentiable to the patches' pixels."""
    height, width = images.shape[-2:]
    thetas = []
    for place in placements:
        cosine, sine = np.cos(place.angle), np.sin(place.angle)
        half_x, half_y = width / place.side, height / place.side
        x, y = 2 * place.x / width - 1, 2 * place.y / height - 1
        # From a pixel of the image to one of the patch, both from edge to edge in [-1, 1].
        turn = np.array([[cosine * half_x, sine * half_y], [-sine * half_x, cosine * half_y]])
        thetas.append(np.column_stack([turn, -turn @ np.array([x, y])]))
    grid = functional.affine_grid(
        torch.from_numpy(np.stack(thetas)).to(images), list(images.shape), align_corners=False
    )
    inside = ((grid.abs() <= 1).all(dim=-1))[:, None]
    light = images.new_tensor([(p.contrast, p.brightness) for p in placements])
    lit = (patches * light[:, 0].view(-1, 1, 1, 1) + light[:, 1].view(-1, 1, 1, 1)).clamp(0, 1)
    shown = functional.grid_sample(
        lit, grid, mode="bilinear", padding_mode="border", align_corners=False
    )
    return torch.where(inside, shown, images)


def covered(images: Tensor, placements: Sequence[Placement]) -> Tensor:
    """Give where patches lie: 1 and 0, `(N, 1, H, W)`."""
    ones = images.new_ones(len(images), 3, 1, 1)
    return pasted(torch.zeros_like(images), ones, placements)[:, :1].round()


def placed(
    where: Where, size: tuple[int, int], share: float, target: Target, rng: np.random.Generator
) -> Placement:
    """Choose a place on an image of `size` (height, width); `share` of its shorter side.

    `corner` is the upper left; `object` the middle of the largest object, at `share` of its own shorter
    side; without an object, and for `centre`, the middle of the image.
    """
    height, width = size
    side = max(2.0, round(share * min(size)))
    if where == "corner":
        return Placement(side / 2, side / 2, side)
    if where == "random":
        x, y = rng.uniform(side / 2, width - side / 2), rng.uniform(side / 2, height - side / 2)
        return Placement(round(x - side / 2) + side / 2, round(y - side / 2) + side / 2, side)
    x, y = width / 2, height / 2
    if where == "object" and len(target.boxes):
        sides = target.boxes[:, 2:] - target.boxes[:, :2]
        largest = int(sides.prod(dim=1).argmax())
        side = max(2.0, round(share * float(sides[largest].min())))
        x, y = ((target.boxes[largest, :2] + target.boxes[largest, 2:]) / 2).tolist()
    return Placement(round(x - side / 2) + side / 2, round(y - side / 2) + side / 2, side)
