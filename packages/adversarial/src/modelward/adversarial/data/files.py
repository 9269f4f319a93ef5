"""What data sets made of files share: entries that are read when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from modelward.adversarial.data.base import Sample, Target
from modelward.adversarial.data.images import read_image
from modelward.core.errors import DataError


@dataclass(frozen=True, slots=True)
class Entry:
    """One image file: its id, and the boxes `(x1, y1, x2, y2)` and labels on it.

    With `relative`, boxes are in shares of the image's width and height.
    """

    id: int
    path: Path
    boxes: Sequence[tuple[float, float, float, float]] = ()
    labels: Sequence[int] = ()
    relative: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class FileData:
    """A data set of image files. `problems` says in words what was wrong with the annotations.

    Images are read when asked for, so that memory stays flat; a box that reaches beyond its image is
    cut off at the border, and one that has no area then is left out.
    """

    name: str
    classes: tuple[str, ...]
    entries: tuple[Entry, ...]
    problems: tuple[str, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Sample:
        entry = self.entries[index]
        image = read_image(entry.path)
        return Sample(entry.id, image, _target(entry, image))

    def __repr__(self) -> str:
        return f"{self.name}({len(self)} images, {len(self.classes)} classes)"

    def sample(self, n: int, *, seed: int = 0) -> FileData:
        """Give `n` images drawn at random by the seed, in their order; all where there are fewer.

        Raises `DataError` for n < 1.
        """
        if n < 1:
            raise DataError(f"expected n >= 1, got {n}")
        drawn = sorted(np.random.default_rng(seed).permutation(len(self))[:n].tolist())
        kept = tuple(self.entries[i] for i in drawn)
        return FileData(self.name, self.classes, kept, self.problems)


def _target(entry: Entry, image: Tensor) -> Target:
    height, width = image.shape[-2:]
    boxes = torch.tensor(entry.boxes, dtype=torch.float32).reshape(-1, 4)
    if entry.relative:
        boxes = boxes * torch.tensor([width, height, width, height], dtype=torch.float32)
    edge = torch.tensor([width, height, width, height], dtype=torch.float32)
    boxes = torch.minimum(boxes.clamp(min=0), edge)
    solid = (boxes[:, 2:] > boxes[:, :2]).all(dim=1)
    labels = torch.tensor(entry.labels, dtype=torch.int64).reshape(-1)
    return Target(boxes[solid], labels[solid])


def inside(folder: Path, name: str) -> Path:
    """Give the file of that name in a folder. Raises `DataError` for one that leads out of it."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise DataError(f"expected an image within {folder}, got {name!r}")
    return path


def read_text(path: Path, *, largest: int = 1_000_000_000) -> str:
    """Read an annotation file. Raises `DataError` where it cannot be read, or is too large."""
    try:
        if path.stat().st_size > largest:
            raise DataError(f"expected at most {largest} bytes in {path.name}")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"expected readable annotations in {path.name}, got: {error}") from error
