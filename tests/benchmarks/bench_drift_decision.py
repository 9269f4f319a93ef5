"""One drift decision on a wide window: a kept reference against Evidently's DataDriftPreset, same frames.

50,000 rows of 16 numbers and 4 categories against 50,000 others. Each side runs in a process of its
own, one thread, after a warm-up; times are of the processor, because other work on the machine does
not lengthen them, and the least of some repeats, for the same reason. Our reference is sketched once,
which is told apart: it is kept and used again. Memory is the peak of the process above that of one that holds the same frames and imports pandas alone.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

SHORT = os.environ.get("MODELWARD_BENCH") == "short"
ROWS = 5_000 if SHORT else 50_000
REPEATS = 1 if SHORT else 5


def frames() -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(0)

    def table(shift: float) -> pd.DataFrame:
        frame = pd.DataFrame(rng.normal(size=(ROWS, 16)), columns=[f"n{i:02d}" for i in range(16)])
        frame["n00"] += shift
        for i in range(4):
            frame[f"c{i}"] = rng.choice([f"v{j}" for j in range(8)], ROWS)
        return frame

    return table(0.0), table(0.3)


def spent(work: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Give the least seconds of the processor, and what came of the last."""
    used = []
    found = work()
    for _ in range(repeats):
        start = time.process_time()
        found = work()
        used.append(time.process_time() - start)
    return min(used), found


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def floor() -> dict[str, Any]:
    before, after = frames()
    total, _ = spent(lambda: after.iloc[:, :16].to_numpy().sum() + before.iloc[0, 0], REPEATS)
    return {"decision": total, "peak": peak()}


def ours() -> dict[str, Any]:
    import modelward.monitoring as mon

    before, after = frames()
    reference = mon.Sketch.fit(before)
    decision, found = spent(
        lambda: mon.compare(reference, reference.empty().add(after)), 10 * REPEATS
    )
    high = peak()
    fit, _ = spent(lambda: mon.Sketch.fit(before), REPEATS)
    return {"decision": decision, "fit": fit, "drifted": list(found.shifted), "peak": high}


def evidently() -> dict[str, Any]:
    warnings.simplefilter("ignore")
    os.environ["DO_NOT_TRACK"] = "1"
    from evidently import Report
    from evidently.presets import DataDriftPreset

    before, after = frames()
    decision, found = spent(
        lambda: Report([DataDriftPreset()]).run(current_data=after, reference_data=before), REPEATS
    )
    count = found.dict()["metrics"][0]["value"]["count"]
    return {"decision": decision, "drifted": count, "peak": peak()}


SIDES = {"floor": floor, "ours": ours, "evidently": evidently}


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(SIDES[sys.argv[1]]()))
        return
    single = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    found: dict[str, Any] = {}
    for side in SIDES:
        done = subprocess.run(
            [sys.executable, __file__, side],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | single,
        )
        found[side] = json.loads(done.stdout.splitlines()[-1])
    mine, theirs, base = found["ours"], found["evidently"], found["floor"]
    print(
        json.dumps(
            {
                "rows": ROWS,
                "columns": 20,
                "decision, ms": 1e3 * mine["decision"],
                "reference sketched once, ms": 1e3 * mine["fit"],
                "Evidently DataDriftPreset, ms": 1e3 * theirs["decision"],
                "times as fast as Evidently": theirs["decision"] / mine["decision"],
                "reading the numbers once, ms": 1e3 * base["decision"],
                "peak memory, MB": mine["peak"],
                "peak memory of Evidently, MB": theirs["peak"],
                "memory, of Evidently's": mine["peak"] / theirs["peak"],
                "above the frames, MB": mine["peak"] - base["peak"],
                "above the frames, Evidently, MB": theirs["peak"] - base["peak"],
                "drifted, ours": len(mine["drifted"]),
                "drifted, Evidently": theirs["drifted"],
            }
        )
    )


if __name__ == "__main__":
    main()
