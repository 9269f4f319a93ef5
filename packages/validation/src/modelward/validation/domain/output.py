"""What the system gives, and the limits that decide whether it is correct."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from modelward.core.errors import ConfigError
from modelward.validation.domain.features import Bools, Floats
from modelward.validation.domain.names import check_name

Orientation = Literal["lower", "upper", "between"]


@dataclass(frozen=True, slots=True)
class Output:
    """A number the system gives, and the limit that decides whether it is correct.

    With `orientation="lower"` values below `threshold` are correct; with `"upper"` values from
    `threshold` upwards are; with `"between"` values from the first to the second of two limits,
    both included. `certainty_target` in (0, 1) is the share of right verdicts that a study must
    prove before it may stop early.

    Raises `ConfigError` for limits that are not finite or reversed, and a target out of range.

    >>> Output("error", threshold=0.4, orientation="lower").margin(np.array([0.3, 0.4])).tolist()
    [0.1, 0.0]
    >>> Output("error", threshold=0.4, orientation="lower").fails(np.array([0.3, 0.4])).tolist()
    [False, True]
    >>> Output("volt", threshold=(2, 5), orientation="between").margin(np.array([1, 3, 4.5])).tolist()
    [-1.0, 1.0, 0.5]
    """

    name: str
    threshold: float | tuple[float, float]
    orientation: Orientation = "lower"
    certainty_target: float = 0.9

    def __post_init__(self) -> None:
        check_name("output", self.name)
        if self.orientation not in {"lower", "upper", "between"}:
            raise ConfigError(
                f"expected orientation 'lower', 'upper' or 'between' for output '{self.name}', "
                f"got {self.orientation!r}",
                hint="'lower': values below the threshold are correct.",
            )
        self._check_threshold()
        if not 0 < self.certainty_target < 1:
            raise ConfigError(
                f"expected 0 < certainty_target < 1 for output '{self.name}', "
                f"got {self.certainty_target}",
                hint="90 % is 0.9.",
            )

    @property
    def limits(self) -> tuple[float, ...]:
        """The limit, or the two of them."""
        return self.threshold if isinstance(self.threshold, tuple) else (self.threshold,)

    def margin(self, values: Floats) -> Floats:
        """Give the signed distance to the nearest limit, shape (n,): positive where correct."""
        if self.orientation == "between":
            low, high = self.limits
            return np.asarray(np.minimum(values - low, high - values), dtype=np.float64)
        sign = 1.0 if self.orientation == "lower" else -1.0
        return np.asarray(sign * (self.limits[0] - values), dtype=np.float64)

    def fails(self, values: Floats) -> Bools:
        """Tell which values are not correct, shape (n,)."""
        if self.orientation == "lower":
            return np.asarray(~(values < self.limits[0]), dtype=np.bool_)
        return np.asarray(~(self.margin(values) >= 0), dtype=np.bool_)

    def in_words(self) -> str:
        """Say what is correct: 'below 0.4', 'from 2 to 5'."""
        if self.orientation == "between":
            return f"from {self.limits[0]:g} to {self.limits[1]:g}"
        return f"{'below' if self.orientation == 'lower' else 'from'} {self.limits[0]:g}"

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as JSON can hold them."""
        return {
            "name": self.name,
            "threshold": list(self.limits) if len(self.limits) > 1 else self.limits[0],
            "orientation": self.orientation,
            "certainty_target": self.certainty_target,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Make an output from what `to_dict` wrote. Raises `ConfigError` for anything else."""
        try:
            return cls(**content)
        except TypeError as error:
            raise ConfigError(f"expected the fields of an output, got {sorted(content)}") from error

    def _check_threshold(self) -> None:
        two = self.orientation == "between"
        given = self.threshold
        limits = tuple(given) if isinstance(given, list | tuple) else (given,)
        numbers = all(
            isinstance(x, int | float | np.number) and not isinstance(x, bool) and math.isfinite(x)
            for x in limits
        )
        if not numbers or len(limits) != 1 + two:
            wanted = "two finite thresholds (low, high)" if two else "one finite threshold"
            raise ConfigError(f"expected {wanted} for output '{self.name}', got {given}")
        if two and limits[0] >= limits[1]:
            raise ConfigError(
                f"expected low < high for the limits of output '{self.name}', got {list(limits)}",
                hint="swap the limits.",
            )
        object.__setattr__(self, "threshold", limits if two else limits[0])
