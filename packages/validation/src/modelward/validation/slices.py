"""P(fail) along one feature and over pairs of them, averaged over how the others occur."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelward.validation.domain import Domain, FeatureContinuous, Floats, Value


@dataclass(frozen=True, slots=True)
class Slice:
    """P(fail) at values of one feature: its mean, and the 10th and 90th percentile over the others."""

    feature: str
    values: tuple[Value, ...]
    p_fail: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as JSON can hold them."""
        return {
            "feature": self.feature,
            "values": list(self.values),
            "p_fail": list(self.p_fail),
            "low": list(self.low),
            "high": list(self.high),
        }


@dataclass(frozen=True, slots=True)
class Pair:
    """P(fail) over two features, the mean over the others: `p_fail[i][j]` at y value i, x value j."""

    x: str
    y: str
    x_values: tuple[Value, ...]
    y_values: tuple[Value, ...]
    p_fail: tuple[tuple[float, ...], ...]

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as JSON can hold them."""
        return {
            "x": self.x,
            "y": self.y,
            "x_values": list(self.x_values),
            "y_values": list(self.y_values),
            "p_fail": [list(row) for row in self.p_fail],
        }


def slice_along(
    domain: Domain, p_fail: Callable[[Floats], Floats], others: Floats, feature: int, *, n: int
) -> Slice:
    """Take the slice along a feature at n values; `others` of shape (m, d) are points in operation."""
    unit = _steps(domain, feature, n)
    points = np.repeat(others[None, :, :], len(unit), axis=0)
    points[:, :, feature] = unit[:, None]
    p = p_fail(domain.snap(points.reshape(-1, len(domain)))).reshape(len(unit), -1)
    low, high = np.quantile(p, [0.1, 0.9], axis=1)
    return Slice(
        domain.names[feature],
        _values(domain, feature, unit),
        *(tuple(row.round(4).tolist()) for row in (p.mean(1), low, high)),
    )


def pair_over(
    domain: Domain, p_fail: Callable[[Floats], Floats], others: Floats, x: int, y: int, *, n: int
) -> Pair:
    """Map P(fail) over two features at n values each."""
    across, along = _steps(domain, x, n), _steps(domain, y, n)
    grid = np.repeat(others[None, None, :, :], len(along), axis=0).repeat(len(across), axis=1)
    grid[:, :, :, x] = across[None, :, None]
    grid[:, :, :, y] = along[:, None, None]
    p = p_fail(domain.snap(grid.reshape(-1, len(domain))))
    p = p.reshape(len(along), len(across), -1).mean(2).round(4)
    return Pair(
        domain.names[x],
        domain.names[y],
        _values(domain, x, across),
        _values(domain, y, along),
        tuple(map(tuple, p.tolist())),
    )


def _steps(domain: Domain, feature: int, n: int) -> Floats:
    f = domain.features[feature]
    count = n if isinstance(f, FeatureContinuous) else min(n, f.count)
    unit = (np.arange(count) + 0.5) / count
    return f.to_unit(f.from_unit(unit))


def _values(domain: Domain, feature: int, unit: Floats) -> tuple[Value, ...]:
    f = domain.features[feature]
    return tuple(f.value(v) for v in f.from_unit(unit))
