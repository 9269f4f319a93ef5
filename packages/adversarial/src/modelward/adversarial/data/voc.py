"""Pascal VOC: beside each image an XML file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from modelward.adversarial.data.files import Entry, FileData, inside, read_text
from modelward.core.errors import DataError

LARGEST = 10_000_000


def voc_data(
    images: str | Path, annotations: str | Path, *, classes: Sequence[str] | None = None
) -> FileData:
    """Read a folder of images and one of VOC's XML files.

    Class names are those met, in alphabetical order, unless given; coordinates count from 1, as VOC's
    do. Objects marked difficult are left out. Files that are no such XML, images that are missing and
    boxes without area are named in `problems` and left out. XML that declares entities is refused.

    Raises `DataError` where nothing can be read.
    """
    folder, notes = Path(images), Path(annotations)
    problems: list[str] = []
    read: list[tuple[Path, list[tuple[tuple[float, float, float, float], str]]]] = []
    for file in sorted(notes.glob("*.xml")):
        try:
            name, objects = _objects(file, problems)
        except (ElementTree.ParseError, DataError, ValueError, TypeError, AttributeError) as error:
            problems.append(f"{file.name}: {error}")
            continue
        path = inside(folder, name)
        if not path.is_file():
            problems.append(f"{name}: no such image")
            continue
        read.append((path, objects))
    if not read:
        raise DataError(f"expected VOC annotations of the images of {folder} in {notes}, got none")
    met = sorted({kind for _, objects in read for _, kind in objects})
    names = tuple(met) if classes is None else tuple(classes)
    entries = []
    for number, (path, objects) in enumerate(read):
        kept = [(box, names.index(kind)) for box, kind in objects if kind in names]
        problems += [f"{path.name}: class {k!r} is not given" for _, k in objects if k not in names]
        entries.append(Entry(number, path, [b for b, _ in kept], [k for _, k in kept]))
    return FileData(f"VOC {notes.name}", names, tuple(entries), tuple(problems))


def _objects(
    file: Path, problems: list[str]
) -> tuple[str, list[tuple[tuple[float, float, float, float], str]]]:
    text = read_text(file, largest=LARGEST)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise DataError("expected plain XML, got one that declares entities")
    root = ElementTree.fromstring(text)  # noqa: S314 - without a DTD there is nothing to expand
    name = root.findtext("filename") or f"{file.stem}.jpg"
    found = []
    for item in root.iter("object"):
        kind, box = item.findtext("name"), item.find("bndbox")
        if kind is None or box is None:
            raise DataError("expected name and bndbox of each object, got none")
        if (item.findtext("difficult") or "0").strip() == "1":
            continue
        x1, y1, x2, y2 = (
            float(box.findtext(part) or "nan") for part in ("xmin", "ymin", "xmax", "ymax")
        )
        if not (x2 > x1 - 1 and y2 > y1 - 1):  # written so that NaN fails
            problems.append(f"{file.name}: a box without area")
            continue
        found.append(((x1 - 1, y1 - 1, x2, y2), kind))
    return name, found
