"""What is varied and what must hold: features with their ranges, outputs with their limits."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from modelward.core.errors import ConfigError, DataError

Floats = npt.NDArray[np.float64]
Scale = Literal["linear", "log"]
Orientation = Literal["lower", "upper"]


@dataclass(frozen=True, slots=True)
class FeatureContinuous:
    """A real-valued input between `lower` and `upper`, both included.

    `scale` says how the range is spread: `"log"` gives each power of ten the same room, and needs
    `lower > 0`. It is also the operational distribution of the input: uniform on that scale.

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


@dataclass(frozen=True, slots=True)
class FeatureInteger:
    """A whole-numbered input between `lower` and `upper`, both included, all equally likely.

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


Feature = FeatureContinuous | FeatureInteger


@dataclass(frozen=True, slots=True)
class Output:
    """A number the system gives, and the limit that decides whether it is correct.

    With `orientation="lower"` values below `threshold` are correct; with `"upper"` values from
    `threshold` upwards are. `certainty_target` in (0, 1) is the share of right verdicts that a
    study must prove before it may stop early.

    >>> Output("error", threshold=0.4, orientation="lower").margin(np.array([0.3, 0.4])).tolist()
    [0.1, 0.0]
    >>> Output("error", threshold=0.4, orientation="lower").fails(np.array([0.3, 0.4])).tolist()
    [False, True]
    """

    name: str
    threshold: float
    orientation: Orientation = "lower"
    certainty_target: float = 0.9

    def __post_init__(self) -> None:
        if not self.name:
            raise ConfigError("expected a name for the output, got an empty one")
        if not math.isfinite(self.threshold):
            raise ConfigError(
                f"expected a finite threshold for output '{self.name}', got {self.threshold}"
            )
        if self.orientation not in {"lower", "upper"}:
            raise ConfigError(
                f"expected orientation 'lower' or 'upper' for output '{self.name}', "
                f"got {self.orientation!r}",
                hint="'lower': values below the threshold are correct.",
            )
        if not 0 < self.certainty_target < 1:
            raise ConfigError(
                f"expected 0 < certainty_target < 1 for output '{self.name}', "
                f"got {self.certainty_target}",
                hint="90 % is 0.9.",
            )

    def margin(self, values: Floats) -> Floats:
        """Give the signed distance to the limit, shape (n,): positive where correct."""
        sign = 1.0 if self.orientation == "lower" else -1.0
        return np.asarray(sign * (self.threshold - values), dtype=np.float64)

    def fails(self, values: Floats) -> npt.NDArray[np.bool_]:
        """Tell which values are not correct, shape (n,)."""
        correct = (
            values < self.threshold if self.orientation == "lower" else values >= self.threshold
        )
        return np.asarray(~correct, dtype=np.bool_)


class Domain:
    """The space of the inputs: features in order, seen by the models as the unit cube.

    Raises `ConfigError` when there is no feature or two have one name.

    >>> domain = Domain([FeatureContinuous("x", 0, 10), FeatureInteger("k", 1, 4)])
    >>> domain.points(np.array([[0.25, 0.9]]))
    [{'x': 2.5, 'k': 4}]
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        check_names("feature", [f.name for f in features])
        self.features = tuple(features)
        self.names = tuple(f.name for f in features)

    def __len__(self) -> int:
        return len(self.features)

    def to_unit(self, points: Sequence[Mapping[str, Any]]) -> Floats:
        """Map n points to an array of shape (n, d) in the unit cube.

        Raises `DataError` naming the feature that is missing, unknown, not a number or out of range.
        """
        table = np.array([self._row(point) for point in points], dtype=np.float64)
        table = table.reshape(len(points), len(self))
        columns = [f.to_unit(table[:, i]) for i, f in enumerate(self.features)]
        return np.column_stack(columns)

    def points(self, unit: Floats) -> list[dict[str, float]]:
        """Map an array of shape (n, d) in the unit cube to n points by feature name."""
        columns = [f.from_unit(unit[:, i]).tolist() for i, f in enumerate(self.features)]
        whole = [isinstance(f, FeatureInteger) for f in self.features]
        return [
            {n: int(v) if w else v for n, v, w in zip(self.names, row, whole, strict=True)}
            for row in zip(*columns, strict=True)
        ]

    def snap(self, unit: Floats) -> Floats:
        """Move points of shape (n, d) onto values that exist (whole numbers)."""
        return np.column_stack(
            [f.to_unit(f.from_unit(unit[:, i])) for i, f in enumerate(self.features)]
        )

    def to_dict(self) -> list[dict[str, Any]]:
        """Give the features as plain dictionaries, each with its `kind`."""
        return [{"kind": type(f).__name__, **asdict(f)} for f in self.features]

    def _row(self, point: Mapping[str, Any]) -> list[float]:
        if set(point) != set(self.names):
            missing = sorted(set(self.names) - set(point))
            unknown = sorted(set(point) - set(self.names))
            raise DataError(
                f"expected the features {list(self.names)}, missing {missing}, unknown {unknown}"
            )
        return [_value(feature, point[feature.name]) for feature in self.features]


def feature_from_dict(content: Mapping[str, Any]) -> Feature:
    """Make a feature from what `Domain.to_dict` wrote."""
    fields = {k: v for k, v in content.items() if k != "kind"}
    kinds: dict[Any, type[Feature]] = {
        "FeatureContinuous": FeatureContinuous,
        "FeatureInteger": FeatureInteger,
    }
    kind = kinds.get(content.get("kind"))
    if kind is None:
        raise ConfigError(f"expected a feature of {sorted(kinds)}, got {content.get('kind')!r}")
    return kind(**fields)


def check_names(what: str, names: Sequence[str]) -> None:
    """Raise `ConfigError` when there is no name or one stands twice."""
    if not names:
        raise ConfigError(f"expected at least one {what}, got none")
    double = [name for name, count in Counter(names).items() if count > 1]
    if double:
        raise ConfigError(f"expected each {what} once, got {double} more than once")


def _check_range(name: str, lower: float, upper: float) -> None:
    if not name:
        raise ConfigError("expected a name for the feature, got an empty one")
    if not (math.isfinite(lower) and math.isfinite(upper)):
        raise ConfigError(f"expected finite bounds for feature '{name}', got {lower}, {upper}")
    if lower >= upper:
        raise ConfigError(
            f"expected lower < upper for feature '{name}', got {lower} and {upper}",
            hint="swap the bounds, or leave a feature out that does not vary.",
        )


def _value(feature: Feature, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, str) or not feature.lower <= number <= feature.upper:
        raise DataError(
            f"expected a number in [{feature.lower:g}, {feature.upper:g}] for feature "
            f"'{feature.name}', got {value!r}"
        )
    if isinstance(feature, FeatureInteger) and number != int(number):
        raise DataError(f"expected a whole number for feature '{feature.name}', got {value!r}")
    return number
