"""Real tables, split in time's stead by a shift of their rows: what the recorded estimates are of.

Each table is split at random into rows a model is trained on, a reference and a pool. Windows are
drawn from the pool with weights exp(strength * z), strength 0.5 to 1.5 and z the normal score of the
row's rank along a random direction of the standardised features: other rows, and of each row the
same label as ever (covariate shift). No row is twice in a window.

`python shifted_tables.py shifted_tables.npz` trains the models and writes what they said. It is the
first of the two steps that record; `record_nannyml.py` is the second.
"""

from __future__ import annotations

import sys
import warnings
import zlib
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd

FILE = Path(__file__).with_name("shifted_tables.npz")
MODELS = ("logistic", "forest", "bayes")
WINDOWS, ROWS = 12, 400
STEP = 10_000
"""Probabilities are kept as whole numbers of 1 / STEP."""


def _bundled(name: str) -> tuple[pd.DataFrame, Any]:
    from sklearn import datasets

    table = getattr(datasets, f"load_{name}")(as_frame=True)
    return table.data, table.target


def _river(name: str, most: int = 6_000) -> tuple[pd.DataFrame, Any]:
    from river import datasets

    rows = list(getattr(datasets, name)())
    chosen = np.random.default_rng(0).permutation(len(rows))[:most]
    labels = np.array([rows[i][1] for i in chosen])
    return pd.DataFrame([rows[i][0] for i in chosen]).astype(float), labels


def _binary(name: str) -> tuple[pd.DataFrame, Any]:
    if name in {"Bananas", "Phishing"}:
        frame, y = _river(name)
        return frame, y.astype(int)
    if name == "ImageSegments":
        frame, y = _river(name)
        return frame, np.isin(y, ["window", "foliage", "cement"]).astype(int)
    if name == "Shuttle":
        frame, y = _river(name)
        return frame, (y.astype(int) != 1).astype(int)
    frame, y = _bundled(name)
    if name == "digits":
        return frame, (y >= 5).astype(int).to_numpy()
    if name == "diabetes":
        return frame, (y > y.median()).astype(int).to_numpy()
    return frame, y.to_numpy()


TABLES = ("breast_cancer", "diabetes", "digits", "Phishing", "Bananas", "ImageSegments", "Shuttle")


def table(name: str) -> tuple[pd.DataFrame, Any]:
    """Give features and labels (0, 1) of a table that ships with scikit-learn or river."""
    frame, y = _binary(name)
    return frame.reset_index(drop=True).set_axis(
        [f"x{i}" for i in range(frame.shape[1])], axis=1
    ), y


def digest(frame: pd.DataFrame, y: Any) -> int:
    """Give a number that tells whether the table is the one that was recorded."""
    numbers = np.ascontiguousarray(np.column_stack([frame.to_numpy(dtype=float), y]))
    return zlib.crc32(numbers.round(6).tobytes())


def parts(name: str) -> dict[str, Any]:
    """Split a table, and draw its windows: the rows of each part."""
    frame, y = table(name)
    rng = np.random.default_rng([2026, zlib.crc32(name.encode())])
    train, reference, pool = np.array_split(rng.permutation(len(y)), 3)
    z = ((frame - frame.mean()) / frame.std().replace(0, 1)).to_numpy()[pool]
    size = min(ROWS, len(pool) // 3)
    windows = np.empty((WINDOWS, size), dtype=np.uint16)
    for at in range(WINDOWS):
        direction = rng.normal(size=z.shape[1])
        along = z @ (direction / np.linalg.norm(direction))
        rank = (np.argsort(np.argsort(along)) + 0.5) / len(pool)
        weight = np.exp(rng.uniform(0.5, 1.5) * np.vectorize(NormalDist().inv_cdf)(rank))
        windows[at] = rng.choice(pool, size=size, replace=False, p=weight / weight.sum())
    return {"train": train, "reference": reference.astype(np.uint16), "windows": windows}


def _model(name: str) -> Any:
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return {
        "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1_000)),
        "forest": RandomForestClassifier(200, min_samples_leaf=3, random_state=0),
        "bayes": GaussianNB(var_smoothing=1e-3),
    }[name]


def record(path: Path) -> None:
    """Train the models and write labels, probabilities and rows of every table."""
    kept: dict[str, Any] = {}
    for name in TABLES:
        frame, y = table(name)
        split = parts(name)
        kept[f"{name}.y"] = y.astype(np.uint8)
        kept[f"{name}.digest"] = np.array(digest(frame, y))
        kept[f"{name}.reference"], kept[f"{name}.windows"] = split["reference"], split["windows"]
        for model in MODELS:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                learned = _model(model).fit(frame.iloc[split["train"]], y[split["train"]])
            chance = learned.predict_proba(frame)[:, 1]
            chance[split["train"]] = 0  # not needed, and so takes no room
            kept[f"{name}.{model}"] = np.rint(chance * STEP).astype(np.uint16)
    np.savez_compressed(path, allow_pickle=False, **kept)


if __name__ == "__main__":
    record(Path(sys.argv[1]) if len(sys.argv) > 1 else FILE)
