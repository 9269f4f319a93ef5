"""Methods that follow one value after the other, and say where the stream changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError
from modelward.core.optional import require
from modelward.monitoring.drift.base import Method, On


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamMethod(Method):
    """A detector of river along a stream of numbers.

    `make(river_drift, seed)` gives a fresh detector. It needs the extra `monitoring[river]`.
    """

    make: Callable[[Any, int], Any]
    on: On = "streams"

    def changes(self, values: npt.ArrayLike, *, warm_up: int = 0, seed: int = 0) -> tuple[int, ...]:
        """Give the positions in `values`, shape `(n,)`, at which a change is told.

        With a `warm_up`, so many first values give the middle and the spread by which all are
        put on one scale (in [0, 1] for the most part: four standard deviations either side). Missing
        values are passed over. Raises `DataError` for infinite values and for what is no
        sequence of numbers, `MissingPackageError` without river.

        >>> from modelward.monitoring import stream_method
        >>> rng = np.random.default_rng(0)
        >>> values = [*rng.normal(size=500), *rng.normal(2, 1, size=500)]
        >>> [place // 100 for place in stream_method("adwin").changes(values, warm_up=200)]
        [5]
        """
        found = np.asarray(values, dtype=np.float64)
        if found.ndim != 1 or np.isinf(found).any():
            raise DataError(f"expected a sequence of finite numbers, got shape {found.shape}")
        if warm_up:
            first = found[:warm_up][~np.isnan(found[:warm_up])]
            if first.size < 2:
                raise DataError(f"expected at least 2 values to warm up by, got {first.size}")
            spread = float(first.std()) or 1.0
            found = (found - first.mean()) / (8 * spread) + 0.5
        river = require(
            "river.drift",
            feature="following a stream",
            install="'./packages/monitoring[river]'",
        )
        detector = self.make(river, seed)
        places = []
        for place, value in enumerate(found.tolist()):
            if value != value:  # noqa: PLR0124 - NaN
                continue
            detector.update(value)
            if detector.drift_detected:
                places.append(place)
        return tuple(places)
