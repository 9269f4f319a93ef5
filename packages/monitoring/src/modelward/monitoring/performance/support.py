"""Whether a window's rows lie where the reference has any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
_NOTED, _TOO_MANY = 0.1, 0.5


@dataclass(frozen=True, slots=True)
class Support:
    """The range of each column of the reference, and whether it has missing values, `(d,)` each."""

    low: Floats
    high: Floats
    missing: npt.NDArray[np.bool_]
    rows: int

    @classmethod
    def of(cls, reference: Floats) -> Self:
        """Learn the ranges of `(n, d)`; a column without a number has none."""
        there = np.isfinite(reference)
        return cls(
            np.where(there, reference, np.inf).min(axis=0),
            np.where(there, reference, -np.inf).max(axis=0),
            np.asarray(~there.all(axis=0)),
            len(reference),
        )

    def said(self, window: Floats) -> tuple[str, tuple[str, ...]]:
        """Give why nothing can be said of these rows (or nothing), and what is to be noted.

        Rows beyond the range, or with a missing value or a category the reference does not have,
        are estimated as if they lay at its edge. Of rows like the reference's, at most
        2 d / (n + 1) would lie beyond.
        """
        new = np.isnan(window) & ~self.missing  # missing, infinite or of a new category
        beyond = ((window < self.low) | (window > self.high) | new).any(axis=1).mean()
        excess = float(beyond) - min(1.0, 2 * window.shape[1] / (self.rows + 1))
        text = f"{beyond:.0%} of the rows lie beyond the range of the reference"
        if excess > _TOO_MANY:
            return f"{text}: what the model does there, the reference does not show", ()
        return "", (f"{text} and are estimated as if at its edge",) if excess > _NOTED else ()
