"""The inputs that are varied: real-valued, whole-numbered, or one of several levels."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from modelward.core.errors import ConfigError, DataError
from modelward.validation.domain.names import check_name, check_names

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Scale = Literal["linear", "log"]
Value = float | int | str | bool


@dataclass(frozen=True, slots=True)
class FeatureContinuous:
    """A real-valued input between `lower` and `upper`, both included.

    `scale` says how the range is spread: `"log"` gives each power of ten the same room, and needs
    `lower > 0`. Unless a distribution is given, inputs are uniform on that scale.

    Raises `ConfigError` for a reversed, empty or infinite range.

    >>> FeatureContinuous("speed", 1, 100, scale="log").from_unit(np.array([0.0, 0.5, 1.0])).tolist()
    [1.0, 10.0, 100.0]
    """

    name: str
    lower: float
    upper: float
    scale: Scale = "linear"

    def __post_init__(self) -> None:
        _check_range(self.name, self.lower, self.upper)
        if self.scale not in {"linear", "log"}:
            raise ConfigError(
                f"expected scale 'linear' or 'log' for feature '{self.name}', got {self.scale!r}"
            )
        if self.scale == "log" and self.lower <= 0:
            raise ConfigError(
                f"expected a lower bound above 0 for the log-scaled feature '{self.name}', "
                f"got {self.lower}",
                hint="use scale='linear', or start the range above 0.",
            )

    def to_unit(self, values: Floats) -> Floats:
        """Map values of shape (n,) to [0, 1]."""
        if self.scale == "log":
            width = math.log(self.upper / self.lower)
            return np.asarray(np.log(values / self.lower) / width, dtype=np.float64)
        return np.asarray((values - self.lower) / (self.upper - self.lower), dtype=np.float64)

    def from_unit(self, unit: Floats) -> Floats:
        """Map numbers in [0, 1] of shape (n,) to values."""
        if self.scale == "log":
            values = self.lower * (self.upper / self.lower) ** unit
        else:
            values = self.lower + unit * (self.upper - self.lower)
        return np.clip(values, self.lower, self.upper)

    def number(self, value: Any) -> float:
        """Give a value as a number. Raises `DataError` when it is none, or out of range."""
        return _number(self, value)

    def value(self, number: float) -> Value:
        """Give the value that a number stands for."""
        return float(number)

    def to_dict(self) -> dict[str, Any]:
        """Give the fields and the `kind`."""
        return {"kind": type(self).__name__, **asdict(self)}


@dataclass(frozen=True, slots=True)
class FeatureInteger:
    """A whole-numbered input between `lower` and `upper`, both included.

    All are equally likely unless a distribution is given.

    Raises `ConfigError` for bounds that are not whole, or reversed.

    >>> FeatureInteger("objects", 0, 3).from_unit(np.array([0.0, 0.3, 0.99])).tolist()
    [0.0, 1.0, 3.0]
    """

    name: str
    lower: int
    upper: int

    def __post_init__(self) -> None:
        _check_range(self.name, self.lower, self.upper)
        if self.lower != int(self.lower) or self.upper != int(self.upper):
            raise ConfigError(
                f"expected whole bounds for feature '{self.name}', got {self.lower}, {self.upper}",
                hint="use FeatureContinuous for real-valued inputs.",
            )

    @property
    def count(self) -> int:
        """How many values there are."""
        return int(self.upper) - int(self.lower) + 1

    def to_unit(self, values: Floats) -> Floats:
        """Map values of shape (n,) to the middle of their share of [0, 1]."""
        return np.asarray((values - self.lower + 0.5) / self.count, dtype=np.float64)

    def from_unit(self, unit: Floats) -> Floats:
        """Map numbers in [0, 1] of shape (n,) to whole values."""
        steps = np.minimum(np.floor(unit * self.count), self.count - 1)
        return np.asarray(self.lower + steps, dtype=np.float64)

    def number(self, value: Any) -> float:
        """Give a value as a number. Raises `DataError` when it is not whole, or out of range."""
        number = _number(self, value)
        if number != int(number):
            raise DataError(f"expected a whole number for feature '{self.name}', got {value!r}")
        return number

    def value(self, number: float) -> Value:
        """Give the value that a number stands for."""
        return int(number)

    def to_dict(self) -> dict[str, Any]:
        """Give the fields and the `kind`."""
        return {"kind": type(self).__name__, **asdict(self)}


@dataclass(frozen=True, slots=True)
class FeatureCategorical:
    """An input that takes one of several `levels`, which have no order.

    Levels are texts, whole numbers or truth values, at least two. All are equally likely unless a
    distribution is given.

    Raises `ConfigError` for fewer than two levels, or one that stands twice.

    >>> weather = FeatureCategorical("weather", ["sun", "rain", "snow"])
    >>> weather.to_unit(np.array([2.0])).round(3).tolist(), weather.value(2)
    ([0.833], 'snow')
    """

    name: str
    levels: tuple[Value, ...]

    def __post_init__(self) -> None:
        check_name("feature", self.name)
        if isinstance(self.levels, str):
            raise ConfigError(f"expected a list of levels for feature '{self.name}', got a text")
        object.__setattr__(self, "levels", tuple(self.levels))
        if len(self.levels) < 2:
            raise ConfigError(
                f"expected at least two levels for feature '{self.name}', got {list(self.levels)}",
                hint="leave a feature out that does not vary.",
            )
        if not all(isinstance(level, str | int | bool) for level in self.levels):
            raise ConfigError(
                f"expected texts, whole numbers or truth values as levels of feature "
                f"'{self.name}', got {list(self.levels)}"
            )
        check_names(f"level of feature '{self.name}'", [str(level) for level in self.levels])

    @property
    def lower(self) -> int:
        """The number of the first level."""
        return 0

    @property
    def upper(self) -> int:
        """The number of the last level."""
        return self.count - 1

    @property
    def count(self) -> int:
        """How many levels there are."""
        return len(self.levels)

    def to_unit(self, values: Floats) -> Floats:
        """Map level numbers of shape (n,) to the middle of their share of [0, 1]."""
        return np.asarray((values + 0.5) / self.count, dtype=np.float64)

    def from_unit(self, unit: Floats) -> Floats:
        """Map numbers in [0, 1] of shape (n,) to level numbers."""
        return np.asarray(np.minimum(np.floor(unit * self.count), self.count - 1))

    def number(self, value: Any) -> float:
        """Give the number of a level. Raises `DataError` for one that does not exist."""
        for i, level in enumerate(self.levels):
            if level == value and isinstance(level, str) == isinstance(value, str):
                return float(i)
        raise DataError(
            f"expected one of {list(self.levels)} for feature '{self.name}', got {value!r}"
        )

    def value(self, number: float) -> Value:
        """Give the level of a number."""
        return self.levels[int(number)]

    def to_dict(self) -> dict[str, Any]:
        """Give the fields and the `kind`."""
        return {"kind": type(self).__name__, "name": self.name, "levels": list(self.levels)}


Feature = FeatureContinuous | FeatureInteger | FeatureCategorical


def feature_from_dict(content: Mapping[str, Any]) -> Feature:
    """Make a feature from what its `to_dict` wrote. Raises `ConfigError` for anything else."""
    fields = {k: v for k, v in content.items() if k != "kind"}
    kinds: dict[Any, type[Feature]] = {
        "FeatureContinuous": FeatureContinuous,
        "FeatureInteger": FeatureInteger,
        "FeatureCategorical": FeatureCategorical,
    }
    kind = kinds.get(content.get("kind"))
    if kind is None:
        raise ConfigError(f"expected a feature of {sorted(kinds)}, got {content.get('kind')!r}")
    try:
        return kind(**fields)
    except TypeError as error:
        raise ConfigError(
            f"expected the fields of a {kind.__name__}, got {sorted(fields)}"
        ) from error


def _check_range(name: str, lower: Any, upper: Any) -> None:
    check_name("feature", name)
    numbers = all(
        isinstance(b, int | float | np.number) and not isinstance(b, bool) for b in (lower, upper)
    )
    if not numbers or not (math.isfinite(lower) and math.isfinite(upper)):
        raise ConfigError(f"expected finite bounds for feature '{name}', got {lower!r}, {upper!r}")
    if lower >= upper:
        raise ConfigError(
            f"expected lower < upper for feature '{name}', got {lower} and {upper}",
            hint="swap the bounds, or leave a feature out that does not vary.",
        )


def _number(feature: FeatureContinuous | FeatureInteger, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    wrong = isinstance(value, str | bool | np.bool_)
    if wrong or not feature.lower <= number <= feature.upper:
        raise DataError(
            f"expected a number in [{feature.lower:g}, {feature.upper:g}] for feature "
            f"'{feature.name}', got {value!r}"
        )
    return number
