"""Where it fails and where it holds, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from modelward.core.metrics import Estimate
from modelward.validation.boxes import find_box
from modelward.validation.domain import (
    Bools,
    Domain,
    Feature,
    FeatureCategorical,
    FeatureContinuous,
    FeatureInteger,
    Floats,
    Value,
)
from modelward.validation.words import percent

_LEAST = 0.003
"""Share of the domain below which a box is not sought: too few points to tell its sides."""
_CUTS = 100


@dataclass(frozen=True, slots=True)
class Bound:
    """What a rule asks of one feature: `low <= value < high`, None leaves a side open; or `levels`.

    >>> str(Bound("gain", None, 0.7)), str(Bound("k", 3, 6, whole=True))
    ('gain < 0.7', '3 <= k <= 5')
    >>> str(Bound("weather", levels=("rain", "snow")))
    "weather is 'rain' or 'snow'"
    """

    feature: str
    low: float | None = None
    high: float | None = None
    whole: bool = False
    levels: tuple[Value, ...] | None = None

    def holds(self, value: Value) -> bool:
        """Tell whether a value is within."""
        if self.levels is not None:
            return value in self.levels
        assert not isinstance(value, str)  # noqa: S101 - a number, by its feature
        above = self.low is None or value >= self.low
        return above and (self.high is None or value < self.high)

    def __str__(self) -> str:
        if self.levels is not None:
            return f"{self.feature} is {' or '.join(map(repr, self.levels))}"
        sign, last = "<", self.high
        if self.whole and last is not None:
            sign, last = "<=", last - 1
        if self.low is not None and self.low == last:
            return f"{self.feature} = {last:g}"
        if self.low is None:
            return f"{self.feature} {sign} {last:g}"
        if last is None:
            return f"{self.feature} >= {self.low:g}"
        return f"{self.low:g} <= {self.feature} {sign} {last:g}"

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as JSON can hold them."""
        return {
            "feature": self.feature,
            "low": self.low,
            "high": self.high,
            "levels": None if self.levels is None else list(self.levels),
        }


@dataclass(frozen=True, slots=True)
class Rule:
    """A region of the domain that mostly fails, or with `fails=False` mostly passes.

    By the surrogates: `precision` is the share of the region that does so, `support` the share of
    the operational volume it takes, `coverage` the share of all failing (passing) volume that it
    holds. By runs: `told`, how many lie in it and how many of them did so, though they also shaped
    the surrogates; and by audit points that did not: `checked`, the share among those inside, and
    `volume`, the share of those that lie inside (None where there are none), with intervals valid at
    every look.
    """

    bounds: tuple[Bound, ...]
    precision: float
    support: float
    coverage: float
    fails: bool = True
    told: tuple[int, int] = (0, 0)
    checked: Estimate | None = None
    volume: Estimate | None = None

    @property
    def condition(self) -> str:
        """The region alone: 'gain < 0.71 and noise >= 4'."""
        return " and ".join(str(bound) for bound in self.bounds) or "everywhere"

    def contains(self, values: Mapping[str, Any]) -> bool:
        """Tell whether a point lies in the region."""
        return all(bound.holds(values[bound.feature]) for bound in self.bounds)

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain dictionaries, and the rule in words."""
        return {
            "words": str(self),
            "condition": self.condition,
            "fails": self.fails,
            "bounds": [bound.to_dict() for bound in self.bounds],
            "precision": self.precision,
            "support": self.support,
            "coverage": self.coverage,
            "told": list(self.told),
            "checked": None if self.checked is None else self.checked.to_dict(),
            "volume": None if self.volume is None else self.volume.to_dict(),
        }

    def __str__(self) -> str:
        does = "fails" if self.fails else "passes"
        return (
            f"{self.condition}: {percent(self.precision)} of the region {does}, "
            f"{percent(self.support, 1)} of the space, {percent(self.coverage)} of all that {does}"
        )


def find_rules(
    domain: Domain,
    fails: Bools,
    volume: Floats,
    *,
    outcome: bool = True,
    precision: float = 0.95,
    most: int = 4,
) -> tuple[Rule, ...]:
    """Describe where it fails (with `outcome=False`: passes) by up to `most` boxes.

    `volume` of shape (n, d) are points of the unit cube that stand for the domain, `fails` of shape
    (n,) the verdict on each. Where most of the domain fails anyhow, more than `precision` is asked:
    at most a fifth of the share of exceptions that the whole domain has. The next box is sought
    outside the first, and kept when it adds a twentieth of the whole. Sides are rounded to a
    hundredth of the range before the figures are taken.

    >>> from modelward.validation.candidates import sobol
    >>> domain = Domain([FeatureContinuous("gain", 0, 2), FeatureInteger("k", 1, 4)])
    >>> x = domain.snap(sobol(1024, 2, seed=0))
    >>> fails = (x[:, 0] < 0.35) & (x[:, 1] > 0.5)
    >>> print(find_rules(domain, fails, x)[0])
    gain < 0.7 and k >= 3: 100 % of the region fails, 17.6 % of the space, 100 % of all that fails
    """
    hits = fails if outcome else ~fails
    precision = max(precision, 1.0 - 0.2 * (1.0 - float(hits.mean())))
    left = np.ones(len(volume), dtype=bool)
    rules: list[Rule] = []
    points, edges = domain.points(volume), [_edges(f) for f in domain.features]
    unordered = [isinstance(f, FeatureCategorical) for f in domain.features]
    while len(rules) < most and (hits & left).sum() >= max(3, _LEAST * len(volume)):
        cells = find_box(volume[left], hits[left], edges, precision=precision, unordered=unordered)
        bounds = [_bound(f, c) for f, c in zip(domain.features, cells, strict=True)]
        rule = Rule(tuple(b for b in bounds if b is not None), 0.0, 0.0, 0.0, fails=outcome)
        inside = np.array([rule.contains(point) for point in points])
        held = int((inside & hits).sum())
        if (inside & hits & left).sum() < 0.05 * hits.sum() or held < 0.8 * inside.sum():
            break
        rules.append(
            replace(
                rule,
                precision=float(held / inside.sum()),
                support=float(inside.mean()),
                coverage=float(held / hits.sum()),
            )
        )
        left &= ~inside
    return tuple(rules)


def _edges(feature: Feature) -> Floats:
    cuts = _CUTS
    if not isinstance(feature, FeatureContinuous):
        cuts = (
            feature.count if isinstance(feature, FeatureCategorical) else min(feature.count, cuts)
        )
    return np.linspace(0.0, 1.0, cuts + 1)


def _bound(feature: Feature, cells: Bools) -> Bound | None:
    if cells.all():
        return None
    taken = np.flatnonzero(cells)
    if isinstance(feature, FeatureCategorical):
        return Bound(feature.name, levels=tuple(feature.levels[int(i)] for i in taken))
    low, high = float(taken[0] / len(cells)), float((taken[-1] + 1) / len(cells))
    first: float
    after: float
    if isinstance(feature, FeatureInteger):
        first, after = (feature.lower + round(side * feature.count) for side in (low, high))
    else:
        values = feature.from_unit(np.array([low, high])).tolist()
        first, after = (_rounded(value, feature) for value in values)
    return Bound(
        feature.name,
        first if low > 0.0 else None,
        after if high < 1.0 else None,
        whole=isinstance(feature, FeatureInteger),
    )


def _rounded(value: float, feature: FeatureContinuous) -> float:
    """Round to a hundredth of the range, or on a log scale of the value itself."""
    size = abs(value) if feature.scale == "log" else feature.upper - feature.lower
    return round(value, 2 - int(np.floor(np.log10(size)))) if size else value
