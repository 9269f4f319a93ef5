"""A fleet of ten thousand models: recorded, decided in memory, assessed in its database, shown.

Each model has 20 numeric features; its windows come as sketches of 1,000 rows. `decided` is the
decision over all features of all models as one list, on sketches in memory: read from their bytes, or
just made; `read and decided` adds the reading; `assessed` is all of it: from the database to incidents
and stored decisions. Models per minute of one core, by the time of the processor, because other work
on the machine does not lengthen it; of the wall where it is said.
"""

from __future__ import annotations

import json
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from modelward.monitoring import Sketch, assess
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.fleet.records import Model, Window
from modelward.monitoring.fleet.store.binary import Reader
from modelward.monitoring.fleet.store.packing import pack_sketch

SHORT = os.environ.get("MODELWARD_BENCH") == "short"
MODELS = 200 if SHORT else 10_000
FEATURES, ROWS, DISTINCT = 20, 1_000, 50
DAY = Window.of("2026-03-01", hours=24)


def table(rng: np.random.Generator, rows: int, shift: float = 0.0) -> pd.DataFrame:
    values = rng.normal(size=(rows, FEATURES))
    values[:, :2] += shift
    return pd.DataFrame(values, columns=[f"f{i:02d}" for i in range(FEATURES)])


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    found = work()
    return time.perf_counter() - start, found


def spent(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Give the seconds of the processor, those of the wall, and what came of it."""
    start = time.process_time()
    wall, found = timed(work)
    return time.process_time() - start, wall, found


def on_kept_sketches() -> dict[str, float]:
    rng = np.random.default_rng(0)
    reference = Sketch.fit(table(rng, 5_000), cells=32)
    windows = [
        reference.empty().add(table(rng, ROWS, 0.4 if i == 0 else 0.0)) for i in range(DISTINCT)
    ]
    kept = pack_sketch(reference), [pack_sketch(window) for window in windows]

    def read() -> dict[str, tuple[Sketch, Sketch]]:
        found = {}
        for i in range(MODELS):
            reader = Reader()
            found[f"model-{i:05d}"] = reader.read(kept[0]), reader.read(kept[1][i % DISTINCT])
        return found

    read_first, _, fleet = spent(read)  # every model with arrays of its own
    decide, _, decided = spent(lambda: assess(fleet).alarmed)
    made = {f"model-{i:05d}": (reference, windows[i % DISTINCT]) for i in range(MODELS)}
    decide_made, _, again = spent(lambda: assess(made).alarmed)
    if decided != again:
        raise SystemExit("the same sketches gave different decisions")
    return {
        "decided in memory, models/min of one core": round(60 * MODELS / decide),
        "decided on sketches just made, models/min of one core": round(60 * MODELS / decide_made),
        "read and decided, models/min of one core": round(60 * MODELS / (read_first + decide)),
    }


def in_the_store(folder: Path) -> dict[str, float]:
    rng = np.random.default_rng(0)
    reference = Sketch.fit(table(rng, 5_000), cells=32)
    windows = [
        reference.empty().add(table(rng, ROWS, 0.4 if i == 0 else 0.0)) for i in range(DISTINCT)
    ]
    names = [f"group-{i % 40}/model-{i:05d}" for i in range(MODELS)]
    fleet = Fleet(f"sqlite:///{folder / 'fleet.db'}", now=lambda: DAY.end)
    add, _, _ = spent(
        lambda: fleet.add_many(
            (Model(name, group=name.partition("/")[0], traffic=float(i)), reference)
            for i, name in enumerate(names)
        )
    )
    record, _, _ = spent(
        lambda: fleet.record_many((n, DAY, windows[i % DISTINCT]) for i, n in enumerate(names))
    )
    assess_spent, assess, result = spent(lambda: fleet.assess(DAY))
    pages = [timed(lambda k=k: fleet.statuses(offset=100 * k))[0] for k in range(20)]
    search, _ = timed(lambda: fleet.statuses(search="model-0099", sort="largest_change"))
    summary, _ = timed(fleet.summary)
    history, _ = timed(lambda: fleet.drift(names[0]))
    size = sum(path.stat().st_size for path in folder.glob("fleet.db*"))
    fleet.close()
    return {
        "models": MODELS,
        "added, models/min of one core": round(60 * MODELS / add),
        "recorded, models/min of one core": round(60 * MODELS / record),
        "assessed in the database, models/min of one core": round(60 * MODELS / assess_spent),
        "assessed in the database, models/min of the wall": round(60 * MODELS / assess),
        "alarmed": len(result.alarmed),
        "one page of the table, ms (median)": round(1e3 * float(np.median(pages)), 2),
        "one search, ms": round(1e3 * search, 2),
        "summary, ms": round(1e3 * summary, 2),
        "one stored decision, ms": round(1e3 * history, 2),
        "database, kB/model": round(size / 1e3 / MODELS, 1),
    }


def main() -> None:
    found: dict[str, float] = on_kept_sketches()
    with tempfile.TemporaryDirectory() as folder:
        found |= in_the_store(Path(folder))
    found["peak memory, MB"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
