"""The summary of a column of numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError
from modelward.core.metrics import Moments

CELLS = 1024
LARGEST = 1e150
"""Numbers beyond have no square that fits a float; they count as infinite, NaN too."""
_BEYOND = 41


@dataclass(frozen=True, slots=True, eq=False)
class NumericSketch:
    """Counts on a fixed grid, exact moments and range, and what was missing or infinite.

    `edges` (shape `(m,)`, ascending) part the line into m + 1 cells, cell i holding what lies in
    `(edges[i - 1], edges[i]]`; `counts` (shape `(m + 1,)`) says how many. So the share of values
    at or below each edge is exact, whatever lay between. Infinite values are counted apart.
    """

    edges: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    moments: Moments
    minimum: float
    maximum: float
    missing: int
    infinite: int

    @classmethod
    def fit(cls, values: npt.NDArray[np.float64], missing: int, *, cells: int = CELLS) -> Self:
        """Lay the grid by the values and count them.

        With at most half as many different values as cells, each has a cell of its own, and nothing
        is lost; with more, the edges are the quantiles, so that each cell holds about the same
        share. Beyond both ends the grid goes on, in ever wider cells, to sixteen times the range,
        so that values a later window brings from there are told apart.
        """
        finite = np.sort(values[np.abs(values) <= LARGEST])
        distinct = np.unique(finite)
        if distinct.size <= cells // 2:
            distinct = own_cells(distinct)
        elif distinct.size > cells:
            picks = (np.arange(1, cells) * finite.size) // cells
            distinct = np.append(np.unique(finite[picks]), finite[-1])
        edges = _extend(distinct, float(finite[0])) if finite.size else distinct
        return cls.on(edges).add(values, missing)

    @classmethod
    def on(cls, edges: npt.NDArray[np.float64]) -> Self:
        """Give a sketch of nothing on a grid of your own, `edges` ascending, shape `(m,)`."""
        return cls(
            edges=edges,
            counts=np.zeros(edges.size + 1, dtype=np.int64),
            moments=Moments(),
            minimum=math.inf,
            maximum=-math.inf,
            missing=0,
            infinite=0,
        )

    def add(
        self,
        values: npt.NDArray[np.floating],
        missing: int,
        *,
        room: npt.NDArray[np.float64] | None = None,
    ) -> Self:
        """Give the sketch with a chunk of values added.

        `room`, at least as long, is written over: many columns can be sorted in the same memory, for
        which the system would else be asked anew with each. Floats of 32 bits are sorted as they are.
        """
        # Looking up each edge among sorted values is much faster than each value among the edges.
        room = np.empty(values.size) if room is None else room
        ordered = room.view(values.dtype)[: values.size]
        ordered[:] = values
        ordered.sort()
        largest = min(LARGEST, float(np.finfo(values.dtype).max))
        first = int(np.searchsorted(ordered, -values.dtype.type(largest), side="left"))
        last = int(np.searchsorted(ordered, values.dtype.type(largest), side="right"))
        finite = ordered[first:last]
        counts = np.empty_like(self.counts)  # at or below each edge, all at last
        counts[:-1] = np.searchsorted(finite, _below(self.edges, values.dtype), side="right")
        counts[-1] = finite.size
        counts[1:] -= counts[:-1].copy()
        return replace(
            self,
            counts=self.counts + counts,
            moments=self.moments.update(finite),
            minimum=min(self.minimum, float(finite[0])) if finite.size else self.minimum,
            maximum=max(self.maximum, float(finite[-1])) if finite.size else self.maximum,
            missing=self.missing + missing,
            infinite=self.infinite + values.size - finite.size,
        )

    def empty(self) -> Self:
        """Give a sketch of nothing, on the same grid."""
        return self.on(self.edges)

    def same_cells(self, other: NumericSketch) -> bool:
        """Tell whether both count on the same grid, so that they can be added and compared."""
        return np.array_equal(self.edges, other.edges)

    def __add__(self, other: NumericSketch) -> Self:
        if not self.same_cells(other):
            raise DataError(
                "expected two sketches on one grid, got different grids",
                hint="sketch the window with reference.empty().add(frame).",
            )
        return replace(
            self,
            counts=self.counts + other.counts,
            moments=self.moments + other.moments,
            minimum=min(self.minimum, other.minimum),
            maximum=max(self.maximum, other.maximum),
            missing=self.missing + other.missing,
            infinite=self.infinite + other.infinite,
        )

    @property
    def n(self) -> int:
        """How many finite values were counted."""
        return self.moments.n

    @property
    def rows(self) -> int:
        """How many rows were seen, missing and infinite ones included."""
        return self.n + self.missing + self.infinite

    @property
    def wide(self) -> npt.NDArray[np.bool_]:
        """Which cells, shape `(m + 1,)`, can hold more than one value: what lies there is blurred."""
        narrow = np.nextafter(self.edges[:-1], math.inf) >= self.edges[1:]
        wide = np.ones(self.counts.size, dtype=np.bool_)
        wide[1:-1] = ~narrow
        return wide

    def cumulative(self) -> npt.NDArray[np.float64]:
        """Give the share of values at or below each edge, shape `(m,)`, in [0, 1]."""
        return np.cumsum(self.counts[:-1]) / max(self.n, 1)

    def quantile(self, share: float) -> float:
        """Give a value that the given share of values, in [0, 1], lies at or below.

        Read off the grid on a straight line within a cell, so it lies no further from the exact one
        than its cell is wide. Raises `DataError` for another share and without values.

        >>> NumericSketch.fit(np.array([1.0, 2.0, 3.0, 4.0]), 0).quantile(0.5)
        2.0
        """
        if not 0 <= share <= 1 or self.n == 0:
            raise DataError(
                f"expected a share in [0, 1] and values to ask, got {share} of {self.n} values"
            )
        if share in {0.0, 1.0}:
            return self.minimum if share == 0.0 else self.maximum
        whole = np.cumsum(self.counts)
        cell = int(np.searchsorted(whole, share * self.n * (1 - 1e-12)))
        high = self.edges[cell] if cell < self.edges.size else self.maximum
        low = self.edges[cell - 1] if cell > 0 else self.minimum
        part = (share * self.n - (whole[cell] - self.counts[cell])) / self.counts[cell]
        found = low + (high - low) * min(1.0, max(0.0, part))
        return float(min(max(found, self.minimum), self.maximum))

    def binned(self, lines: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Give the share between each two of the `lines`, shape `(b,)`, for drawing.

        What lies outside is added to the outer two.
        """
        if self.n == 0:
            return np.zeros(lines.size - 1)
        below = np.interp(lines, self.edges, self.cumulative())
        below[0], below[-1] = 0.0, 1.0
        return np.diff(below)

    def to_dict(self) -> dict[str, Any]:
        """Give the state as plain JSON content."""
        return {
            "edges": self.edges.tolist(),
            "counts": self.counts.tolist(),
            "moments": self.moments.to_dict(),
            "minimum": self.minimum if self.n else None,
            "maximum": self.maximum if self.n else None,
            "missing": self.missing,
            "infinite": self.infinite,
        }

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Self:
        """Rebuild a sketch. Raises `DataError` when the parts do not fit each other."""
        edges = np.asarray(state["edges"], dtype=np.float64)
        counts = np.asarray(state["counts"], dtype=np.int64)
        moments = Moments(**state["moments"])
        whole = counts.ndim == edges.ndim == 1 and counts.size == edges.size + 1
        if not whole or (counts < 0).any() or (np.diff(edges) <= 0).any():
            raise DataError("expected ascending edges and one count more than edges, got others")
        if counts.sum() != moments.n:
            raise DataError(f"expected counts of {moments.n} values, got {counts.sum()}")
        return cls(
            edges=edges,
            counts=counts,
            moments=moments,
            minimum=math.inf if state["minimum"] is None else float(state["minimum"]),
            maximum=-math.inf if state["maximum"] is None else float(state["maximum"]),
            missing=int(state["missing"]),
            infinite=int(state["infinite"]),
        )


def _below(edges: npt.NDArray[np.float64], kind: np.dtype[Any]) -> npt.NDArray[np.floating]:
    """Give the largest floats of a kind that are at or below the edges: the same values lie below."""
    if edges.dtype == kind:
        return edges
    with np.errstate(over="ignore"):
        found = edges.astype(kind)
    return np.where(found > edges, np.nextafter(found, kind.type(-np.inf)), found)


def own_cells(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Lay an edge at each finite value and one just below, so that its cell holds nothing else."""
    return np.unique([np.nextafter(values, -math.inf), values])


def _extend(distinct: npt.NDArray[np.float64], low: float) -> npt.NDArray[np.float64]:
    """Add an edge just below the lowest value, and ever wider cells on both sides."""
    high = float(distinct[-1])
    span = (high - low) or max(abs(high), 1.0)
    under = np.nextafter(low, -math.inf)
    with np.errstate(over="ignore"):  # what lies beyond the largest float is left out below
        steps = span * np.geomspace(1 / 64, 16, _BEYOND)
        edges = np.concatenate([under - steps[::-1], [under], distinct, high + steps])
    return np.unique(edges[np.isfinite(edges)])
