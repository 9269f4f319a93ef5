"""A fleet's windows from Parquet files of 50,000 rows x 20 columns: sketched on the reference and recorded.

Models per minute of one core, by the time of the processor, because other work on the machine does
not lengthen it; beside it the wall, with two processes. The floor is to read the same files alone, with
pyarrow. Six files are made, and copied for the other models: each is read and sketched by itself.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet

from modelward.monitoring import Sketch
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.fleet.records import Model, Window

SHORT = os.environ.get("MODELWARD_BENCH") == "short"
FILES, ROWS, DISTINCT = (4, 5_000, 2) if SHORT else (60, 50_000, 6)
FEATURES = 20
DAYS = [Window.of(f"2026-03-{day:02d}", hours=24) for day in (1, 2, 3)]


def table(rng: np.random.Generator) -> pd.DataFrame:
    values = rng.standard_normal(size=(ROWS, FEATURES), dtype=np.float32)
    return pd.DataFrame(values, columns=[f"f{i:02d}" for i in range(FEATURES)])


def spent(work: Callable[[], Any]) -> tuple[float, float]:
    """Give the seconds of the processor, and those of the wall."""
    processor, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - processor, time.perf_counter() - wall


def main() -> None:
    rng = np.random.default_rng(1)
    reference = Sketch.fit(table(rng))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {f"m{i}": folder / f"m{i}.parquet" for i in range(FILES)}
        for i, path in enumerate(files.values()):
            if i < DISTINCT:
                table(rng).to_parquet(path, compression="zstd")
            else:
                shutil.copy(folder / f"m{i % DISTINCT}.parquet", path)
        with Fleet(f"sqlite:///{folder / 'fleet.db'}", now=lambda: DAYS[-1].end) as fleet:
            fleet.add_many((Model(name), reference) for name in files)
            some = dict(list(files.items())[:4])
            fleet.record_files(some, DAYS[0], jobs=2)  # starts the workers
            one, _ = spent(lambda: fleet.record_files(files, DAYS[1], jobs=1))
            _, two = spent(lambda: fleet.record_files(files, DAYS[2], jobs=2))
        floor, _ = spent(
            lambda: [pyarrow.parquet.read_table(path, use_threads=False) for path in files.values()]
        )
    print(
        json.dumps(
            {
                "files": FILES,
                "rows": ROWS,
                "columns": FEATURES,
                "recorded, models/min of one core": round(60 * FILES / one),
                "reading alone, models/min of one core": round(60 * FILES / floor),
                "of reading alone": round(floor / one, 3),
                "recorded, models/min of the wall, two processes": round(60 * FILES / two),
            }
        )
    )


if __name__ == "__main__":
    main()
