"""The space of the inputs: features in order, with their constraints and their distribution."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from modelward.core.errors import ConfigError, DataError
from modelward.validation.domain.constraints import Constraint
from modelward.validation.domain.distribution import Distribution, distribution_from_dict
from modelward.validation.domain.features import (
    Bools,
    Feature,
    FeatureCategorical,
    FeatureInteger,
    Floats,
    Value,
    feature_from_dict,
)
from modelward.validation.domain.names import check_names

_PROBE, _ROUNDS = 2**14, 12


class Domain:
    """The space of the inputs: features in order, seen by the models as the unit cube.

    `constraints` are conditions every point must meet (`Constraint`, or its text). `distribution`
    says how inputs occur in operation (default: uniform on each feature's scale).

    Raises `ConfigError` when there is no feature, two have one name, a constraint names a feature
    that does not exist, or no point meets all constraints.

    >>> from modelward.validation.domain import FeatureContinuous
    >>> domain = Domain([FeatureContinuous("x", 0, 10), FeatureInteger("k", 1, 4)], ["x > 2 * k"])
    >>> domain.points(np.array([[0.25, 0.1]])), domain.feasible(np.array([[0.25, 0.1]])).tolist()
    ([{'x': 2.5, 'k': 1}], [True])
    """

    def __init__(
        self,
        features: Sequence[Feature],
        constraints: Sequence[Constraint | str] = (),
        distribution: Distribution | None = None,
    ) -> None:
        check_names("feature", [f.name for f in features])
        self.features = tuple(features)
        self.names = tuple(f.name for f in features)
        texts = [constraints] if isinstance(constraints, str) else constraints
        self.constraints = tuple(Constraint(c) if isinstance(c, str) else c for c in texts)
        self.distribution = distribution
        self.acceptance = 1.0
        self._check_constraints()
        self.draw(2, np.random.default_rng(0))  # a distribution that does not fit says so now

    def __len__(self) -> int:
        return len(self.features)

    @property
    def encoded(self) -> int:
        """How many columns `encode` gives."""
        return sum(f.count if isinstance(f, FeatureCategorical) else 1 for f in self.features)

    @property
    def size(self) -> float:
        """How many points there are; infinite with a continuous feature."""
        return math.prod(getattr(f, "count", math.inf) for f in self.features)

    def to_unit(self, points: Sequence[Mapping[str, Any]]) -> Floats:
        """Map n points to an array of shape (n, d) in the unit cube.

        Raises `DataError` naming the feature that is missing, unknown, of the wrong type or out of
        range.
        """
        table = np.array([self._row(point) for point in points], dtype=np.float64)
        table = table.reshape(len(points), len(self))
        return np.column_stack([f.to_unit(table[:, i]) for i, f in enumerate(self.features)])

    def check(self, point: Mapping[str, Any]) -> None:
        """Raise `DataError` for a point that is not of the domain, or breaks a constraint."""
        unit = self.to_unit([point])
        for constraint in self.constraints:
            if not constraint.holds(self._columns(unit))[0]:
                raise DataError(
                    f"expected a point that meets '{constraint.text}', got {dict(point)}"
                )

    def points(self, unit: Floats) -> list[dict[str, Any]]:
        """Map an array of shape (n, d) in the unit cube to n points by feature name."""
        columns = [f.from_unit(unit[:, i]).tolist() for i, f in enumerate(self.features)]
        return [
            {f.name: f.value(v) for f, v in zip(self.features, row, strict=True)}
            for row in zip(*columns, strict=True)
        ]

    def snap(self, unit: Floats) -> Floats:
        """Move points of shape (n, d) onto values that exist (whole numbers, levels)."""
        return np.column_stack(
            [f.to_unit(f.from_unit(unit[:, i])) for i, f in enumerate(self.features)]
        )

    def encode(self, unit: Floats) -> Floats:
        """Give what models see, shape (n, `encoded`): each level of a categorical is a column.

        Two different levels are at distance 1, as are the ends of a number's range.
        """
        columns: list[Floats] = []
        for i, f in enumerate(self.features):
            if isinstance(f, FeatureCategorical):
                level = f.from_unit(unit[:, i])[:, None] == np.arange(f.count)[None, :]
                columns += list((level * math.sqrt(0.5)).T)
            else:
                columns.append(unit[:, i])
        return np.column_stack(columns)

    def feasible(self, unit: Floats) -> Bools:
        """Tell which of n points of the unit cube meet all constraints, shape (n,)."""
        holds = np.ones(len(unit), dtype=bool)
        if self.constraints and len(unit):
            columns = self._columns(unit)
            for constraint in self.constraints:
                holds &= constraint.holds(columns)
        return holds

    def draw(self, n: int, rng: np.random.Generator) -> Floats:
        """Draw n independent points of the operational distribution, shape (n, d)."""
        parts, found = [np.empty((0, len(self)))], 0
        while found < n:
            u = rng.random((max(1, math.ceil((n - found) / self.acceptance)), len(self)))
            kept = self.operational(u)
            parts.append(kept)
            found += len(kept)
        return np.vstack(parts)[:n]

    def operational(self, u: Floats) -> Floats:
        """Map uniform numbers of shape (n, d) to points of the distribution that are feasible."""
        unit = u if self.distribution is None else self.distribution.draw(self.features, u)
        unit = self.snap(unit)
        return unit[self.feasible(unit)] if self.constraints else unit

    def to_dict(self) -> dict[str, Any]:
        """Give features, constraints and distribution as JSON can hold them."""
        return {
            "features": [f.to_dict() for f in self.features],
            "constraints": [c.text for c in self.constraints],
            "distribution": None if self.distribution is None else self.distribution.to_dict(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Make a domain from what `to_dict` wrote."""
        return cls(
            [feature_from_dict(f) for f in content["features"]],
            content.get("constraints", ()),
            distribution_from_dict(content.get("distribution")),
        )

    def _columns(self, unit: Floats) -> dict[str, np.ndarray[Any, Any]]:
        columns: dict[str, np.ndarray[Any, Any]] = {}
        for i, f in enumerate(self.features):
            numbers = f.from_unit(unit[:, i])
            if isinstance(f, FeatureCategorical):
                columns[f.name] = np.array(f.levels, dtype=object)[numbers.astype(int)]
            else:
                columns[f.name] = numbers.astype(int) if isinstance(f, FeatureInteger) else numbers
        return columns

    def _check_constraints(self) -> None:
        if not self.constraints:
            return
        for constraint in self.constraints:
            unknown = sorted(constraint.names - set(self.names))
            if unknown:
                raise ConfigError(
                    f"expected features of {list(self.names)} in the constraint "
                    f"{constraint.text!r}, got {unknown}"
                )
        rng, met, drawn = np.random.default_rng(0), 0, 0
        for _ in range(_ROUNDS):
            try:
                met += len(self.operational(rng.random((_PROBE, len(self)))))
            except TypeError as error:
                raise ConfigError(
                    "expected a constraint that compares numbers with numbers and texts with "
                    f"texts, got {[c.text for c in self.constraints]}: {error}"
                ) from error
            drawn += _PROBE
            if met >= 20:
                break
        if met == 0:
            raise ConfigError(
                f"expected constraints that some point meets, got none in {drawn} draws: "
                f"{[c.text for c in self.constraints]}",
                hint="they may contradict each other, or fix a value: compute it in the system.",
            )
        self.acceptance = met / drawn

    def _row(self, point: Mapping[str, Any]) -> list[float]:
        if set(point) != set(self.names):
            missing = sorted(set(self.names) - set(point))
            unknown = sorted(set(point) - set(self.names), key=str)
            raise DataError(
                f"expected the features {list(self.names)}, missing {missing}, unknown {unknown}"
            )
        return [feature.number(point[feature.name]) for feature in self.features]


__all__ = ["Domain", "Value"]
