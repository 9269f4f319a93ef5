"""Where proposals may lie: everywhere, as in operation, and around what is known of the boundary."""

from __future__ import annotations

import math

import numpy as np

from modelward.core.errors import StateError
from modelward.validation.domain import Bools, Domain, Floats

_SAME = 1e-9
"""Points of the unit cube closer than this, in every feature, are the same point."""
_LOCAL, _BOX = 0.4, 0.2


def sobol(n: int, features: int, *, seed: int) -> Floats:
    """Give the first n points of a scrambled Sobol sequence, shape (n, features).

    >>> sobol(4, 2, seed=0).shape
    (4, 2)
    """
    from scipy.stats.qmc import Sobol

    # Drawn by powers of two, for which the sequence is balanced.
    power = max(0, math.ceil(math.log2(max(n, 1))))
    return np.asarray(Sobol(features, seed=seed).random_base2(power)[:n], dtype=np.float64)


def grid(domain: Domain, n: int, *, most: int, seed: int) -> Floats:
    """Give a regular grid of n values a feature, shape (m, d); at most `most` of its points.

    A categorical feature, or one with fewer values, gives all it has up to n.
    """
    counts = [int(min(n, getattr(f, "count", n))) for f in domain.features]
    total = math.prod(counts)
    rng = np.random.default_rng(seed)
    if total <= most:
        chosen = np.arange(total)
        digits = np.array(np.unravel_index(chosen, counts)).T
    else:  # a crossing of many features is larger than any start: a sample without doubles
        digits = np.unique(np.array([rng.integers(c, size=2 * most) for c in counts]).T, axis=0)
        digits = rng.permutation(digits)[:most]
    sides = digits / np.maximum(np.array(counts) - 1, 1)
    points = domain.snap(np.asarray(sides, dtype=np.float64))
    return points[domain.feasible(points)]


def candidates(domain: Domain, known: Floats, failed: Bools, n: int, *, seed: int) -> Floats:
    """Give about n new points of the domain, shape (m, d), of three kinds.

    Most are spread as in operation; some evenly over the ranges; and a part changes one to three
    features of a known point near the other outcome, to walk around failing regions that were
    found. `known` of shape (k, d) are all points asked or told, `failed` of shape (k,) those known
    to fail.
    """
    rng = np.random.default_rng(seed)
    local = int(_LOCAL * n) if len(known) else 0
    spread = n - local
    if domain.distribution is None:
        parts = [domain.operational(sobol(spread, len(domain), seed=seed))]
    else:
        box = int(_BOX * n)
        parts = [domain.draw(2 * (spread - box), rng), domain.snap(rng.random((box, len(domain))))]
    if local and domain.distribution is None:
        parts.append(_around(domain, known, failed, local, rng))
    points = np.vstack(parts)
    points = points[domain.feasible(points)]
    _, first = np.unique(points.round(9), axis=0, return_index=True)
    return unknown(domain, points[np.sort(first)], known)


def fresh(domain: Domain, known: Floats, n: int, *, seed: int) -> Floats:
    """Give up to n spread points that exist in the domain and are not among `known`.

    Raises `StateError` when all of them are known, as in a small domain of whole numbers.
    """
    points = domain.operational(np.random.default_rng(seed).random((n, len(domain))))
    points = unknown(domain, points, known)
    if not len(points):
        raise StateError(
            f"expected a new point to ask, got {n} candidates that were all asked before",
            hint="the domain is exhausted: stop, or widen the features.",
        )
    return points


def unknown(domain: Domain, points: Floats, known: Floats) -> Floats:
    """Give the points of shape (m, d) that are not among `known`."""
    if not len(known) or not len(points):
        return points
    if len(domain) <= 20:
        from scipy.spatial import cKDTree

        distance, _ = cKDTree(known).query(points, p=np.inf, distance_upper_bound=1e-6)
        return np.asarray(points[~(distance <= _SAME)])
    taken = {row.tobytes() for row in known.round(9)}
    return points[[row.tobytes() not in taken for row in points.round(9)]]


def _around(
    domain: Domain, known: Floats, failed: Bools, n: int, rng: np.random.Generator
) -> Floats:
    rarer = failed if failed.sum() <= len(failed) / 2 else ~failed
    pool = known[rarer] if rarer.any() else known
    others = known[~rarer][-len(pool) :]
    base = np.vstack([pool, others])[rng.integers(len(pool) + len(others), size=n)]
    d = len(domain)
    order = rng.random((n, d)).argsort(axis=1)  # a random order of the features for each point
    changed = order < rng.integers(1, min(3, d) + 1, size=(n, 1))
    moved = np.clip(base + 0.15 * rng.standard_normal((n, d)), 0.0, 1.0)
    new = np.where(rng.random((n, 1)) < 0.5, rng.random((n, d)), moved)
    return domain.snap(np.where(changed, new, base))
