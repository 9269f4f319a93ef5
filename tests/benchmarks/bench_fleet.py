"""A fleet of ten thousand models: judged in memory and in its database, from files, from MLflow.

Each model has 20 numeric features; its windows come as sketches of 1,000 rows (recording) and as
Parquet files of 50,000 rows (from files). Times are of the wall, models per minute, except where the
processor is named: one core, whatever else is going on. `decided` is the decision over all models
on sketches in memory, `read and decided` the same from their stored bytes, and `assessed` all of it:
reading from the database, deciding, incidents, and storing each decision. The floor beside the files
is reading them alone, with pyarrow. The registry holds 1,000 models, each with a version
and a tenth with a reference; it is synchronised twice, the second time with nothing new.
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
FILES, FILE_ROWS = (4, 5_000) if SHORT else (120, 50_000)
REGISTERED = 20 if SHORT else 1_000
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
    add, _ = timed(
        lambda: fleet.add_many(
            (Model(name, group=name.partition("/")[0], traffic=float(i)), reference)
            for i, name in enumerate(names)
        )
    )
    record, _ = timed(
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
        "added, models/min": round(60 * MODELS / add),
        "recorded, models/min": round(60 * MODELS / record),
        "assessed in the database, models/min": round(60 * MODELS / assess),
        "assessed in the database, models/min of one core": round(60 * MODELS / assess_spent),
        "alarmed": len(result.alarmed),
        "one page of the table, ms (median)": round(1e3 * float(np.median(pages)), 2),
        "one search, ms": round(1e3 * search, 2),
        "summary, ms": round(1e3 * summary, 2),
        "one stored decision, ms": round(1e3 * history, 2),
        "database, kB/model": round(size / 1e3 / MODELS, 1),
    }


def from_files(folder: Path) -> dict[str, float]:
    import pyarrow.parquet

    rng = np.random.default_rng(1)
    frame = table(rng, FILE_ROWS).astype("float32")
    reference = Sketch.fit(frame)
    files = {}
    for i in range(FILES):
        files[f"m{i}"] = folder / f"m{i}.parquet"
        table(rng, FILE_ROWS).astype("float32").to_parquet(files[f"m{i}"], compression="zstd")
    fleet = Fleet(f"sqlite:///{folder / 'files.db'}", now=lambda: DAY.end)
    fleet.add_many((Model(name), reference) for name in files)
    warm = Window.of("2026-02-28", hours=24)
    fleet.record_files({name: files[name] for name in list(files)[:4]}, warm)  # starts the workers
    used, _ = timed(lambda: fleet.record_files(files, DAY))
    floor, _ = timed(lambda: [pyarrow.parquet.read_table(path) for path in files.values()])
    fleet.close()
    return {
        f"from Parquet of {FILE_ROWS} x {FEATURES}, models/min": round(60 * FILES / used),
        "reading alone, models/min": round(60 * FILES / floor),
    }


def from_mlflow(folder: Path) -> dict[str, float]:
    from modelward.monitoring.outputs.mlflow import asked, log_reference

    uri = f"sqlite:///{folder / 'mlflow.db'}"
    reference = Sketch.fit(table(np.random.default_rng(2), 1_000), cells=32)
    with asked(uri) as client:
        experiment = client.create_experiment("all", (folder / "artifacts").as_uri())
        for i in range(REGISTERED):
            run = client.create_run(experiment).info.run_id
            client.create_registered_model(f"model-{i:04d}", tags={"owner": "me", "traffic": "10"})
            client.create_model_version(f"model-{i:04d}", f"runs:/{run}/model", run)
            if i % 10 == 0:
                log_reference(run, reference, tracking_uri=uri)
    fleet = Fleet(f"sqlite:///{folder / 'catalogue.db'}")
    first, report = timed(lambda: fleet.sync_mlflow(tracking_uri=uri))
    again, _ = timed(lambda: fleet.sync_mlflow(tracking_uri=uri))
    fleet.close()
    return {
        "registered models": REGISTERED,
        "synchronised from MLflow, s": round(first, 2),
        "references fetched": len(report.references),
        "again, nothing new, s": round(again, 2),
    }


def main() -> None:
    found: dict[str, float] = on_kept_sketches()
    for part in (in_the_store, from_files, from_mlflow):
        with tempfile.TemporaryDirectory() as folder:
            found |= part(Path(folder))
    found["peak memory, MB"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
