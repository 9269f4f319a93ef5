"""Measuring many models batch by batch, so that what is held apart stays small whatever its size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError
from modelward.monitoring.decisions.dependence import Dependence, Inflation
from modelward.monitoring.decisions.scoring import Scores, score
from modelward.monitoring.decisions.shifts import SmallestShift, smallest_of
from modelward.monitoring.decisions.stacking import Pair, Stack, batches, same_cells
from modelward.monitoring.sketch.lanes import Lanes
from modelward.monitoring.sketch.table import Sketch

if TYPE_CHECKING:
    import pandas as pd

Hanging = Literal["blocks", "autoregressive"] | Dependence | tuple[Dependence, Dependence] | None
"""What is known of how rows hang together; see `compare`."""
Given = tuple["Sketch | pd.DataFrame", "Sketch | pd.DataFrame"]
_WAYS = ("blocks", "autoregressive")
_LEAST_TO_TELL = 200
"""A window of fewer rows cannot tell how they hang together: that of its reference counts."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What was measured of many models, before anything is decided.

    `starts` (shape `(models + 1,)`) parts the scores into models; `extra` counts the columns of each
    model that came and are not in its reference; `pairs` are the sketches.
    """

    scores: Scores
    starts: npt.NDArray[np.int64]
    smallest: npt.NDArray[np.float64]
    extra: npt.NDArray[np.int64]
    pairs: Mapping[str, Pair]

    @classmethod
    def of(
        cls,
        fleet: Mapping[str, Given],
        *,
        smallest_shift: SmallestShift,
        level: float,
        dependence: Hanging | Mapping[str, Hanging],
    ) -> Measurement:
        """Measure every model. Raises `DataError` as `compare` does."""
        pairs: dict[str, Pair] = {}
        known: list[tuple[Dependence, Dependence]] = []
        for name, (reference, current) in fleet.items():
            before = reference if isinstance(reference, Sketch) else Sketch.fit(reference)
            after = current if isinstance(current, Sketch) else before.empty().add(current)
            if not same_cells(before, after):
                before.require_cells_of(after)
            pairs[name] = before, after
            if dependence is not None:
                mine = dependence.get(name) if isinstance(dependence, Mapping) else dependence
                known.append(_hanging(mine, reference, current, before))
        sketches = list(pairs.values())
        sizes = np.array([len(before.columns) for before, _ in sketches], dtype=np.int64)
        cells = [_cells(before) for before, _ in sketches]
        scores, smallest = [], []
        for part in batches(cells):
            stack = Stack.of(sketches[part], lambda some: _smallest(some, smallest_shift))
            inflation = None
            if dependence is not None:
                names = [list(before.columns) for before, _ in sketches[part]]
                inflation = Inflation.of(known[part], names)
            scores.append(score(stack, level=level, inflation=inflation))
            smallest.append(stack.smallest)
        return cls(
            Scores.joined(scores),
            np.concatenate([[0], np.cumsum(sizes)]),
            np.concatenate(smallest),
            np.array([_extra(*pair) for pair in sketches], dtype=np.int64),
            pairs,
        )


def _smallest(pairs: Sequence[Pair], smallest_shift: SmallestShift) -> npt.NDArray[np.float64]:
    """Give the change of a share that matters, for each column."""
    if not isinstance(smallest_shift, Mapping):
        return np.full(sum(len(reference.kinds) for reference, _ in pairs), float(smallest_shift))
    found = [smallest_of(smallest_shift, name) for before, _ in pairs for name in before.kinds]
    return np.array(found, dtype=np.float64)


def _cells(sketch: Sketch) -> int:
    if isinstance(sketch.columns, Lanes):
        return sketch.columns.counts.size
    return sum(column.counts.size for column in sketch.columns.values())


def _extra(reference: Sketch, current: Sketch) -> int:
    return len({n for n, _ in current.others} - reference.columns.keys()) if current.others else 0


def _hanging(
    given: Hanging, reference: Sketch | pd.DataFrame, current: Sketch | pd.DataFrame, schema: Sketch
) -> tuple[Dependence, Dependence]:
    """Give what is known of both sides of a model, as `compare` takes it."""
    if given is None:
        raise DataError(
            "expected the dependence of every model, got none for one",
            hint='"blocks" for frames, or Dependence.of(sketches of consecutive blocks).',
        )
    if isinstance(given, Dependence):
        return given, given
    if isinstance(given, tuple):
        return given
    if given not in _WAYS or isinstance(reference, Sketch):
        raise DataError(
            f"expected frames in the order of time for dependence='blocks' or 'autoregressive', got "
            f"{given!r} and a reference of {type(reference).__name__}",
            hint="a sketch has forgotten the order: give Dependence.of(sketches of blocks).",
        )

    def of(frame: pd.DataFrame) -> Dependence:
        if given == "blocks":
            return Dependence.of_frame(frame, schema)
        return Dependence.autoregressive(frame)

    ours = of(reference)
    if isinstance(current, Sketch) or len(current) < _LEAST_TO_TELL:
        return ours, ours
    return ours, of(current)
