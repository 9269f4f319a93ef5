"""What is left undecided: conformal verdicts, calibrated on audit points that no model chose."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelward.core.metrics import Estimate
from modelward.validation.certainty import Audit, Certificate
from modelward.validation.domain import Floats

_RECENT = 200
"""Audit points that calibrate: older ones judge surrogates that are no more."""


def conformal_limit(audits: Sequence[Audit], *, target: float) -> float:
    """Give the score up to which an outcome stays possible, from forecasts made before results.

    The score of an outcome is 1 minus the probability it was given. With n exchangeable points the
    outcomes whose score is at most the ceil((n + 1) target)-th smallest of those seen hold the truth
    of a new point with probability at least `target`. With too few points it is infinite: nothing
    is excluded.

    >>> sure = [Audit(predicted=False, predicted_share=0.0, failed=False, p_fail=0.02)] * 20
    >>> conformal_limit(sure, target=0.9), conformal_limit(sure[:5], target=0.9)
    (0.02, inf)

    Source: Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World (2005), chapter 2.
    """
    recent = audits[-_RECENT:]
    scores = sorted(1.0 - a.p_fail if a.failed else a.p_fail for a in recent)
    rank = math.ceil((len(scores) + 1) * target)
    return scores[rank - 1] if 0 < rank <= len(scores) else math.inf


def undecided(p_fail: Floats, limit: float) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Tell at which points, of P(fail) `p_fail` of shape (m,), both outcomes stay possible.

    Where the limit excludes both, the point is unlike what was calibrated: it is undecided, too.

    >>> undecided(np.array([0.01, 0.3, 0.99]), 0.75).tolist()
    [False, True, False]
    """
    return np.asarray((1.0 - p_fail <= limit) == (p_fail <= limit))


@dataclass(frozen=True, slots=True)
class Certainty:
    """Where the verdicts on one output stand.

    `proven`: the share of right verdicts that the audit proves; `reached` when it is at least the
    `target`. `undecided`: share of the operational volume that is not yet decided at the target
    certainty (conformal). `self_assessed`: the surrogates' mean probability of being right, which
    proves nothing. `failure_probability`: by the surrogates, with the audit's interval. `error`,
    `missed`, `called_safe` and `false_alarm` are the bounds of `Certificate`.
    """

    output: str
    target: float
    certificate: Certificate
    undecided: Estimate
    self_assessed: float
    failure_probability: Estimate

    @property
    def proven(self) -> float:
        """The share of right verdicts that is proven."""
        return self.certificate.certainty

    @property
    def reached(self) -> bool:
        """Whether the target is proven."""
        return self.proven >= self.target

    def to_dict(self) -> dict[str, Any]:
        """Give the fields, flat, as JSON can hold them."""
        c = self.certificate
        bounds: Mapping[str, Estimate] = {
            "undecided": self.undecided,
            "error": c.error,
            "missed": c.missed,
            "called_safe": c.called_safe,
            "false_alarm": c.false_alarm,
            "failure_probability": self.failure_probability,
        }
        return {
            "output": self.output,
            "target": self.target,
            "reached": self.reached,
            "proven": self.proven,
            "self_assessed": self.self_assessed,
            **{name: estimate.to_dict() for name, estimate in bounds.items()},
            "n_audit": c.n,
        }


def certainty(
    output: str, audits: Sequence[Audit], certificate: Certificate, p_fail: Floats, *, target: float
) -> Certainty:
    """Sum up what is known of an output; `p_fail` of shape (m,) over the operational volume."""
    limit = conformal_limit(audits, target=target)
    left = float(undecided(p_fail, limit).mean())
    share = float((p_fail > 0.5).mean())
    proven = certificate.failure_share
    low, high = proven.low or 0.0, 1.0 if proven.high is None else proven.high
    return Certainty(
        output=output,
        target=target,
        certificate=certificate,
        undecided=Estimate(left, n=len(audits)),
        self_assessed=float(np.maximum(p_fail, 1.0 - p_fail).mean()) if len(p_fail) else 0.5,
        failure_probability=Estimate(
            min(max(share, low), high), low, high, certificate.level, certificate.n
        ),
    )
