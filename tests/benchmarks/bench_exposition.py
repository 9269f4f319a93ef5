"""Prometheus text of many series: Exposition against prometheus-client, on the same series.

Every value is changed before each render; both sides are timed in turn, in one process, and the
figures are medians. Setting the new values is timed apart, because prometheus-client is set one
series at a time.
"""

from __future__ import annotations

import json
import os
import statistics
import time

import numpy as np
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from modelward.core.metrics import Exposition

SHORT = os.environ.get("MODELWARD_BENCH") == "short"
MODELS, FAMILIES, REPEATS = (500, 4, 2) if SHORT else (10_000, 20, 7)


def numbers(text: bytes) -> dict[str, float]:
    """The value of each series, by its name and labels (1e-05 may be written 1e-5)."""
    lines = (line.rsplit(" ", 1) for line in text.decode().splitlines() if line[0] != "#")
    return {name: float(value) for name, value in lines}


def main() -> None:
    models = [f"model-{i:05d}" for i in range(MODELS)]
    names = [f"fleet_figure_{k}_ratio" for k in range(FAMILIES)]
    registry = CollectorRegistry()
    gauges = [Gauge(name, "A figure.", ["model"], registry=registry) for name in names]
    theirs = [[gauge.labels(model) for model in models] for gauge in gauges]

    start = time.perf_counter()
    exposition = Exposition()
    ours = [exposition.gauge(name, "A figure.", labels=["model"]) for name in names]
    for family in ours:
        family.add([(model,) for model in models], 0.0)
    declared = time.perf_counter() - start

    times: dict[str, list[float]] = {"set": [], "render": [], "client set": [], "client render": []}
    rng = np.random.default_rng(0)
    for _ in range(REPEATS):
        values = rng.normal(size=(FAMILIES, MODELS))
        start = time.perf_counter()
        for family, row in zip(ours, values, strict=True):
            family.set(row)
        times["set"].append(time.perf_counter() - start)
        start = time.perf_counter()
        text = exposition.render()
        times["render"].append(time.perf_counter() - start)
        start = time.perf_counter()
        for children, row in zip(theirs, values.tolist(), strict=True):
            for child, value in zip(children, row, strict=True):
                child.set(value)
        times["client set"].append(time.perf_counter() - start)
        start = time.perf_counter()
        peer = generate_latest(registry)
        times["client render"].append(time.perf_counter() - start)
    assert numbers(text) == numbers(peer), "both must write the same series and values"
    median = {name: statistics.median(found) for name, found in times.items()}
    figures = {
        "series": MODELS * FAMILIES,
        "bytes": len(text),
        "render, s": median["render"],
        "prometheus-client render, s": median["client render"],
        "render, times as fast": median["client render"] / median["render"],
        "set all values, s": median["set"],
        "prometheus-client set all values, s": median["client set"],
        "declare and add all series once, s": declared,
    }
    print(json.dumps({k: round(v, 5) if isinstance(v, float) else v for k, v in figures.items()}))


if __name__ == "__main__":
    main()
