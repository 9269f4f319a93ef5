"""What the audit proves: bounds that hold however long, and however often, one looks.

Audit points are drawn from the domain by a stream of their own; no model has a say. For audit
point k, let e_k be the probability that the verdict fixed when it was drawn is wrong: the error
rate, over the whole domain, of the surrogate in force at that moment. The surrogate learns between
points, so e_k changes; what the audit bounds is the running mean of e_1, ..., e_t, for all t at
once. While the surrogate is frozen e_k is constant, and the bound speaks of that very surrogate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from modelward.core.errors import DataError
from modelward.core.metrics import Estimate
from modelward.validation.words import percent


def upper_bound(count: int, n: int, *, alpha: float = 0.05) -> float:
    """Bound from above the mean probability of n events of which `count` happened.

    Let event k happen with probability e_k given all before it. With probability at least
    1 - `alpha` the bound exceeds the mean of e_1, ..., e_n for every n at once, so one may look
    after each event and stop when one likes; e_k may change, and depend on the past.

    A bet with stake w in (0, 1) multiplies its wealth by w^E_k / (1 - e_k (1 - w)), a martingale.
    By Jensen's inequality the wealth is at least `w^count / (1 - e (1 - w))^n` for the running mean
    e; mixed over uniform w this is `B(count+1, n-count-1) I_e(count+1, n-count-1) /
    (e^(count+1) (1-e)^(n-count-1))`. By Ville's inequality it stays below 1/alpha with probability
    1 - alpha; the bound is the e at which it reaches 1/alpha.

    Raises `DataError` when not 0 <= count <= n or not 0 < alpha < 1.

    >>> round(upper_bound(0, 59), 3), round(upper_bound(3, 300), 4)
    (0.074, 0.0352)

    Sources: Ville (1939); Waudby-Smith and Ramdas, Estimating means of bounded random variables by
    betting, JRSS-B (2024), section 4; Choe and Ramdas (2023) for means that change.
    """
    if not 0 <= count <= n or not 0 < alpha < 1:
        raise DataError(f"expected 0 <= count <= n and 0 < alpha < 1, got {count}, {n}, {alpha}")
    return 1.0 if n - count < 2 else _reaches(count, n, alpha)  # but for events nothing is excluded


@lru_cache(maxsize=16_384)
def _reaches(count: int, n: int, alpha: float) -> float:
    from scipy.optimize import brentq

    # The wealth grows with e, from (count+1)^-1 at 0 without bound at 1.
    inside = 1.0 - 1e-12
    if _log_wealth(inside, count, n) <= -math.log(alpha):
        return 1.0
    return float(brentq(lambda e: _log_wealth(e, count, n) + math.log(alpha), 1e-12, inside))


def _log_wealth(e: float, count: int, n: int) -> float:
    from scipy.special import betainc, betaln

    a, b = count + 1, n - count - 1
    mixed = float(betainc(a, b, e))
    if mixed < 1e-290:  # far in the tail, where I_e(a, b) is e^a (1-e)^b / (a B(a, b)) and a little
        return -math.log(a)
    return math.log(mixed) + float(betaln(a, b)) - a * math.log(e) - b * math.log1p(-e)


def interval(count: int, n: int, *, level: float = 0.95) -> Estimate:
    """Estimate the mean probability of n events with an interval valid at every look.

    >>> interval(12, 40)
    0.3 [0.1151, 0.5428] (95 %, n=40)
    """
    alpha = (1.0 - level) / 2.0
    low = 1.0 - upper_bound(n - count, n, alpha=alpha)
    return Estimate(count / n if n else 0.5, low, upper_bound(count, n, alpha=alpha), level, n)


@dataclass(frozen=True, slots=True)
class Audit:
    """One audit point: the verdict fixed when it was drawn, and what happened.

    `predicted_share` is the share of the operational volume that the same surrogates held for
    failing; `p_fail` is their probability of failure at the point.
    """

    predicted: bool
    predicted_share: float
    failed: bool
    p_fail: float = 0.5


@dataclass(frozen=True, slots=True)
class Certificate:
    """What `n` audit points prove, at `level`, looked at as often as one likes.

    `error`: probability of a wrong verdict. `missed`: that a point fails and was called safe.
    `false_alarm`: that a point is safe and was called failing. `called_safe`: that a point fails,
    given that it was called safe. All four are means over the surrogates in force when the points
    were drawn: of the delivered surrogates alone if `frozen`. `failure_share`: probability that a
    point of the operational distribution fails. Each of the five holds with probability `level`,
    not all together.
    """

    error: Estimate
    missed: Estimate
    false_alarm: Estimate
    called_safe: Estimate
    failure_share: Estimate
    level: float
    n: int
    frozen: bool

    @property
    def certainty(self) -> float:
        """The proven share of right verdicts: 1 minus the upper bound of the error."""
        return 1.0 - (1.0 if self.error.high is None else self.error.high)

    def in_words(self) -> str:
        """Say in one sentence what is proven, and of what."""
        if self.n == 0:
            return "Nothing is proven: no audit point was drawn."
        whose = (
            "the delivered surrogate, frozen before the audit,"
            if self.frozen
            else "the surrogates as they stood when the points were drawn (the mean of them)"
        )
        return (
            f"With {percent(self.level)} confidence, at whatever moment one looks, the verdicts of "
            f"{whose} are wrong on at most {_bound(self.error)} of the space; at most "
            f"{_bound(self.missed)} of it fails and is called safe, and of what is called safe at "
            f"most {_bound(self.called_safe)} fails ({self.n} audit points)."
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain dictionaries."""
        return asdict(self)


def _bound(estimate: Estimate) -> str:
    return percent(1.0 if estimate.high is None else estimate.high, 1)


def certify(audits: Sequence[Audit], *, level: float = 0.95, frozen: bool = False) -> Certificate:
    """Bound errors and failure share from audit points in the order they were drawn.

    For each k the failure share of the domain is `predicted_share + P(missed) - P(false alarm)`,
    so bounds on the mean of the two mistakes bound it around the mean of the predicted shares: a
    good surrogate narrows the interval, and a bad one only widens it. The level is shared between
    that interval and the one from the count of failures alone, and the overlap is given.

    >>> certify([Audit(predicted=True, predicted_share=0.3, failed=True)] * 30).error
    0 [0, 0.1413] (95 %, n=30)
    """
    n = len(audits)
    missed = sum(a.failed and not a.predicted for a in audits)
    alarms = sum(a.predicted and not a.failed for a in audits)
    safe = sum(not a.predicted for a in audits)
    alpha = 1.0 - level

    def one_sided(count: int, of: int) -> Estimate:
        bound = upper_bound(count, of, alpha=alpha)
        return Estimate(count / of if of else 0.0, 0.0, bound, level, of)

    share = sum(a.predicted_share for a in audits) / n if n else 0.5
    direct = interval(sum(a.failed for a in audits), n, level=1.0 - alpha / 2.0)
    low = max(share - upper_bound(alarms, n, alpha=alpha / 4.0), direct.low or 0.0)
    high = min(
        share + upper_bound(missed, n, alpha=alpha / 4.0), 1.0 if n == 0 else direct.high or 0.0
    )
    value = share + (missed - alarms) / n if n else 0.5
    if low > high:  # each holds with its level: both cannot, and neither is preferred
        low, high = 0.0, 1.0
    return Certificate(
        error=one_sided(missed + alarms, n),
        missed=one_sided(missed, n),
        false_alarm=one_sided(alarms, n),
        called_safe=one_sided(missed, safe),
        failure_share=Estimate(min(max(value, low), high), low, high, level, n),
        level=level,
        n=n,
        frozen=frozen,
    )
