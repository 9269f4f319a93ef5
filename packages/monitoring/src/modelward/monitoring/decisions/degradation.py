"""Which models of a fleet perform worse than on their reference, with few false alarms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

from modelward.core.errors import DataError
from modelward.core.metrics import Estimate
from modelward.monitoring.decisions.multiplicity import benjamini_hochberg
from modelward.monitoring.fleet.records import Performance

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Degradation:
    """The decision on one model's performance.

    `p_value` is that of 'no worse than the reference', one-sided; `q_value` the smallest rate of
    false alarms over the fleet at which it is an alarm. Both are None, and `cannot_say` the reason,
    where it could not be judged. `rule` says what made the alarm.
    """

    p_value: float | None
    q_value: float | None
    degraded: bool
    words: str
    rule: str = ""
    cannot_say: str = ""


def degradation(
    performances: Mapping[str, Performance],
    *,
    q: float = 0.05,
    smallest_loss: float = 0.05,
) -> dict[str, Degradation]:
    """Judge the performance of all models together.

    A model has degraded when it is worse than its baseline by more than chance and by enough to
    matter: its q-value (Benjamini-Hochberg over all models judged) is at most `q`, and it lost at
    least the share `smallest_loss` of the baseline. Where there are labels the realised value is
    judged, else the estimated one; of that the words say so, because no estimate without labels sees
    a change of what the labels mean.

    The p-value is that of a normal test of the difference, the standard errors taken from the sides
    of the two intervals that face each other. A value without an interval is not judged. Raises
    `DataError` for q outside (0, 1) and a negative smallest loss.

    >>> before = Estimate(0.90, low=0.88, high=0.92, level=0.95, n=900)
    >>> after = Estimate(0.70, low=0.65, high=0.75, level=0.95, n=300)
    >>> found = degradation({"fraud": Performance("accuracy", baseline=before, realised=after)})
    >>> found["fraud"].degraded, found["fraud"].words
    (True, 'accuracy 0.9 to 0.7')
    """
    if not 0 < q < 1 or smallest_loss < 0:
        raise DataError(
            f"expected 0 < q < 1 and smallest_loss >= 0, got q={q}, smallest_loss={smallest_loss}"
        )
    p_values = {name: _p_value(p) for name, p in performances.items()}
    judged = {name: value for name, value in p_values.items() if isinstance(value, float)}
    weighed = [
        value if _matters(performances[name], smallest_loss) else 1.0
        for name, value in judged.items()
    ]
    q_values = dict(zip(judged, benjamini_hochberg(weighed).tolist(), strict=True))
    rule = (
        f"benjamini_hochberg q <= {q:g} over {len(judged)} models and a loss of at least "
        f"{smallest_loss:.0%} of the baseline"
    )
    decided = {}
    for name, p_value in p_values.items():
        words = _words(performances[name])
        if isinstance(p_value, str):
            decided[name] = Degradation(None, None, False, words, cannot_say=p_value)
        else:
            alarm = q_values[name] <= q
            decided[name] = Degradation(
                p_value, q_values[name], alarm, words, rule=rule if alarm else ""
            )
    return decided


def _p_value(performance: Performance) -> float | str:
    before, after = performance.baseline, performance.value
    if before is None or after is None:
        return "no baseline" if before is None else "no value"
    # The sides that face each other when the value is worse than the baseline.
    falling = performance.higher_is_better
    errors = _error(before, below=falling), _error(after, below=not falling)
    if errors[0] is None or errors[1] is None:
        return "a value without an interval"
    gap = before.value - after.value if falling else after.value - before.value
    spread = math.hypot(errors[0], errors[1])
    if spread == 0:
        return 0.0 if gap > 0 else 1.0
    return 1 - _NORMAL.cdf(gap / spread)


def _error(estimate: Estimate, *, below: bool) -> float | None:
    if estimate.low is None or estimate.high is None or estimate.level is None:
        return None
    side = estimate.value - estimate.low if below else estimate.high - estimate.value
    if not math.isfinite(side):
        return None
    return max(0.0, side) / _NORMAL.inv_cdf((1 + estimate.level) / 2)


def _matters(performance: Performance, smallest_loss: float) -> bool:
    lost, before = performance.lost, performance.baseline
    if lost is None or before is None:
        return False
    return lost > 0 and lost >= smallest_loss * abs(before.value)


def _words(performance: Performance) -> str:
    before, after = performance.baseline, performance.value
    if before is None or after is None:
        return ""
    how = "" if performance.realised is not None else "estimated "
    return f"{how}{performance.metric} {before.value:.3g} to {after.value:.3g}"
