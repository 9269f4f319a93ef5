"""The results of a fleet in the order of rank, each made when it is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from modelward.monitoring.decisions.measured import Judged
from modelward.monitoring.decisions.result import DriftResult
from modelward.monitoring.sketch.table import Sketch


class RankedResults(Sequence[DriftResult]):
    """A sequence of `DriftResult`, the model that drifted most first; like a tuple of them."""

    def __init__(
        self,
        judged: Judged,
        pairs: Mapping[str, tuple[Sketch, Sketch]],
        extra: npt.NDArray[np.int64],
        *,
        window: str,
    ) -> None:
        self._judged, self._pairs, self._window = judged, pairs, window
        self._names = list(pairs)
        scores = judged.scores
        self.drifted = _sums(judged.drifted, judged.starts)
        with np.errstate(invalid="ignore"):
            unjudged = scores.unjudged & ~judged.drifted
        self.unjudged = _sums(unjudged, judged.starts) + extra
        self.features = np.diff(judged.starts) + extra
        self.largest = _largest(np.nan_to_num(scores.effect, nan=0.0), judged.starts)
        by_name = np.argsort(np.array(self._names, dtype=object), kind="stable")
        rank = np.lexsort((-self.largest[by_name], -self.drifted[by_name]))
        self.order: npt.NDArray[np.intp] = by_name[rank]
        self._places: dict[str, int] = {}

    @property
    def models(self) -> list[str]:
        """The models' names in order."""
        return [self._names[i] for i in self.order]

    def which(self, counts: npt.NDArray[np.int64]) -> tuple[str, ...]:
        """Give the models, in order, of which a count is not zero."""
        return tuple(self._names[i] for i in self.order[counts[self.order] > 0])

    def find(self, model: str) -> DriftResult | None:
        """Give the result of one model, None where there is none."""
        if not self._places:
            self._places = {name: i for i, name in enumerate(self._names)}
        at = self._places.get(model)
        return None if at is None else self._made(at)

    def row(self, place: int) -> dict[str, Any]:
        """Give the short row of the model at a place; only a drifted model is looked at closely."""
        at = int(self.order[place])
        worst = self._made(at).ranked[0] if self.drifted[at] else None
        return {
            "model": self._names[at],
            "drifted": int(self.drifted[at]),
            "unjudged": int(self.unjudged[at]),
            "features": int(self.features[at]),
            "rows": self._pairs[self._names[at]][1].rows,
            "largest_change": float(self.largest[at]),
            "worst": worst.feature if worst else None,
            "in_words": worst.words if worst else None,
        }

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> DriftResult: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[DriftResult, ...]: ...
    def __getitem__(self, index: int | slice) -> DriftResult | tuple[DriftResult, ...]:
        if isinstance(index, slice):
            return tuple(self._made(int(at)) for at in self.order[index])
        return self._made(int(self.order[index]))

    def __iter__(self) -> Iterator[DriftResult]:
        return (self._made(int(at)) for at in self.order)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self._names))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} models)"

    def _made(self, at: int) -> DriftResult:
        name = self._names[at]
        return self._judged.result(at, name, self._window, self._pairs[name])


def _sums(marks: npt.NDArray[np.bool_], starts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    total = np.concatenate([[0], np.cumsum(marks, dtype=np.int64)])
    return np.asarray(total[starts[1:]] - total[starts[:-1]])


def _largest(
    values: npt.NDArray[np.float64], starts: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    found = np.zeros(starts.size - 1)
    held = np.diff(starts) > 0
    if held.any():
        found[held] = np.maximum.reduceat(values, starts[:-1][held])
    return found
