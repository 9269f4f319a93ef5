"""COCO: a folder of images and one JSON file."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelward.adversarial.data.base import DetectionData
from modelward.adversarial.data.files import Entry, FileData, inside, read_text
from modelward.core.errors import DataError
from modelward.core.files import write_whole


def coco_data(
    images: str | Path, labels: str | Path, *, classes: Sequence[str] | None = None
) -> FileData:
    """Read a COCO data set: a folder of images, and its annotations as JSON.

    Class names are in the order of the category ids unless given in another (a label is an index into
    them). Crowd regions are left out. Images whose file is missing are named in `problems` and left
    out, and so are annotations without area or of an unknown image.

    Raises `DataError` for a file that is no such JSON, and for classes that lack a category.
    """
    file, folder = Path(labels), Path(images)
    try:
        content = json.loads(read_text(file))
    except (ValueError, RecursionError) as error:
        raise DataError(f"expected COCO annotations in {file.name}, got: {error}") from error
    try:
        categories = sorted((int(c["id"]), str(c["name"])) for c in content["categories"])
        listed = [(int(i["id"]), str(i["file_name"])) for i in content["images"]]
        marked = [_annotation(a) for a in content["annotations"] if not a.get("iscrowd")]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"expected images, annotations and categories in {file.name}, got none: {error!r}",
            hint="labels is COCO's instances file, such as instances_val2017.json.",
        ) from error
    names = tuple(name for _, name in categories) if classes is None else tuple(classes)
    index = {number: _index(names, name, file) for number, name in categories}
    problems: list[str] = []
    by_image: dict[int, list[tuple[tuple[float, float, float, float], int]]] = defaultdict(list)
    known = {number for number, _ in listed}
    for number, image, category, box in marked:
        if image not in known or category not in index:
            problems.append(f"annotation {number}: of an unknown image or category")
        elif not (box[2] > box[0] and box[3] > box[1]):
            problems.append(f"annotation {number}: a box without area")
        else:
            by_image[image].append((box, index[category]))
    entries = []
    for number, name in sorted(listed):
        path = inside(folder, name)
        if not path.is_file():
            problems.append(f"{name}: no such image")
            continue
        found = by_image[number]
        entries.append(Entry(number, path, [b for b, _ in found], [k for _, k in found]))
    if not entries:
        raise DataError(
            f"expected the images of {file.name} in {folder}, got none of {len(listed)}",
            hint="images is the folder that holds the files the JSON names.",
        )
    return FileData(f"COCO {file.name}", names, tuple(entries), tuple(problems))


def write_coco(data: DetectionData, folder: str | Path) -> FileData:
    """Write a data set as COCO: PNG files in `images`, and `labels.json`; give it as read again.

    Pixels are rounded to 8 bits. Raises `DataError` for an empty set.

    >>> from tempfile import TemporaryDirectory
    >>> from modelward.adversarial import Shapes
    >>> with TemporaryDirectory() as folder:
    ...     write_coco(Shapes(n=2, size=64), folder)
    COCO labels.json(2 images, 3 classes)
    """
    from PIL import Image

    images = Path(folder) / "images"
    images.mkdir(parents=True, exist_ok=True)
    content: dict[str, list[dict[str, Any]]] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": k, "name": name} for k, name in enumerate(data.classes, start=1)],
    }
    for index in range(len(data)):
        sample = data[index]
        pixels = (sample.image * 255).round().byte().permute(1, 2, 0).numpy()
        name = f"{sample.id:012}.png"
        Image.fromarray(pixels).save(images / name)
        height, width = pixels.shape[:2]
        content["images"].append(
            {"id": sample.id, "file_name": name, "width": width, "height": height}
        )
        for box, label in zip(
            sample.target.boxes.tolist(), sample.target.labels.tolist(), strict=True
        ):
            x1, y1, x2, y2 = box
            content["annotations"].append(
                {
                    "id": len(content["annotations"]) + 1,
                    "image_id": sample.id,
                    "category_id": label + 1,
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": (x2 - x1) * (y2 - y1),
                    "iscrowd": 0,
                }
            )
    labels = write_whole(Path(folder) / "labels.json", json.dumps(content))
    return coco_data(images, labels, classes=data.classes)


def _annotation(a: Any) -> tuple[int, int, int, tuple[float, float, float, float]]:
    x, y, width, height = (float(v) for v in a["bbox"])
    box = (x, y, x + width, y + height)
    return int(a["id"]), int(a["image_id"]), int(a["category_id"]), box


def _index(names: Sequence[str], name: str, file: Path) -> int:
    if name not in names:
        raise DataError(
            f"expected a class for every category of {file.name}, got none for {name!r}",
            hint="give the detector's class names in its own order.",
        )
    return names.index(name)
