"""From the order of a retraining to the user's training function at work, and to the champion's gate.

A thousand labelled requests in a SQLite store, a scikit-learn model, a registry on MLflow's SQLite
store. The floor is a bare Python process that only reads the same rows and function back, with the
imports this needs (pandas, scikit-learn). Each is a median over fresh processes, in turn.
"""

from __future__ import annotations

import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sqlalchemy import insert

from modelward.adaptive_pipeline import LastN, Registry, Retrainer, Signal, Store
from modelward.adaptive_pipeline.losses import zero_one
from modelward.adaptive_pipeline.retrainer import windows
from modelward.adaptive_pipeline.store import schema

REPEATS = 3 if os.environ.get("MODELWARD_BENCH") == "short" else 11
ROWS = 1_000
SIGNAL = Signal(trigger="bench", reason="to see how long it takes")
BARE = "import pickle, sys, time; pickle.load(open(sys.argv[1], 'rb')); print(time.time())"


def fill(store: Store) -> None:
    x = np.random.default_rng(0).normal(size=(ROWS, 8))
    made = [
        {
            "request_id": f"r{seq}",
            "at": float(seq),
            "row": {f"x{column}": float(v) for column, v in enumerate(row)},
            "version": "1",
            "prediction": 0,
        }
        for seq, row in enumerate(x, start=1)
    ]
    joins = [
        {"seq": seq, "revision": 0, "label": int(row[0] > 0), "at": 0.0, "late": False}
        for seq, row in enumerate(x, start=1)
    ]
    with store.transaction() as tx:
        tx.execute(insert(schema.predictions), made)
        tx.execute(insert(schema.joined), joins)


def floor(path: Path) -> float:
    begun = time.time()
    done = subprocess.run(
        [sys.executable, "-c", BARE, str(path)], check=True, capture_output=True, text=True
    )
    return float(done.stdout) - begun


def main() -> None:
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        store = Store(f"sqlite:///{folder / 'pipeline.db'}")
        fill(store)
        registry = Registry(name="bench", tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
        begun = folder / "begun"

        def train(data: Any, context: Any) -> Any:
            begun.write_text(repr(time.time()))
            return LogisticRegression().fit(data.X, data.y)

        first = LogisticRegression().fit(
            pd.DataFrame({f"x{column}": [0.0, 1.0] for column in range(8)}), [0, 1]
        )
        champion = registry.load(
            registry.register(
                first, alias="champion", columns=[f"x{column}" for column in range(8)]
            ).version
        )
        window = LastN(n=ROWS)
        retrainer = Retrainer(store, registry, train=train, loss=zero_one, window=window)
        rows = folder / "rows"
        rows.write_bytes(cloudpickle.dumps((windows.load(store, window, SIGNAL)[0], train)))
        floor(rows)  # byte code is compiled once
        starts, floors, wholes, gates = [], [], [], []
        for repeat in range(REPEATS):
            floors.append(floor(rows))
            ordered = time.time()
            trained = retrainer.train(SIGNAL, "1", order=f"order {repeat}")
            done = time.time()
            starts.append(float(begun.read_text()) - ordered)
            wholes.append(done - ordered)
            assert retrainer.gate(trained, champion).version is not None
            gates.append(time.time() - done)
        store.close()
    middle = statistics.median
    figures = {
        "order to training function, s": round(middle(starts), 3),
        "order to training function, worst, s": round(max(starts), 3),
        "a bare process with the same rows and function, s": round(middle(floors), 3),
        "order to training function / bare process": round(middle(starts) / middle(floors), 2),
        "order to registered version, s": round(middle(wholes), 3),
        "gate, s": round(middle(gates), 3),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
