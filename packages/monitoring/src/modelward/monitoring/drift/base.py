"""What a drift method is: on two columns, on two tables, or along a stream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError
from modelward.monitoring.sketch.categorical import CategoricalSketch
from modelward.monitoring.sketch.numeric import NumericSketch, own_cells

ColumnSketch = NumericSketch | CategoricalSketch
On = Literal["columns", "tables", "streams"]


@dataclass(frozen=True, slots=True)
class Statistic:
    """What a method says of two samples: the distance, and the p-value where it has one.

    `bound` is how far the distance on the sketch can lie from that on the raw samples. It is 0
    where the method is defined on the cells, and so exact on any sketch.
    """

    value: float
    p_value: float | None = None
    bound: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """What every method says of itself, in the registry `METHODS`.

    `statistic` is what it measures, in `unit` and within `range`; `p_value` says by which law it
    tells chance from change, and is empty where it does not; `assumptions` when all of this means
    something; `source` where it comes from; `on` what it works on.
    """

    name: str
    statistic: str
    unit: str
    range: tuple[float, float]
    p_value: str
    assumptions: str
    source: str
    on: On = "columns"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftMethod(Method):
    """A method on two columns.

    `measure(reference, current)` takes two sketches on one grid. `kinds` are the sketches it
    works on.
    """

    measure: Callable[[Any, Any], Statistic]
    kinds: tuple[type, ...]

    def __call__(self, reference: ColumnSketch, current: ColumnSketch) -> Statistic:
        """Measure. Raises `DataError` for the wrong kind of column and for empty samples."""
        if not isinstance(reference, self.kinds) or type(reference) is not type(current):
            raise DataError(
                f"expected two columns of {' or '.join(k.__name__ for k in self.kinds)} for "
                f"{self.name}, got {type(reference).__name__} and {type(current).__name__}"
            )
        if not reference.same_cells(current):  # type: ignore[arg-type]
            raise DataError(
                f"expected two columns in the same cells for {self.name}, got different ones",
                hint="sketch the window with reference.empty().add(frame).",
            )
        if reference.n == 0 or current.n == 0:
            raise DataError(f"expected values on both sides, got n={reference.n} and n={current.n}")
        return self.measure(reference, current)

    def samples(self, reference: npt.ArrayLike, current: npt.ArrayLike) -> Statistic:
        """Measure two raw samples, shapes `(n,)` and `(m,)`, without loss: numbers or categories.

        >>> from modelward.monitoring import drift_method
        >>> drift_method("ks").samples([1.0, 2.0, 3.0, 4.0], [3.0, 4.0, 5.0, 6.0]).value
        0.5
        """
        a, b = np.asarray(reference), np.asarray(current)
        if a.dtype.kind in "fiu" and b.dtype.kind in "fiu":
            values = np.unique(np.concatenate([a, b]).astype(np.float64))
            finite = values[np.isfinite(values)]
            grid = NumericSketch.on(own_cells(finite))
            return self(*(grid.add(each.astype(np.float64), 0) for each in (a, b)))
        names = [each.astype(str).astype(object) for each in (a, b)]
        cells = CategoricalSketch.over({*names[0], *names[1]})
        return self(*(cells.add(each, 0) for each in names))
