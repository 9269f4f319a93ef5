"""What a drift method is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from modelward.core.errors import DataError
from modelward.monitoring.sketch.categorical import CategoricalSketch
from modelward.monitoring.sketch.numeric import NumericSketch

ColumnSketch = NumericSketch | CategoricalSketch


@dataclass(frozen=True, slots=True)
class Statistic:
    """What a method says of two samples: the distance, and the p-value where it has one.

    `bound` is how far the distance on the sketch can lie below that on the raw samples (0: exact).
    """

    value: float
    p_value: float | None = None
    bound: float = 0.0


@dataclass(frozen=True, slots=True)
class DriftMethod:
    """A method by name: what it measures, in which range, on which columns, and its source.

    `measure(reference, current)` takes two sketches on one grid. `kinds` are the sketches it
    works on; `assumptions` says when its p-value (or, without one, its distance) means something.
    """

    name: str
    measure: Callable[[Any, Any], Statistic]
    kinds: tuple[type, ...]
    range: tuple[float, float]
    unit: str
    assumptions: str
    source: str

    def __call__(self, reference: ColumnSketch, current: ColumnSketch) -> Statistic:
        """Measure. Raises `DataError` for the wrong kind of column and for empty samples."""
        if not isinstance(reference, self.kinds) or type(reference) is not type(current):
            raise DataError(
                f"expected two columns of {' or '.join(k.__name__ for k in self.kinds)} for "
                f"{self.name}, got {type(reference).__name__} and {type(current).__name__}"
            )
        if reference.n == 0 or current.n == 0:
            raise DataError(f"expected values on both sides, got n={reference.n} and n={current.n}")
        return self.measure(reference, current)
