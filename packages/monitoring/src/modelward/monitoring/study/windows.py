"""First experiment: one window against the reference, with a change and without."""

from __future__ import annotations

import time
from typing import Any
from zlib import crc32

import numpy as np

from modelward.monitoring.study.rules import RULES
from modelward.monitoring.study.scenarios import SCENARIOS

REFERENCE_ROWS = 2_000


def window_trial(scenario: str, n: int, seed: int) -> list[dict[str, Any]]:
    """Judge one healthy and one changed window of `n` rows by every rule, on the same rows.

    Gives one row a rule: whether each window alarmed, and the milliseconds of processor time of one judgement.
    """
    found = next(s for s in SCENARIOS if s.name == scenario)
    rng = np.random.default_rng([seed, n, crc32(scenario.encode())])
    reference = found.draw(REFERENCE_ROWS, rng, False)
    healthy, changed = found.draw(n, rng, False), found.draw(n, rng, True)
    rows = []
    for rule in RULES:
        judge = rule.learn(reference, n, seed)
        start = time.process_time()
        alarms = [judge(healthy), judge(changed)]
        used = (time.process_time() - start) / 2
        rows.append(
            {
                "rule": rule.name,
                "false_alarm": alarms[0],
                "found": alarms[1],
                "milliseconds": round(1e3 * used, 3),
            }
        )
    return rows
