"""A fleet of ten thousand models in its database: recording, judging, the table; and MLflow's registry.

Each model has 20 numeric features; its windows come as sketches of 1,000 rows (recording) and as
Parquet files of 50,000 rows (from files). Times are of the wall, models per minute. The floor beside
the files is reading them alone, with pyarrow. The registry holds 1,000 models, each with a version
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

from modelward.monitoring import Sketch
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.fleet.records import Model, Window

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
    assess, result = timed(lambda: fleet.assess(DAY))
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
        "assessed from kept sketches, models/min": round(60 * MODELS / assess),
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
    found: dict[str, float] = {}
    for part in (in_the_store, from_files, from_mlflow):
        with tempfile.TemporaryDirectory() as folder:
            found |= part(Path(folder))
    found["peak memory, MB"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
