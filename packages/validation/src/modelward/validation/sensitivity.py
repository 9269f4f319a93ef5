"""Which features matter for failing: Sobol indices and permutation, on the surrogates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from modelward.validation.candidates import sobol
from modelward.validation.domain import Domain, FieldSamples, Floats


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """How much a feature matters for P(fail) over the operational distribution.

    `first` and `total` are Sobol indices in [0, 1]: the share of the variance of P(fail) that the
    feature explains alone, and with all its interactions; None where features depend on each other
    (constraints, samples of the field), for which they have no such meaning. `permutation` is the
    mean change of P(fail) when the feature is shuffled.
    """

    feature: str
    first: float | None
    total: float | None
    permutation: float

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as JSON can hold them."""
        return asdict(self)


def sensitivity(
    domain: Domain, p_fail: Callable[[Floats], Floats], *, evaluations: int, seed: int
) -> tuple[Sensitivity, ...]:
    """Measure each feature with about so many `evaluations` of `p_fail` (points (m, d) -> (m,)).

    Sorted, what matters most first.

    Sources: Saltelli et al., Variance based sensitivity analysis of model output, Computer Physics
    Communications (2010), table 2, for `first`; Jansen (1999) for `total`.
    """
    d = len(domain)
    n = 2 ** max(5, int(np.log2(max(32, evaluations // (2 * d + 2)))))
    base = domain.operational(sobol(n, d, seed=seed))
    rng = np.random.default_rng(seed)
    before = p_fail(base)
    moved = np.empty(d)
    for j in range(d):
        shuffled = base.copy()
        shuffled[:, j] = rng.permutation(shuffled[:, j])
        moved[j] = float(np.abs(p_fail(shuffled) - before).mean())
    independent = not domain.constraints and not isinstance(domain.distribution, FieldSamples)
    first, total = _indices(domain, p_fail, n, seed) if independent else (None, None)
    rows = [
        Sensitivity(
            name,
            None if first is None else float(first[j]),
            None if total is None else float(total[j]),
            float(moved[j]),
        )
        for j, name in enumerate(domain.names)
    ]
    return tuple(sorted(rows, key=lambda row: -(row.permutation)))


def _indices(
    domain: Domain, p_fail: Callable[[Floats], Floats], n: int, seed: int
) -> tuple[Floats, Floats]:
    d = len(domain)
    both = sobol(n, 2 * d, seed=seed)
    a, b = both[:, :d], both[:, d:]
    fa, fb = p_fail(domain.operational(a)), p_fail(domain.operational(b))
    variance = float(np.var(np.concatenate([fa, fb])))
    first, total = np.zeros(d), np.zeros(d)
    if variance <= 1e-12:
        return first, total
    for j in range(d):
        mixed = a.copy()
        mixed[:, j] = b[:, j]
        fm = p_fail(domain.operational(mixed))
        first[j] = float(np.mean(fb * (fm - fa))) / variance
        total[j] = float(np.mean(np.square(fa - fm))) / (2.0 * variance)
    return np.clip(first, 0.0, 1.0), np.clip(total, 0.0, 1.0)
