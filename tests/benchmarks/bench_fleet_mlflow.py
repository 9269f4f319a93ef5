"""A thousand registered models of MLflow taken into the catalogue, and again with nothing new.

Each has a version, and a tenth a logged reference. Seconds of the wall, and of the processor.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from modelward.monitoring import Sketch
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.outputs.mlflow import asked, log_reference

MODELS = 20 if os.environ.get("MODELWARD_BENCH") == "short" else 1_000


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Give the seconds of the wall, those of the processor, and what came of it."""
    wall, processor = time.perf_counter(), time.process_time()
    found = work()
    return time.perf_counter() - wall, time.process_time() - processor, found


def register(folder: Path, uri: str) -> None:
    values = np.random.default_rng(2).normal(size=(1_000, 20))
    frame = pd.DataFrame(values, columns=[f"f{i:02d}" for i in range(20)])
    reference = Sketch.fit(frame, cells=32)
    with asked(uri) as client:
        experiment = client.create_experiment("all", (folder / "artifacts").as_uri())
        for i in range(MODELS):
            run = client.create_run(experiment).info.run_id
            client.create_registered_model(f"model-{i:04d}", tags={"owner": "me", "traffic": "10"})
            client.create_model_version(f"model-{i:04d}", f"runs:/{run}/model", run)
            if i % 10 == 0:
                log_reference(run, reference, tracking_uri=uri)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        register(folder, uri)
        with Fleet(f"sqlite:///{folder / 'catalogue.db'}") as fleet:
            first, work, report = timed(lambda: fleet.sync_mlflow(tracking_uri=uri))
            again, _, _ = timed(lambda: fleet.sync_mlflow(tracking_uri=uri))
            if len(fleet.models()) != MODELS:
                raise SystemExit(f"{len(fleet.models())} models of {MODELS} came")
    print(
        json.dumps(
            {
                "registered models": MODELS,
                "references fetched": len(report.references),
                "synchronised, s": round(first, 2),
                "synchronised, s of the processor": round(work, 2),
                "again, nothing new, s": round(again, 2),
            }
        )
    )


if __name__ == "__main__":
    main()
