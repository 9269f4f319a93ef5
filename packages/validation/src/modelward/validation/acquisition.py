"""Which point to ask next: near the boundary where little is known, and a share that looks afar."""

from __future__ import annotations

import math

import numpy as np

from modelward.core.errors import ConfigError, StateError
from modelward.validation.domain import Domain, Floats
from modelward.validation.models.base import Prediction, Surrogate

_SAME = 1e-9
"""Points of the unit cube closer than this, in every feature, are the same point."""


def straddle(prediction: Prediction, *, kappa: float = 1.96) -> Floats:
    """Give `kappa * sd - |mean|` of the margin, shape (n,): high where the boundary may lie.

    >>> straddle(Prediction(np.array([0.0, 3.0]), np.array([1.0, 1.0])), kappa=2.0).tolist()
    [2.0, -1.0]

    Source: Bryan et al., Active learning for identifying function threshold boundaries, NeurIPS
    (2005), section 3.
    """
    return np.asarray(kappa * prediction.sd - np.abs(prediction.mean))


def due(slot: int, share: float) -> bool:
    """Tell whether a slot belongs to a stream that takes an even `share` of all slots.

    >>> [slot for slot in range(12) if due(slot, 0.25)]
    [3, 7, 11]
    """
    return math.floor((slot + 1) * share + 1e-9) > math.floor(slot * share + 1e-9)


def sobol(n: int, features: int, *, seed: int) -> Floats:
    """Give the first n points of a scrambled Sobol sequence, shape (n, features).

    >>> sobol(4, 2, seed=0).shape
    (4, 2)
    """
    from scipy.stats.qmc import Sobol

    # Drawn by powers of two, for which the sequence is balanced.
    power = max(0, math.ceil(math.log2(max(n, 1))))
    return np.asarray(Sobol(features, seed=seed).random_base2(power)[:n], dtype=np.float64)


class Straddle:
    """Propose the point of highest straddle score among `candidates` fresh Sobol points.

    Points still pending are taken for told with the surrogate's own mean, so that a batch spreads
    along the boundary; known points are never proposed again.

    Raises `ConfigError` for settings out of range.
    """

    def __init__(self, *, kappa: float = 1.96, candidates: int = 2048) -> None:
        if kappa <= 0 or candidates < 2:
            raise ConfigError(f"expected kappa > 0 and candidates >= 2, got {kappa}, {candidates}")
        self.kappa, self.candidates = kappa, candidates

    def propose(self, model: Surrogate, domain: Domain, known: Floats, *, seed: int) -> Floats:
        """Give the next point, shape (d,). `known` of shape (n, d) holds all told and pending ones.

        Raises `StateError` when the domain has no new point among the candidates.
        """
        candidates = fresh(domain, known, self.candidates, seed=seed)
        scores = straddle(model.predict(candidates), kappa=self.kappa)
        return np.asarray(candidates[int(np.argmax(scores))])


def fresh(domain: Domain, known: Floats, n: int, *, seed: int) -> Floats:
    """Give up to n Sobol points that exist in the domain and are not among `known`.

    Raises `StateError` when all of them are known, as in a small domain of whole numbers.
    """
    from scipy.spatial import cKDTree

    points = domain.snap(sobol(n, len(domain), seed=seed))
    if len(known):
        distance, _ = cKDTree(known).query(points, p=np.inf)
        points = points[distance > _SAME]
    if not len(points):
        raise StateError(
            f"expected a new point to ask, got {n} candidates that were all asked before",
            hint="the domain is exhausted: stop, or widen the features.",
        )
    return points
