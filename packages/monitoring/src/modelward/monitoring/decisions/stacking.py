"""Taking the sketches of many models apart into flat arrays, so that all are scored at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter, is_
from typing import Self

import numpy as np
import numpy.typing as npt

from modelward.monitoring.drift.base import ColumnSketch
from modelward.monitoring.sketch.categorical import CategoricalSketch
from modelward.monitoring.sketch.lanes import Lanes
from modelward.monitoring.sketch.numeric import NumericSketch
from modelward.monitoring.sketch.table import Sketch

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Pair = tuple[Sketch, Sketch]
CELLS_AT_ONCE = 1 << 17
"""So many counts are held apart at a time: 1 MB a side, which stays in a processor's cache."""


@dataclass(slots=True)
class Numbers:
    """One side of the columns of numbers: arrays of shape `(k,)`, and the counts of all cells."""

    n: Ints
    gone: Ints
    mean: Floats
    m2: Floats
    counts: Ints

    @classmethod
    def of(cls, sketches: Sequence[NumericSketch]) -> Self:
        """Take sketches apart."""
        return cls(
            n=gather("moments.n", sketches),
            gone=gather("missing", sketches) + gather("infinite", sketches),
            mean=measure("moments.mean", sketches),
            m2=measure("moments.m2", sketches),
            counts=flat([s.counts for s in sketches]),
        )

    @classmethod
    def of_lanes(cls, lanes: Sequence[Lanes]) -> Self:
        """Lay together what lies side by side already."""
        parts = [each.numbers for each in lanes]
        measures = np.concatenate([part[0] for part in parts])
        whole = np.concatenate([part[1] for part in parts])
        counts = flat([part[2] for part in parts])
        gone = whole[:, 1] + whole[:, 2]
        return cls(whole[:, 0], gone, measures[:, 0], measures[:, 1], counts)


@dataclass(slots=True)
class Categories:
    """One side of the columns of categories: how many are missing, and the counts of all cells."""

    gone: Ints
    counts: Ints

    @classmethod
    def of(cls, sketches: Sequence[CategoricalSketch]) -> Self:
        """Take sketches apart."""
        return cls(gather("missing", sketches), flat([s.counts for s in sketches]))

    @classmethod
    def of_lanes(cls, lanes: Sequence[Lanes]) -> Self:
        """Lay together what lies side by side already."""
        parts = [each.texts for each in lanes]
        missing = np.concatenate([part[1][:, 1] for part in parts])
        return cls(missing, flat([part[2] for part in parts]))


@dataclass(slots=True)
class Stack:
    """The columns of a batch of models side by side; masks are as long as there are columns.

    `numbers` and `categories` have both sides of the columns that `numeric` marks and of the others,
    in order, with so many cells each as `cells` and `words` say. `barred` marks columns that a window
    or a reference has not kept as the schema says; `time` those whose values go on by themselves.
    """

    numbers: tuple[Numbers, Numbers]
    categories: tuple[Categories, Categories]
    cells: Ints
    words: Ints
    numeric: Mask
    barred: Mask
    time: Mask
    smallest: Floats

    def __len__(self) -> int:
        return self.numeric.size

    @classmethod
    def of(cls, pairs: Sequence[Pair], smallest: Callable[[Sequence[Pair]], Floats]) -> Self:
        """Take models apart: pairs of sketches (reference, window) that count in the same cells."""
        found = cls._of_lanes(pairs) or cls._of_sketches(pairs)
        barred = np.zeros(found.numeric.size, dtype=np.bool_)
        first = 0
        for reference, current in pairs:
            if reference.others or current.others:
                torn = {name for name, _ in (*reference.others, *current.others)}
                barred[[first + i for i, name in enumerate(reference.kinds) if name in torn]] = True
            first += len(reference.kinds)
        found.barred, found.smallest = barred, smallest(pairs)
        return found

    @classmethod
    def _of_lanes(cls, pairs: Sequence[Pair]) -> Self | None:
        """Lay together what was read from a store; None where a sketch comes from elsewhere."""
        sides: tuple[list[Lanes], list[Lanes]] = ([], [])
        for pair in pairs:
            for side, sketch in zip(sides, pair, strict=True):
                if not isinstance(sketch.columns, Lanes):
                    return None
                side.append(sketch.columns)
        if any(one.schema is not two.schema for one, two in zip(*sides, strict=True)):
            return None
        schemas = [each.schema for each in sides[0]]
        return cls(
            numbers=(Numbers.of_lanes(sides[0]), Numbers.of_lanes(sides[1])),
            categories=(Categories.of_lanes(sides[0]), Categories.of_lanes(sides[1])),
            cells=np.concatenate([each.sizes[: len(each.edges)] for each in schemas]),
            words=np.concatenate([each.sizes[len(each.edges) :] for each in schemas]),
            numeric=np.concatenate([each.numeric for each in schemas]),
            barred=np.empty(0, dtype=np.bool_),
            time=np.concatenate([each.time for each in schemas]),
            smallest=np.empty(0),
        )

    @classmethod
    def _of_sketches(cls, pairs: Sequence[Pair]) -> Self:
        before: list[ColumnSketch] = []
        after: list[ColumnSketch] = []
        time: list[bool] = []
        for reference, current in pairs:
            before.extend(reference.columns.values())
            after.extend(ordered(reference, current))
            time.extend(map("time".__eq__, map(reference.kinds.__getitem__, reference.columns)))
        numbers = [[s for s in side if isinstance(s, NumericSketch)] for side in (before, after)]
        texts = [[s for s in side if isinstance(s, CategoricalSketch)] for side in (before, after)]
        return cls(
            numbers=(Numbers.of(numbers[0]), Numbers.of(numbers[1])),
            categories=(Categories.of(texts[0]), Categories.of(texts[1])),
            cells=gather("counts.size", numbers[0]),
            words=gather("counts.size", texts[0]),
            numeric=np.fromiter((isinstance(s, NumericSketch) for s in before), bool, len(before)),
            barred=np.empty(0, dtype=np.bool_),
            time=np.array(time, dtype=np.bool_),
            smallest=np.empty(0),
        )


def same_cells(reference: Sketch, current: Sketch) -> bool:
    """Tell quickly whether two sketches count in the same cells; False also where that is unsure.

    A window made from its reference shares the reference's edges, and one read from a store has
    equal ones; either way no column is looked at twice.
    """
    lanes = [each for each in (reference.columns, current.columns) if isinstance(each, Lanes)]
    if len(lanes) == 2 and lanes[0].schema is lanes[1].schema:
        return True
    if reference.kinds is not current.kinds and dict(reference.kinds) != dict(current.kinds):
        return False
    for one, two in zip(reference.columns.values(), ordered(reference, current), strict=True):
        if type(one) is NumericSketch and type(two) is NumericSketch:
            if one.edges is not two.edges and not np.array_equal(one.edges, two.edges):
                return False
        elif type(one) is CategoricalSketch and type(two) is CategoricalSketch:
            if one.categories is not two.categories and one.categories != two.categories:
                return False
        else:
            return False
    return True


def ordered(reference: Sketch, current: Sketch) -> list[ColumnSketch]:
    """Give the window's columns in the reference's order."""
    if all(map(is_, reference.columns, current.columns)):
        return list(current.columns.values())
    return [current.columns[name] for name in reference.columns]


def gather(column: str, sketches: Sequence[ColumnSketch]) -> Ints:
    """Give one whole number of each sketch, shape `(k,)`."""
    return np.fromiter(map(attrgetter(column), sketches), np.int64, len(sketches))


def measure(column: str, sketches: Sequence[ColumnSketch]) -> Floats:
    """Give one number of each sketch, shape `(k,)`."""
    return np.fromiter(map(attrgetter(column), sketches), np.float64, len(sketches))


def padded(counts: Ints, lengths: Ints) -> Ints:
    """Lay counts of different lengths in the rows of one table, zeros after their end."""
    table = np.zeros((lengths.size, int(lengths.max(initial=0))), dtype=np.int64)
    table[np.arange(table.shape[1]) < lengths[:, None]] = counts
    return table


def flat(parts: Sequence[npt.NDArray[np.integer]]) -> Ints:
    """Lay counts one after the other, in a new array."""
    if not parts:
        return np.empty(0, dtype=np.int64)
    return np.concatenate(parts, dtype=np.int64, casting="unsafe")


def batches(cells: Sequence[int]) -> Iterator[slice]:
    """Part models, of so many counts each, into batches of about `CELLS_AT_ONCE`, one at the least."""
    start = total = 0
    for end, more in enumerate(cells):
        if total and total + more > CELLS_AT_ONCE:
            yield slice(start, end)
            start, total = end, 0
        total += more
    if start < len(cells):
        yield slice(start, len(cells))
