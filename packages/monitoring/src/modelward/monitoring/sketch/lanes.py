"""Columns whose numbers lie side by side, each made when it is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from modelward.core.metrics import Moments
from modelward.monitoring.sketch.categorical import CategoricalSketch
from modelward.monitoring.sketch.numeric import NumericSketch
from modelward.monitoring.sources.frames import Kind

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Schema:
    """What sketches of one grid have in common; `edges` and `categories` in the order of `kinds`.

    `sizes` (shape `(k,)`) are the numbers of cells: of the columns of numbers, then of the others.
    """

    kinds: Mapping[str, Kind]
    edges: Sequence[Floats]
    categories: Sequence[tuple[str, ...]]
    sizes: Ints
    numeric: npt.NDArray[np.bool_]
    time: npt.NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        kinds: Mapping[str, Kind],
        edges: Sequence[Floats],
        categories: Sequence[tuple[str, ...]],
    ) -> Schema:
        """Work out what follows from kinds, edges and categories."""
        sizes = [each.size + 1 for each in edges] + [len(each) + 1 for each in categories]
        of = list(kinds.values())
        return cls(
            kinds=kinds,
            edges=edges,
            categories=categories,
            sizes=np.array(sizes, dtype=np.int64),
            numeric=np.array([kind != "categorical" for kind in of], dtype=np.bool_),
            time=np.array([kind == "time" for kind in of], dtype=np.bool_),
        )

    @cached_property
    def places(self) -> Mapping[str, tuple[int, int]]:
        """Where each column lies: its place among those of its kind, and where its counts begin."""
        starts = (np.cumsum(self.sizes) - self.sizes).tolist()
        among_numbers, among_texts = iter(range(len(self.edges))), iter(range(len(self.categories)))
        found = {}
        for name, numeric in zip(self.kinds, self.numeric.tolist(), strict=True):
            at = next(among_numbers if numeric else among_texts)
            found[name] = at, starts[at if numeric else len(self.edges) + at]
        return found


class Lanes(Mapping[str, NumericSketch | CategoricalSketch]):
    """The columns of a sketch by name, as `Sketch.columns`; a fleet scores them as they lie.

    `measures` has mean, sum of squares, least and largest of each column of numbers, then mean and
    sum of squares of the lengths of each other one; `whole` how many values each has, were missing
    and infinite, then how many lengths and missing ones; `counts` those of all cells.
    """

    __slots__ = ("_made", "counts", "measures", "schema", "whole")

    def __init__(
        self, schema: Schema, measures: Floats, whole: Ints, counts: npt.NDArray[np.integer]
    ) -> None:
        self.schema, self.measures, self.whole, self.counts = schema, measures, whole, counts
        self._made: dict[str, NumericSketch | CategoricalSketch] = {}

    @property
    def numbers(self) -> tuple[Floats, Ints, npt.NDArray[np.integer]]:
        """Measures `(k, 4)`, whole `(k, 3)` and counts of the columns of numbers."""
        k = len(self.schema.edges)
        cells = int(self.schema.sizes[:k].sum())
        return (
            self.measures[: 4 * k].reshape(k, 4),
            self.whole[: 3 * k].reshape(k, 3),
            self.counts[:cells],
        )

    @property
    def texts(self) -> tuple[Floats, Ints, npt.NDArray[np.integer]]:
        """Measures `(t, 2)`, whole `(t, 2)` and counts of the columns of categories."""
        k, t = len(self.schema.edges), len(self.schema.categories)
        cells = int(self.schema.sizes[:k].sum())
        return (
            self.measures[4 * k :].reshape(t, 2),
            self.whole[3 * k :].reshape(t, 2),
            self.counts[cells:],
        )

    def __getitem__(self, name: str) -> NumericSketch | CategoricalSketch:
        if name not in self._made:
            at, start = self.schema.places[name]
            categorical = self.schema.kinds[name] == "categorical"
            self._made[name] = self._text(at, start) if categorical else self._number(at, start)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.schema.kinds)

    def __len__(self) -> int:
        return len(self.schema.kinds)

    def _number(self, at: int, start: int) -> NumericSketch:
        edges = self.schema.edges[at]
        counts = self.counts[start : start + edges.size + 1].astype(np.int64)
        mean, m2, low, high = self.measures[4 * at : 4 * at + 4].tolist()
        n, missing, infinite = self.whole[3 * at : 3 * at + 3].tolist()
        return NumericSketch(edges, counts, Moments(n, mean, m2), low, high, missing, infinite)

    def _text(self, at: int, start: int) -> CategoricalSketch:
        names, first = self.schema.categories[at], len(self.schema.edges)
        counts = self.counts[start : start + len(names) + 1].astype(np.int64)
        floats, whole = 4 * first + 2 * at, 3 * first + 2 * at
        mean, m2 = self.measures[floats : floats + 2].tolist()
        n, missing = self.whole[whole : whole + 2].tolist()
        return CategoricalSketch(names, counts, missing, Moments(n, mean, m2))
