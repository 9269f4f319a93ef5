"""From a change to its answer: labels until a better model serves, and seconds until training begins.

A sine whose phase jumps by one, with noise 0.1 and labels 30 seconds late on average, is lived through
on a virtual clock. Beside it: how long it takes from the call that brings the deciding label to the
first line of the training function, in this process, with nothing mocked but the registry.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from typing import Any

from modelward.adaptive_pipeline import AdaptivePipeline, Inline, Performance, SinceDrift, Store
from modelward.adaptive_pipeline.simulator.rehearsal import rehearse
from modelward.adaptive_pipeline.testing import MemoryRegistry, Threshold, World, learn

SHORT = os.environ.get("MODELWARD_BENCH") == "short"


def labels_to_promotion(seeds: int) -> list[int]:
    """Give, for each change of each seed, the requests from onset to promotion."""
    found = []
    for seed in range(seeds):
        result = rehearse(n=1_200, changes=1, seed=seed)
        found += [10**6 if each.requests is None else each.requests for each in result.recoveries]
    return found


def label_to_training() -> tuple[float, float]:
    """Give the seconds of the deciding `label` call until training begins, and of a usual one."""
    begun: list[float] = []

    def train(data: Any, context: Any) -> Any:
        begun.append(time.perf_counter())
        return learn(data, context)

    memory = MemoryRegistry()
    memory.register(Threshold(0.5), alias="champion", columns=["x"])
    pipeline = AdaptivePipeline(
        store=Store("sqlite://"),
        registry=memory,
        train=train,
        triggers=[Performance(reference=150)],
        window=SinceDrift(minimum=80),
        executor=Inline(),
        clock=lambda: 0.0,
    )
    world, usual = World(shift=300, n=700), []
    for row in range(world.n):
        pipeline.predict({"x": float(world.x[row])}, f"r{row}")
        if row < world.delay:
            continue
        arrived = time.perf_counter()
        pipeline.label(f"r{row - world.delay}", int(world.y[row - world.delay]))
        if begun:
            return begun[0] - arrived, statistics.median(usual)
        usual.append(time.perf_counter() - arrived)
    raise SystemExit("no retraining began")


def main() -> None:
    found = labels_to_promotion(2 if SHORT else 20)
    starts, usual = zip(*(label_to_training() for _ in range(1 if SHORT else 5)), strict=True)
    figures = {
        "changes": len(found),
        "requests_from_change_to_promotion_median": statistics.median(found),
        "requests_from_change_to_promotion_most": max(found),
        "label_to_training_seconds": statistics.median(starts),
        "label_that_decides_nothing_seconds": statistics.median(usual),
    }
    print(json.dumps({name: round(value, 5) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
