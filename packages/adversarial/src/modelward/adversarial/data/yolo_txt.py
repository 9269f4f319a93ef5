"""YOLO's own labels: beside each image a text file, one line an object."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modelward.adversarial.data.files import Entry, FileData, read_text
from modelward.adversarial.data.folder import image_files
from modelward.core.errors import DataError


def yolo_data(
    images: str | Path, labels: str | Path | None = None, *, classes: Sequence[str]
) -> FileData:
    """Read a folder of images and one of text files of the same names: `class x y width height`.

    x and y are the centre, all four in shares of the image; a score after them is passed over, and of
    an outline (`class x1 y1 x2 y2 x3 y3 …`) the box around it is taken. `labels` is by default the folder beside
    `images` that is called `labels`. An image without a text file has no objects. Lines that are no such
    thing are named in `problems` and left out. Raises `DataError` for a folder without images.
    """
    folder = Path(images)
    texts = folder.parent / "labels" if labels is None else Path(labels)
    problems: list[str] = []
    entries = []
    for number, path in enumerate(image_files(folder)):
        boxes, kinds = [], []
        file = texts / f"{path.stem}.txt"
        lines = read_text(file).splitlines() if file.is_file() else []
        for at, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                kind, x, y, width, height = _fields(line)
                if kind != int(kind) or not 0 <= kind < len(classes):
                    raise ValueError(f"class {kind:g} of {len(classes)}")
                if not (width > 0 and height > 0):
                    raise ValueError("a box without area")
            except ValueError as error:
                problems.append(f"{file.name}:{at}: {error}")
                continue
            boxes.append((x - width / 2, y - height / 2, x + width / 2, y + height / 2))
            kinds.append(int(kind))
        entries.append(Entry(number, path, boxes, kinds, relative=True))
    if not entries:
        raise DataError(f"expected images in {folder}, got none")
    return FileData(f"YOLO {folder.name}", tuple(classes), tuple(entries), tuple(problems))


def _fields(line: str) -> tuple[float, float, float, float, float]:
    """Give class, centre and size; those of the box around an outline. Raises `ValueError`."""
    kind, *rest = (float(v) for v in line.split())
    if len(rest) in {4, 5}:
        x, y, width, height = rest[:4]
        return kind, x, y, width, height
    if len(rest) < 6 or len(rest) % 2:
        raise ValueError(f"{len(rest) + 1} numbers")
    xs, ys = rest[::2], rest[1::2]
    width, height = max(xs) - min(xs), max(ys) - min(ys)
    return kind, min(xs) + width / 2, min(ys) + height / 2, width, height
