"""The nearest input that passes, for one that fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from modelward.validation.domain import Domain, Floats, Value

_HALVINGS = 14


@dataclass(frozen=True, slots=True)
class NearestPassing:
    """An input that passes by the surrogates, near one that failed.

    `changes` holds, for each feature that differs, the value that failed and the one that passes;
    `distance` is measured in the unit cube (1: the range of one feature, or another level).
    """

    run: int
    failing: Mapping[str, Value]
    passing: Mapping[str, Value]
    changes: Mapping[str, tuple[Value, Value]]
    distance: float

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as JSON can hold them."""
        return {**asdict(self), "changes": {k: list(v) for k, v in self.changes.items()}}


def nearest_passing(
    domain: Domain,
    fails: Callable[[Floats], np.ndarray[Any, Any]],
    failing: Floats,
    passing: Floats,
    *,
    run: int,
) -> NearestPassing | None:
    """Find the nearest input that passes for one that fails, `failing` of shape (d,).

    `passing` of shape (m, d) are points that pass. From the nearest of them features are set back
    one by one where that still passes, and what is left is halved towards the failing point. None
    where no point passes.
    """
    if not len(passing):
        return None
    here = domain.encode(failing[None, :])[0]
    order = np.argsort(np.linalg.norm(domain.encode(passing) - here, axis=1))[:8]
    found = [_closer(domain, fails, failing, passing[i]) for i in order]
    away = [float(np.linalg.norm(domain.encode(p[None, :])[0] - here)) for p in found]
    best = found[int(np.argmin(away))]
    old, new = domain.points(np.vstack([failing, best]))
    changes = {n: (old[n], new[n]) for n in domain.names if old[n] != new[n]}
    return NearestPassing(run, old, new, changes, min(away))


def _closer(
    domain: Domain,
    fails: Callable[[Floats], np.ndarray[Any, Any]],
    failing: Floats,
    point: Floats,
) -> Floats:
    """Move a passing point towards the failing one as far as it still passes."""

    def passes(candidate: Floats) -> bool:
        at = candidate[None, :]
        return bool(domain.feasible(at)[0]) and not bool(fails(at)[0])

    point = point.copy()
    for j in np.argsort(np.abs(point - failing)):
        tried = point.copy()
        tried[j] = failing[j]
        if passes(tried):
            point = tried
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        tried = domain.snap((failing + middle * (point - failing))[None, :])[0]
        low, high = (low, middle) if passes(tried) else (middle, high)
    tried = domain.snap((failing + high * (point - failing))[None, :])[0]
    return tried if passes(tried) else point
