"""How many points are audited, and the verdict on each that is fixed before its result is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from modelward.validation.domain import Floats, Output
from modelward.validation.panel import MIXTURE
from modelward.validation.runs import ANY, Run
from modelward.validation.settings import StudySettings


def judged(run: Run, p_volume: Mapping[str, Floats]) -> Run:
    """Fix what the surrogates say of an audit point, and the share of the space they call failing.

    A verdict made later could have learnt from where the point lies.
    """
    verdicts = {name: run.forecasts[name][MIXTURE] > 0.5 for name in p_volume}
    failing = {name: p > 0.5 for name, p in p_volume.items()}
    shares = {name: float(f.mean()) for name, f in failing.items()}
    verdicts[ANY] = any(verdicts.values())
    shares[ANY] = float(np.any(list(failing.values()), axis=0).mean())
    return replace(run, verdicts=verdicts, shares=shares)


def audit_share(
    settings: StudySettings,
    outputs: Sequence[Output],
    p_volume: Mapping[str, Floats],
    *,
    proven: Callable[[], bool],
) -> float:
    """Audit more once the surrogates are sure themselves: what is left is to prove it.

    The share depends on the past alone, so each audit point is still an independent draw.
    """
    share, sure = settings.audit, settings.audit_when_sure
    if not 0 < share < sure:
        return share
    doubts = [
        float(np.minimum(p, 1.0 - p).mean()) <= 0.5 * (1.0 - o.certainty_target)
        for o, p in zip(outputs, p_volume.values(), strict=True)
    ]
    return sure if all(doubts) and not proven() else share
