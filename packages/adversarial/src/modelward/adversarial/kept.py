"""Results kept image by image in a folder, so that what was cut off goes on where it stood."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modelward.adversarial.detectors.base import Detections
from modelward.core.evidence import digest


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What an attack made of one image: the image, how far it moved, and what it took.

    `ssim` is NaN for images too small for it, `queries` where the attack counts none.
    """

    id: int
    image: Tensor
    linf: float
    l2: float
    ssim: float
    queries: float = math.nan
    seconds: float = math.nan


class Kept:
    """A folder of small files, some an image; `settings` name the work, so that no other's are taken.

    Every file is written whole or not at all. One that is broken counts as not there. But for the files
    `took`, which hold the seconds, the same work gives the same bytes.
    """

    def __init__(self, folder: str | Path, settings: Mapping[str, Any]) -> None:
        name = digest(dict(settings)).removeprefix("sha256:")[:24]
        self.folder = Path(folder) / name
        self.folder.mkdir(parents=True, exist_ok=True)

    def save(self, kind: str, number: int, arrays: Mapping[str, Any]) -> None:
        """Keep arrays for an image."""
        path = self._path(kind, number)
        part = path.with_suffix(".part")
        with part.open("wb") as stream:
            content: dict[str, Any] = {name: np.asarray(v) for name, v in arrays.items()}
            np.savez(stream, **content)
        part.replace(path)

    def load(self, kind: str, number: int) -> dict[str, np.ndarray] | None:
        """Give what was kept for an image, or None."""
        path = self._path(kind, number)
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        except FileNotFoundError:
            return None
        except (zipfile.BadZipFile, OSError, ValueError, KeyError, EOFError):
            path.unlink(missing_ok=True)  # it is made again
            return None

    def save_made(self, each: Made) -> None:
        """Keep an adversarial image, lossless."""
        self.save("took", each.id, {"seconds": each.seconds})
        self.save(
            "made",
            each.id,
            {
                "image": each.image.cpu().numpy(),
                "numbers": [each.linf, each.l2, each.ssim, each.queries],
            },
        )

    def made(self, number: int) -> Made | None:
        """Give the adversarial image kept for an id, or None."""
        found = self.load("made", number)
        if found is None or "image" not in found or found.get("numbers", np.empty(0)).shape != (4,):
            return None
        took = self.load("took", number) or {}
        linf, l2, ssim, queries = (float(v) for v in found["numbers"])
        seconds = float(took.get("seconds", math.nan))
        return Made(number, torch.from_numpy(found["image"]), linf, l2, ssim, queries, seconds)

    def save_seen(self, kind: str, number: int, seen: Detections) -> None:
        """Keep what a detector saw."""
        arrays = {"boxes": seen.boxes, "scores": seen.scores, "labels": seen.labels}
        self.save(kind, number, {name: value.cpu().numpy() for name, value in arrays.items()})

    def seen(self, kind: str, number: int) -> Detections | None:
        """Give what a detector saw, or None."""
        found = self.load(kind, number)
        if found is None or not {"boxes", "scores", "labels"} <= set(found):
            return None
        boxes, scores, labels = (torch.from_numpy(found[k]) for k in ("boxes", "scores", "labels"))
        return Detections(boxes, scores, labels)

    def missing(self, kind: str, numbers: Iterable[int]) -> list[int]:
        """Give the ids for which nothing is kept."""
        return [n for n in numbers if not self._path(kind, n).is_file()]

    def _path(self, kind: str, number: int) -> Path:
        return self.folder / f"{kind}-{number}.npz"
