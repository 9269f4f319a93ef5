"""Taking the sketches of many models apart into flat arrays, so that all are scored at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter, is_

import numpy as np
import numpy.typing as npt

from modelward.monitoring.drift.base import ColumnSketch
from modelward.monitoring.sketch.categorical import CategoricalSketch
from modelward.monitoring.sketch.numeric import NumericSketch
from modelward.monitoring.sketch.table import Sketch

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
CELLS_AT_ONCE = 1 << 17
"""So many counts are held apart at a time: 1 MB a side, which stays in a processor's cache."""


@dataclass(slots=True)
class Stack:
    """The columns of a batch of models side by side, each list and array as long as there are columns.

    `barred` marks columns that a window or a reference has not kept as the schema says; `time` those
    whose values go on by themselves.
    """

    before: list[ColumnSketch]
    after: list[ColumnSketch]
    barred: Mask
    time: Mask
    smallest: Floats

    def __len__(self) -> int:
        return len(self.before)

    def of_type(self, kind: type) -> Ints:
        """Give the places of the columns of one kind of sketch, shape `(k,)`."""
        return np.flatnonzero(
            np.fromiter((isinstance(s, kind) for s in self.before), bool, len(self))
        )


def same_cells(reference: Sketch, current: Sketch) -> bool:
    """Tell quickly whether two sketches count in the same cells; False also where that is unsure.

    A window made from its reference shares the reference's edges, and one read from a store has
    equal ones; either way no column is looked at twice.
    """
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


def counts(sketches: Sequence[ColumnSketch]) -> list[Ints]:
    """Give the counts of each sketch."""
    return [s.counts for s in sketches]


def padded(parts: Sequence[Ints], lengths: Ints) -> Ints:
    """Lay counts of different lengths in the rows of one table, zeros after their end."""
    table = np.zeros((len(parts), int(lengths.max(initial=0))), dtype=np.int64)
    if len(parts):
        table[np.arange(table.shape[1]) < lengths[:, None]] = flat(parts)
    return table


def flat(parts: Sequence[Ints]) -> Ints:
    """Lay counts one after the other, in a new array."""
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
