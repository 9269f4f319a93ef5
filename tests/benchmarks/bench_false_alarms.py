"""False alarms over a fleet of a thousand models, fifty of them drifted, by rule; and as time goes on.

1,000 models of 20 normal features, 1,000 rows a window against 5,000 of reference; fifty models have two
features moved by a quarter of a standard deviation, a hundred changes in all. A second fleet is the
same with rows that hang together (AR(1), rho = 0.5). At last a healthy fleet is looked at a hundred
times, as one does hourly: the share of looks with any alarm, and whether it was ever alarmed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy.signal import lfilter

import modelward.monitoring as mon

SHORT = os.environ.get("MODELWARD_BENCH") == "short"
MODELS, DRIFTED = (40, 2) if SHORT else (1_000, 50)
LOOKS, WATCHED = (5, 3) if SHORT else (100, 20)
FEATURES, REFERENCE, ROWS, SHIFT = 20, 5_000, 1_000, 0.25
NAMES = [f"f{i:02d}" for i in range(FEATURES)]


def rows(rng: np.random.Generator, n: int, rho: float = 0.0, shift: float = 0.0) -> pd.DataFrame:
    values = rng.normal(size=(n + 50, FEATURES))
    if rho:
        values = lfilter([1.0], [1.0, -rho], values * np.sqrt(1 - rho**2), axis=0)
    frame = pd.DataFrame(values[50:], columns=NAMES)
    frame[NAMES[:2]] += shift
    return frame


def judged(alarms: Iterable[tuple[str, str]]) -> dict[str, float]:
    """Hold alarms of (model, feature) beside the truth."""
    told = list(alarms)
    true = sum(int(model) < DRIFTED and feature in NAMES[:2] for model, feature in told)
    return {
        "alarms": len(told),
        "false, %": 100 * (len(told) - true) / max(len(told), 1),
        "found, %": 100 * true / (2 * DRIFTED),
    }


def of_result(result: mon.FleetResult) -> list[tuple[str, str]]:
    return [(each.model, feature) for each in result for feature in each.shifted]


def independent() -> dict[str, dict[str, float]]:
    rng = np.random.default_rng(1)
    fleet = {}
    for model in range(MODELS):
        reference = mon.Sketch.fit(rows(rng, REFERENCE))
        window = rows(rng, ROWS, shift=SHIFT if model < DRIFTED else 0.0)
        fleet[str(model)] = (reference, reference.empty().add(window))
    raw, bonferroni, constant = [], [], []
    wasserstein = mon.drift_method("wasserstein")
    for name, (reference, window) in fleet.items():
        for feature in mon.compare(reference, window, smallest_shift=0.0).features:
            p = 1.0 if feature.test.p_value is None else feature.test.p_value
            raw += [(name, feature.feature)] * (p < 0.05)
            bonferroni += [(name, feature.feature)] * (p < 0.05 / FEATURES)
        for column in NAMES:
            far = wasserstein(reference.columns[column], window.columns[column]).value >= 0.1
            constant += [(name, column)] * far
    found = {
        "every p < 0.05": judged(raw),
        "Bonferroni by model": judged(bonferroni),
        "wasserstein >= 0.1": judged(constant),
    }
    for control in ("benjamini_hochberg", "benjamini_yekutieli", "hierarchical"):
        found[control] = judged(of_result(mon.assess(fleet, control=control)))  # type: ignore[arg-type]
    return found


def hanging_together() -> dict[str, dict[str, float]]:
    rng = np.random.default_rng(2)
    plain: dict[str, Any] = {}
    known: dict[str, Any] = {}
    for model in range(MODELS):
        before = rows(rng, REFERENCE, rho=0.5)
        after = rows(rng, ROWS, rho=0.5, shift=SHIFT if model < DRIFTED else 0.0)
        reference = mon.Sketch.fit(before)
        plain[str(model)] = (reference, reference.empty().add(after))
        known[str(model)] = (
            mon.Dependence.autoregressive(before),
            mon.Dependence.autoregressive(after),
        )
    return {
        "rho 0.5, taken as independent": judged(of_result(mon.assess(plain))),
        "rho 0.5, dependence known": judged(of_result(mon.assess(plain, dependence=known))),
    }


def hour_by_hour() -> dict[str, float]:
    rng = np.random.default_rng(3)
    watch = mon.Watch()
    references = {
        str(model): mon.Sketch.fit(rows(rng, 1_000), cells=64) for model in range(WATCHED)
    }
    for name, reference in references.items():
        watch.add(name, reference)
    watched, anew = 0, 0
    for _ in range(LOOKS):
        windows = {
            name: reference.empty().add(rows(rng, 200)) for name, reference in references.items()
        }
        watched += bool(watch.look(windows).alarmed)
        fleet = {name: (references[name], window) for name, window in windows.items()}
        anew += bool(mon.assess(fleet, smallest_shift=0.0).alarmed)
    return {
        "looks": LOOKS,
        "looks with an alarm, each by itself, %": 100 * anew / LOOKS,
        "looks with an alarm, Watch, %": 100 * watched / LOOKS,
    }


def main() -> None:
    found: dict[str, float] = {"models": MODELS, "features": FEATURES, "changes": 2 * DRIFTED}
    for rule, figures in (independent() | hanging_together()).items():
        found |= {f"{rule}: {name}": value for name, value in figures.items()}
    print(json.dumps(found | hour_by_hour()))


if __name__ == "__main__":
    main()
