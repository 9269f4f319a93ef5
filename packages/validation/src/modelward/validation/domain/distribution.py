"""How inputs occur in operation: the law by which shares and failure probabilities are meant."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from modelward.core.errors import ConfigError
from modelward.validation.domain.features import Feature, FeatureContinuous, Floats, Value


class Law(Protocol):
    """The law of one feature."""

    def quantile(self, feature: Feature, u: Floats) -> Floats:
        """Map uniform numbers u of shape (n,) to values (level numbers) of the feature."""

    def to_dict(self) -> dict[str, Any]:
        """Give the fields and the `kind`."""


@dataclass(frozen=True, slots=True)
class Normal:
    """A normal law, cut off at the bounds of the feature.

    >>> law, feature = Normal(0, 1), FeatureContinuous("x", -6, 6)
    >>> law.quantile(feature, np.array([0.5, 0.975])).round(2).tolist()
    [0.0, 1.96]
    """

    mean: float
    sd: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and 0 < self.sd < math.inf):
            raise ConfigError(f"expected a finite mean and sd > 0, got {self.mean}, {self.sd}")

    def quantile(self, feature: Feature, u: Floats) -> Floats:
        """Map uniform numbers u of shape (n,) to values of the feature."""
        from scipy.special import ndtr, ndtri

        if not isinstance(feature, FeatureContinuous):
            raise ConfigError(
                f"expected a continuous feature for a normal law, got '{feature.name}'"
            )
        low, high = (ndtr((side - self.mean) / self.sd) for side in (feature.lower, feature.upper))
        if high - low < 1e-12:
            raise ConfigError(
                f"expected the range of '{feature.name}' where its law has weight, got {self}"
            )
        values = self.mean + self.sd * ndtri(low + u * (high - low))
        return np.asarray(np.clip(values, feature.lower, feature.upper))

    def to_dict(self) -> dict[str, Any]:
        """Give the fields and the `kind`."""
        return {"kind": "Normal", "mean": self.mean, "sd": self.sd}


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of the levels or whole numbers of a feature; those not named have none.

    For a continuous feature, `weights` belong to equal parts of its range, by their number from 0.
    """

    weights: Mapping[Value, float]

    def __post_init__(self) -> None:
        numbers = list(self.weights.values())
        if not numbers or min(numbers) < 0 or not 0 < sum(numbers) < math.inf:
            raise ConfigError(f"expected weights >= 0 with a sum above 0, got {dict(self.weights)}")

    def quantile(self, feature: Feature, u: Floats) -> Floats:
        """Map uniform numbers u of shape (n,) to values (level numbers) of the feature."""
        if isinstance(feature, FeatureContinuous):
            parts = max(int(k) for k in self.weights) + 1
            share = np.array([float(self.weights.get(k, 0.0)) for k in range(parts)])
            ends = np.concatenate([[0.0], np.cumsum(share / share.sum())])
            return feature.from_unit(np.interp(u, ends, np.linspace(0.0, 1.0, parts + 1)))
        numbers = np.array([feature.number(value) for value in self.weights])
        ends = np.cumsum(np.array(list(self.weights.values()), dtype=np.float64))
        at = np.searchsorted(ends / ends[-1], u, "right")
        return np.asarray(numbers[np.minimum(at, len(numbers) - 1)])

    def to_dict(self) -> dict[str, Any]:
        """Give the fields and the `kind`."""
        return {"kind": "Weights", "weights": [[k, v] for k, v in self.weights.items()]}


class Distribution(Protocol):
    """The law of all features together."""

    def draw(self, features: Sequence[Feature], u: Floats) -> Floats:
        """Map uniform numbers u of shape (n, d) to points of the unit cube, shape (n, d)."""

    def to_dict(self) -> dict[str, Any]:
        """Give the fields and the `kind`."""


@dataclass(frozen=True, slots=True)
class Laws:
    """Independent laws by feature name; a feature without one is uniform on its scale."""

    laws: Mapping[str, Law]

    def draw(self, features: Sequence[Feature], u: Floats) -> Floats:
        """Map uniform numbers u of shape (n, d) to points of the unit cube."""
        unknown = sorted(set(self.laws) - {f.name for f in features})
        if unknown:
            raise ConfigError(f"expected laws of features that exist, got {unknown}")
        columns = [
            f.to_unit(self.laws[f.name].quantile(f, u[:, i])) if f.name in self.laws else u[:, i]
            for i, f in enumerate(features)
        ]
        return np.column_stack(columns)

    def to_dict(self) -> dict[str, Any]:
        """Give the fields and the `kind`."""
        return {"kind": "Laws", "laws": {name: law.to_dict() for name, law in self.laws.items()}}


class FieldSamples:
    """Inputs as they were seen in the field: each sample is as likely as another.

    `points` are mappings by feature name. Continuous features are spread by `blur` (a share of
    their range), so that a study may ask between the samples.

    Raises `ConfigError` without samples.
    """

    def __init__(self, points: Sequence[Mapping[str, Any]], *, blur: float = 0.01) -> None:
        if not len(points) or not 0 <= blur <= 1:
            raise ConfigError(f"expected samples and 0 <= blur <= 1, got {len(points)} and {blur}")
        self.points, self.blur = [dict(point) for point in points], blur

    def draw(self, features: Sequence[Feature], u: Floats) -> Floats:
        """Map uniform numbers u of shape (n, d) to points of the unit cube."""
        table = np.array([[f.number(p[f.name]) for f in features] for p in self.points])
        unit = np.column_stack([f.to_unit(table[:, i]) for i, f in enumerate(features)])
        # The first number chooses the sample; what is left of it is uniform again.
        chosen = u[:, 0] * len(unit)
        rest = u.copy()
        rest[:, 0] = chosen - np.floor(chosen)
        spread = np.array([self.blur * isinstance(f, FeatureContinuous) for f in features])
        at = np.minimum(chosen.astype(int), len(unit) - 1)
        return np.asarray(np.clip(unit[at] + spread * (rest - 0.5), 0.0, 1.0))

    def to_dict(self) -> dict[str, Any]:
        """Give the fields and the `kind`."""
        return {"kind": "FieldSamples", "points": self.points, "blur": self.blur}


def distribution_from_dict(content: Mapping[str, Any] | None) -> Distribution | None:
    """Make a distribution from what `to_dict` wrote. Raises `ConfigError` for anything else."""
    if content is None:
        return None
    try:
        if content["kind"] == "Laws":
            return Laws({name: _law(law) for name, law in content["laws"].items()})
        if content["kind"] == "FieldSamples":
            return FieldSamples(content["points"], blur=float(content["blur"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"expected a distribution, got a damaged one: {error!r}") from error
    raise ConfigError(f"expected a distribution Laws or FieldSamples, got {content['kind']!r}")


def _law(content: Mapping[str, Any]) -> Law:
    if content["kind"] == "Normal":
        return Normal(content["mean"], content["sd"])
    if content["kind"] == "Weights":
        return Weights({k: float(v) for k, v in content["weights"]})
    raise ConfigError(f"expected a law Normal or Weights, got {content['kind']!r}")
