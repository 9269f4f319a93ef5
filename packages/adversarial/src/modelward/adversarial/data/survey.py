"""A first look through a data set: which images can be read, their sizes, truth and digest."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from modelward.adversarial.data.base import DetectionData, Sample, Target
from modelward.adversarial.data.images import UnreadableImageError
from modelward.core.errors import DataError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Images of one size that go through a detector together: where they stand, ids and truth."""

    indices: tuple[int, ...]
    ids: tuple[int, ...]
    targets: tuple[Target, ...]

    def samples(self, data: DetectionData) -> list[Sample]:
        """Read the images."""
        return [data[i] for i in self.indices]


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What a data set holds, without its pixels. `left_out` says in words what could not be read."""

    parts: tuple[Part, ...]
    sha256: str
    left_out: tuple[str, ...]

    @property
    def ids(self) -> list[int]:
        """All ids, in order."""
        return [number for part in self.parts for number in part.ids]

    @property
    def targets(self) -> list[Target]:
        """The truth of all images, in the same order."""
        return [target for part in self.parts for target in part.targets]

    def first(self, n: int) -> tuple[Part, ...]:
        """Give the first parts, until they hold at least `n` images and an object; all where they do not."""
        found: list[Part] = []
        for part in self.parts if n > 0 else ():
            found.append(part)
            enough = sum(len(part.ids) for part in found) >= n
            if enough and any(len(target.labels) for part in found for target in part.targets):
                break
        return tuple(found)


def survey(data: DetectionData, *, batch: int) -> Survey:
    """Look through a data set once, one image in memory at a time.

    Images of one size come together, wherever they stand. Raises `DataError` when the set is empty, none
    can be read, an id comes twice, or `batch` is not positive.
    """
    if batch < 1:
        raise DataError(f"expected batch >= 1, got {batch}")
    hasher = hashlib.sha256()
    parts: list[Part] = []
    waiting: dict[tuple[int, ...], list[tuple[int, int, Target]]] = {}
    left_out: list[str] = []
    for index, sample in _readable(data, left_out):
        size = tuple(sample.image.shape)
        hasher.update(f"{sample.id} {size}\n".encode())
        for tensor in (sample.image, sample.target.boxes, sample.target.labels):
            hasher.update(tensor.cpu().contiguous().numpy().tobytes())
        rows = waiting.setdefault(size, [])
        rows.append((index, sample.id, sample.target))
        if len(rows) == batch:
            parts.append(_part(waiting.pop(size)))
    parts += [_part(rows) for rows in waiting.values()]
    found = Survey(tuple(parts), hasher.hexdigest(), tuple(left_out))
    if not parts:
        raise DataError(f"expected at least one image that can be read, got none of {len(data)}")
    if len(set(found.ids)) != len(found.ids):
        raise DataError("expected each image id once, got one twice")
    return found


def _readable(data: DetectionData, left_out: list[str]) -> Iterator[tuple[int, Sample]]:
    for index in range(len(data)):
        try:
            yield index, data[index]
        except UnreadableImageError as error:
            left_out.append(error.fact)
            logger.warning("left out: %s", error.fact)


def _part(rows: list[tuple[int, int, Target]]) -> Part:
    return Part(tuple(r[0] for r in rows), tuple(r[1] for r in rows), tuple(r[2] for r in rows))
