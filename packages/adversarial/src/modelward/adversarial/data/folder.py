"""Images without labels, and what a detector sees on them taken for the truth."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from modelward.adversarial.data.base import DetectionData, Sample, Target
from modelward.adversarial.data.files import Entry, FileData
from modelward.adversarial.detectors.base import Detector
from modelward.core.errors import DataError

KINDS = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}


def image_files(folder: Path) -> list[Path]:
    """Give the image files of a folder, in order of their names."""
    if not folder.is_dir():
        raise DataError(f"expected a folder of images, got {folder}")
    return sorted(p for p in folder.iterdir() if p.suffix.lower() in KINDS and p.is_file())


def folder_data(images: str | Path, *, classes: tuple[str, ...]) -> FileData:
    """Read a folder of images without labels, for `SeenByDetector`. Raises `DataError` for none."""
    entries = tuple(Entry(i, path) for i, path in enumerate(image_files(Path(images))))
    if not entries:
        raise DataError(f"expected images in {images}, got none")
    return FileData(f"folder {Path(images).name}", tuple(classes), entries)


class SeenByDetector:
    """A data set whose truth is what a detector sees on its clean images, from a threshold on.

    Scores are then of agreement with the clean predictions, not of correctness: say so. Raises
    `ConfigError` as the detector does.
    """

    def __init__(
        self, data: DetectionData, detector: Detector, *, score_threshold: float = 0.5
    ) -> None:
        self.data = data
        self.detector = detector
        self.score_threshold = score_threshold
        self.classes = tuple(detector.classes)
        self._seen: dict[int, Target] = {}

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Sample:
        sample = self.data[index]
        if index not in self._seen:
            self._seen[index] = self._look(sample.image)
        return Sample(sample.id, sample.image, self._seen[index])

    def _look(self, image: Tensor) -> Target:
        (seen,) = self.detector.predict(image[None])
        seen = seen.above(self.score_threshold)
        solid = (seen.boxes[:, 2:] > seen.boxes[:, :2]).all(dim=1)
        return Target(seen.boxes[solid], seen.labels[solid])

    def __repr__(self) -> str:
        return f"{self.data!r} as {self.detector.name} sees it"
