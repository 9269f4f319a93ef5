"""The results of a fleet in the order of rank, each made when it is looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from modelward.monitoring.decisions.measured import Judged
from modelward.monitoring.decisions.result import DriftResult
from modelward.monitoring.decisions.sources import Outline, Sketches, Source
from modelward.monitoring.fleet.brief import Brief, brief_of
from modelward.monitoring.fleet.kept import KeptDriftResult
from modelward.monitoring.fleet.store.packing import pack_judged

Floats = npt.NDArray[np.float64]


class RankedResults(Sequence[DriftResult]):
    """A sequence of `DriftResult`, the model that drifted most first; like a tuple of them.

    `source` gives what is known of the model at a place among `names`, `windows` names the window of
    each (or of all), and `extra` counts the columns that came and are not in its reference. `others`
    are results of models that could not be measured; they come last.
    """

    def __init__(
        self,
        judged: Judged,
        names: Sequence[str],
        source: Callable[[int], Sketches | Outline],
        extra: npt.NDArray[np.int64],
        *,
        windows: str | Sequence[str],
        others: Sequence[DriftResult] = (),
    ) -> None:
        self._judged, self._names, self._source = judged, list(names), source
        self._windows, self._others = windows, tuple(others)
        scores = judged.scores
        self.drifted = _sums(judged.drifted, judged.starts)
        with np.errstate(invalid="ignore"):
            unjudged = scores.unjudged & ~judged.drifted
        self.unjudged = _sums(unjudged, judged.starts) + extra
        self.features = np.diff(judged.starts) + extra
        self.largest = _reduced(np.maximum, np.nan_to_num(scores.effect, nan=0.0), judged.starts)
        by_name = np.argsort(np.array(self._names, dtype=object), kind="stable")
        rank = np.lexsort((-self.largest[by_name], -self.drifted[by_name]))
        self.order: npt.NDArray[np.intp] = by_name[rank]
        self._places: dict[str, int] = {}

    @property
    def alarmed(self) -> tuple[str, ...]:
        """The models with a drifted feature, in order."""
        return self._which(self.drifted) + tuple(r.model for r in self._others if r.shifted)

    @property
    def cannot_say(self) -> tuple[str, ...]:
        """The models with a feature that could not be judged, in order."""
        return self._which(self.unjudged) + tuple(r.model for r in self._others if r.cannot_say)

    def find(self, model: str) -> DriftResult | None:
        """Give the result of one model, None where there is none."""
        if not self._places:
            self._places = {name: i for i, name in enumerate(self._names)}
        at = self._places.get(model)
        if at is None:
            return next((other for other in self._others if other.model == model), None)
        return self._made(at)

    def row(self, place: int) -> dict[str, Any]:
        """Give the short row of the model at a place; only a drifted model is looked at closely."""
        if place >= self.order.size:
            return row_of(self._others[place - self.order.size])
        at = int(self.order[place])
        worst = self._made(at).ranked[0] if self.drifted[at] else None
        return {
            "model": self._names[at],
            "drifted": int(self.drifted[at]),
            "unjudged": int(self.unjudged[at]),
            "features": int(self.features[at]),
            "rows": self._source(at).rows[1],
            "largest_change": float(self.largest[at]),
            "worst": worst.feature if worst else None,
            "in_words": worst.words if worst else None,
        }

    def briefs(self) -> dict[str, Brief]:
        """Give the short form of every result, by model; nothing is made of steady models."""
        judged = self._judged
        filled = np.nan_to_num(judged.q_values, nan=np.inf)
        smallest = _reduced(np.minimum, filled, judged.starts, nothing=np.inf).tolist()
        drifted, unjudged = self.drifted.tolist(), self.unjudged.tolist()
        features, largest = self.features.tolist(), self.largest.tolist()
        found = {}
        for at, name in enumerate(self._names):
            source = self._source(at)
            said = _told(judged, at, source) if drifted[at] or unjudged[at] else ((), ())
            before, after = source.rows
            found[name] = Brief(
                model=name,
                rows=(before, after),
                features=features[at],
                drifted=said[0],
                cannot_say=said[1],
                largest_change=largest[at],
                smallest_q=None if smallest[at] == np.inf else smallest[at],
                judged=source.kinds.keys() - set(said[1]) if said[1] else source.kinds.keys(),
                detail=partial(pack_judged, judged, at, source),
                result=partial(self._made, at),
            )
        return found | {other.model: brief_of(other) for other in self._others}

    def __len__(self) -> int:
        return len(self._names) + len(self._others)

    @overload
    def __getitem__(self, index: int) -> DriftResult: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[DriftResult, ...]: ...
    def __getitem__(self, index: int | slice) -> DriftResult | tuple[DriftResult, ...]:
        if isinstance(index, slice):
            return tuple(self._at(place) for place in range(len(self))[index])
        return self._at(range(len(self))[index])

    def __iter__(self) -> Iterator[DriftResult]:
        return map(self._at, range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    def __hash__(self) -> int:
        return hash(tuple(self._names))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} models)"

    def _which(self, counts: npt.NDArray[np.int64]) -> tuple[str, ...]:
        return tuple(self._names[i] for i in self.order[counts[self.order] > 0])

    def _at(self, place: int) -> DriftResult:
        if place >= self.order.size:
            return self._others[place - self.order.size]
        return self._made(int(self.order[place]))

    def _made(self, at: int) -> DriftResult:
        source, name = self._source(at), self._names[at]
        window = self._windows if isinstance(self._windows, str) else self._windows[at]
        if isinstance(source, Sketches):
            return self._judged.result(at, name, window, source)
        return KeptDriftResult.loading(self._judged.said(at, name, window, source), source.load)


def row_of(result: DriftResult) -> dict[str, Any]:
    """Give the short row of a result."""
    worst = result[result.shifted[0]] if result.shifted else None
    return {
        "model": result.model,
        "drifted": len(result.shifted),
        "unjudged": len(result.cannot_say),
        "features": len(result.features),
        "rows": result.current_rows,
        "largest_change": result.largest_change,
        "worst": worst.feature if worst else None,
        "in_words": worst.words if worst else None,
    }


def _told(judged: Judged, at: int, source: Source) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give the features of a model that drifted, the furthest first, and those not judged."""
    place, names = judged.place(at), list(source.kinds)
    drifted = judged.drifted[place]
    far = np.argsort(-judged.scores.effect[place], kind="stable")
    unjudged = np.flatnonzero(judged.scores.unjudged[place] & ~drifted)
    new = (test.feature for test in source.new)
    return (
        tuple(names[i] for i in far[drifted[far]]),
        (*(names[i] for i in unjudged), *new),
    )


def _sums(marks: npt.NDArray[np.bool_], starts: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    total = np.concatenate([[0], np.cumsum(marks, dtype=np.int64)])
    return np.asarray(total[starts[1:]] - total[starts[:-1]])


def _reduced(
    how: np.ufunc, values: Floats, starts: npt.NDArray[np.int64], *, nothing: float = 0.0
) -> Floats:
    """Give one number of each model: the largest, or smallest, of its features."""
    found = np.full(starts.size - 1, nothing)
    held = np.diff(starts) > 0
    if held.any():
        found[held] = how.reduceat(values, starts[:-1][held])
    return found
