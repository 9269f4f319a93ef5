"""Adversarial images kept in a file that loads without running anything."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from modelward.adversarial.data.base import Sample, Target
from modelward.core.errors import DataError
from modelward.core.evidence import canonical, digest, sha256_file

FORMAT = "modelward.adversarial-set/2"
Stored = Literal["float16", "uint8"]
_KINDS = ("images", "boxes", "labels")
_WHEN = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever it is written
_LONGEST = 200_000_000
_LARGEST = 3 * 4 * 50_000_000 + 1_000  # bytes of one image


@dataclass(frozen=True, slots=True, eq=False)
class AdversarialSet:
    """Adversarial images with ids, true boxes and what made them, in one `.npz`.

    A data set like any other: `len`, `[i]`, `classes`; an image is read when it is asked for. `config`
    is what made it (source, attack, data, seed), and `sha256` the digest of the file; the description
    holds the digest of every array, which is checked when it is read. Images are kept
    as `float16` (to 0.0005, an eighth of a grey level at most) or `uint8` (whole grey levels, as an
    image file would keep them).
    """

    path: Path
    classes: tuple[str, ...]
    ids: tuple[int, ...]
    config: Mapping[str, Any]
    stored: Stored
    sha256: str
    digests: Mapping[str, str] = field(repr=False)

    @classmethod
    def load(cls, path: str | Path) -> AdversarialSet:
        """Open a file. Raises `DataError` for one that is broken, changed since, or of another kind."""
        file = Path(path)
        try:
            with zipfile.ZipFile(file) as archive:
                names = set(archive.namelist())
                if "meta.json" not in names:
                    raise DataError(
                        f"expected adversarial images in {file.name}, got another .npz",
                        hint="make them with modelward adversarial create.",
                    )
                if archive.getinfo("meta.json").file_size > _LONGEST:
                    raise DataError(f"expected a short description in {file.name}")
                meta = json.loads(archive.read("meta.json"))
                sealed = meta.pop("digest", None)
                if meta.get("format") != FORMAT or digest(meta) != sealed:
                    raise DataError(
                        f"expected adversarial images of {FORMAT} in {file.name}, got others, or a "
                        "description that was changed"
                    )
                ids = tuple(int(i) for i in meta["ids"])
                arrays = {f"{kind}/{i}.npy" for i in ids for kind in _KINDS}
                if set(meta["digests"]) != arrays:
                    raise DataError(f"expected a digest of each array in {file.name}, got others")
                missing = [i for i in ids if f"images/{i}.npy" not in names]
                if missing:
                    raise DataError(f"expected an image for each id, got none for {missing[:5]}")
        except (zipfile.BadZipFile, OSError, ValueError, KeyError, TypeError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"expected adversarial images in {file.name}, got: {error}") from error
        return cls(
            path=file,
            classes=tuple(meta["classes"]),
            ids=ids,
            config=meta["config"],
            stored=meta["stored"],
            sha256=sha256_file(file),
            digests=meta["digests"],
        )

    @classmethod
    def write(
        cls,
        path: str | Path,
        samples: Iterable[Sample],
        *,
        classes: tuple[str, ...],
        config: Mapping[str, Any],
        stored: Stored = "float16",
    ) -> AdversarialSet:
        """Write samples one by one, so that memory stays flat; the same samples give the same bytes.

        The file is there whole or not at all. Raises `DataError` for two samples of one id.
        """
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f".{file.name}.part")
        ids: list[int] = []
        digests: dict[str, str] = {}
        try:
            with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
                for sample in samples:
                    if sample.id in ids:
                        raise DataError(f"expected each id once, got {sample.id} twice")
                    ids.append(sample.id)
                    arrays = {
                        "images": pixels(sample.image, stored),
                        "boxes": sample.target.boxes.cpu().numpy(),
                        "labels": sample.target.labels.cpu().numpy(),
                    }
                    for kind, array in arrays.items():
                        name = f"{kind}/{sample.id}.npy"
                        digests[name] = _put(archive, name, array)
                meta = {
                    "format": FORMAT,
                    "ids": ids,
                    "classes": list(classes),
                    "config": dict(config),
                    "stored": stored,
                    "digests": digests,
                }
                sealed = {**meta, "digest": digest(meta)}
                archive.writestr(zipfile.ZipInfo("meta.json", _WHEN), canonical(sealed))
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
        return cls.load(file)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Sample:
        number = self.ids[index]
        image = self._array(f"images/{number}.npy")
        if image.ndim != 3 or image.shape[0] != 3 or image.dtype != np.dtype(self.stored):
            raise DataError(
                f"expected an image (3, H, W) of {self.stored} in {self.path.name}, got "
                f"{image.dtype} {image.shape}"
            )
        tensor = torch.from_numpy(image.astype(np.float32))
        if self.stored == "uint8":
            tensor = tensor / 255
        boxes = torch.from_numpy(self._array(f"boxes/{number}.npy").astype(np.float32))
        labels = torch.from_numpy(self._array(f"labels/{number}.npy").astype(np.int64))
        return Sample(number, tensor, Target(boxes.reshape(-1, 4), labels))

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"AdversarialSet({self.path.name}, {len(self)} images)"

    def _array(self, name: str) -> np.ndarray:
        try:
            with zipfile.ZipFile(self.path) as archive:
                if archive.getinfo(name).file_size > _LARGEST:
                    raise DataError(f"expected at most {_LARGEST} bytes of {name}, got more")
                content = archive.read(name)
            if hashlib.sha256(content).hexdigest() != self.digests[name]:
                raise DataError(
                    f"expected {name} in {self.path.name} as it was written, got it changed",
                    hint="make the images again with modelward adversarial create.",
                )
            found: np.ndarray = np.load(io.BytesIO(content), allow_pickle=False)
            return found
        except (zipfile.BadZipFile, OSError, ValueError, KeyError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"expected {name} in {self.path.name}, got: {error}") from error


def pixels(image: torch.Tensor, stored: Stored) -> np.ndarray:
    """Give pixels as they are stored."""
    values = image.detach().cpu().float()
    if stored == "uint8":
        return (values * 255).round().to(torch.uint8).numpy()
    return values.half().numpy()


def _put(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> str:
    """Write an array, and give the digest of its bytes."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.ascontiguousarray(array), allow_pickle=False)
    entry = zipfile.ZipInfo(name, _WHEN)
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()
