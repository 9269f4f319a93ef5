"""A measured number with its uncertainty."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from modelward.core.errors import DataError


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with an interval, the interval's level and the number of observations behind it.

    `low <= high`, and as a rule the value lies between them; `level` is the coverage the interval
    promises (0.95: in 95 % of repetitions it holds the truth); `n` counts the independent units
    that were measured. A number without a known uncertainty has `low` and `high` None.

    Raises `DataError` when the bounds are reversed, the level is outside (0, 1) or n is negative.

    >>> Estimate(0.91, low=0.88, high=0.93, level=0.95, n=400)
    0.91 [0.88, 0.93] (95 %, n=400)
    """

    value: float
    low: float | None = None
    high: float | None = None
    level: float | None = None
    n: int | None = None

    def __post_init__(self) -> None:
        if (self.low is None) != (self.high is None):
            raise DataError(
                f"expected both bounds or none, got low={self.low}, high={self.high}",
                hint="use -inf or inf for a one-sided interval.",
            )
        if self.low is not None and self.high is not None:
            if not self.low <= self.high:
                raise DataError(f"expected low <= high, got low={self.low}, high={self.high}")
            if self.level is None:
                raise DataError("expected a level for an interval, got None", hint="e.g. 0.95.")
        if self.level is not None and not 0 < self.level < 1:
            raise DataError(f"expected 0 < level < 1, got {self.level}", hint="95 % is 0.95.")
        if self.n is not None and self.n < 0:
            raise DataError(f"expected n >= 0, got {self.n}")

    def excludes(self, number: float) -> bool:
        """Tell whether the interval leaves `number` out; False where there is no interval.

        >>> Estimate(0.4, low=0.1, high=0.7, level=0.95).excludes(0.0)
        True
        """
        if self.low is None or self.high is None:
            return False
        return number < self.low or number > self.high

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as a plain dictionary.

        >>> Estimate(1.0).to_dict()
        {'value': 1.0, 'low': None, 'high': None, 'level': None, 'n': None}
        """
        return asdict(self)

    def __repr__(self) -> str:
        text = _digits(self.value)
        if self.low is not None and self.high is not None and self.level is not None:
            text += f" [{_digits(self.low)}, {_digits(self.high)}] ({self.level * 100:g} %"
            text += f", n={self.n})" if self.n is not None else ")"
        elif self.n is not None:
            text += f" (n={self.n})"
        return text

    def __format__(self, spec: str) -> str:
        return repr(self) if not spec else format(self.value, spec)


def _digits(number: float) -> str:
    return f"{number:.4g}" if math.isfinite(number) else str(number)
