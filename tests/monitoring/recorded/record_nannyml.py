"""Record what NannyML says of the same rows: run in an environment of its own (see README.md).

`python record_nannyml.py` reads `shifted_tables.npz`, and takes the rows of the synthetic sets that
ship in NannyML's wheel; it writes `nannyml.npz` (those rows and its estimates of them) and
`nannyml_shifted.json` (its estimates of the shifted tables).
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path
from typing import Any

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"

import nannyml
import numpy as np
import pandas as pd

FOLDER = Path(__file__).parent
STEP = 10_000
REFERENCE, WINDOWS, ROWS = 8_000, 8, 1_000
BINARY = ["accuracy", "precision", "recall", "f1", "roc_auc"]


def estimates(estimator: Any, reference: Any, windows: Any, metrics: list[str]) -> Any:
    """Fit, estimate, and give `(windows, metrics)`."""
    estimator.fit(reference)
    found = estimator.estimate(windows).filter(period="analysis").to_df()
    return np.stack([found[(metric, "value")].to_numpy() for metric in metrics], axis=1)


def thinned(reference: Any, analysis: Any, windows: int, rows: int, keep: int) -> Any:
    """Take every so many-th row of the reference, and the first rows of even stretches after it."""
    first = reference.iloc[:: len(reference) // keep].head(keep)
    step = len(analysis) // windows
    later = pd.concat([analysis.iloc[at * step : at * step + rows] for at in range(windows)])
    return first.reset_index(drop=True), later.reset_index(drop=True)


def binary() -> dict[str, Any]:
    reference, analysis, target = nannyml.load_synthetic_car_loan_dataset()
    analysis = analysis.merge(target, on="id")
    reference, later = thinned(reference, analysis, WINDOWS, ROWS, REFERENCE)
    estimator = nannyml.CBPE(
        y_pred_proba="y_pred_proba",
        y_pred="y_pred",
        y_true="repaid",
        problem_type="classification_binary",
        metrics=BINARY,
        chunk_size=ROWS,
    )
    both = pd.concat([reference, later])
    return {
        "binary.p": np.rint(both["y_pred_proba"] * 100).astype(np.uint8),
        "binary.said": both["y_pred"].astype(np.uint8),
        "binary.y": both["repaid"].astype(np.uint8),
        "binary.nannyml": estimates(estimator, reference, later.drop(columns="repaid"), BINARY),
    }


def employment() -> dict[str, Any]:
    """Real people, real drift: employment in Massachusetts, later years after the reference."""
    reference, analysis, target = nannyml.load_us_census_ma_employment_data()
    analysis = analysis.merge(target, on="id")
    reference, later = thinned(reference, analysis, 10, 500, 5_000)
    both = pd.concat([reference, later])
    p = np.rint(both["predicted_probability"] * STEP)
    kept = {
        "employment.p": p.astype(np.uint16),
        "employment.said": both["prediction"].astype(np.uint8),
        "employment.y": both["employed"].astype(np.uint8),
    }
    estimator = nannyml.CBPE(
        y_pred_proba="predicted_probability",
        y_pred="prediction",
        y_true="employed",
        problem_type="classification_binary",
        metrics=["accuracy", "roc_auc"],
        chunk_size=500,
    )
    found = estimates(estimator, reference, later.drop(columns="employed"), ["accuracy", "roc_auc"])
    return {**kept, "employment.nannyml": found}


def many_classes() -> dict[str, Any]:
    reference, analysis, target = nannyml.load_synthetic_multiclass_classification_dataset()
    analysis = analysis.merge(target, on="id")
    reference, later = thinned(reference, analysis, WINDOWS, ROWS, REFERENCE)
    classes = ["highstreet_card", "prepaid_card", "upmarket_card"]
    estimator = nannyml.CBPE(
        y_pred_proba={name: f"y_pred_proba_{name}" for name in classes},
        y_pred="y_pred",
        y_true="y_true",
        problem_type="classification_multiclass",
        metrics=["accuracy", "f1"],
        chunk_size=ROWS,
    )
    both = pd.concat([reference, later])
    chances = both[[f"y_pred_proba_{name}" for name in classes]].to_numpy()
    code = {name: at for at, name in enumerate(classes)}
    return {
        "many.p": np.rint(chances * 100).astype(np.uint8),
        "many.said": both["y_pred"].map(code).to_numpy().astype(np.uint8),
        "many.y": both["y_true"].map(code).to_numpy().astype(np.uint8),
        "many.nannyml": estimates(
            estimator, reference, later.drop(columns="y_true"), ["accuracy", "f1"]
        ),
    }


def regression() -> dict[str, Any]:
    reference, analysis, target = nannyml.load_synthetic_car_price_dataset()
    analysis = analysis.merge(target, on="id")
    reference, later = thinned(reference, analysis, WINDOWS, 400, 4_000)
    features = ["car_age", "km_driven", "price_new", "accident_count", "door_count"]
    features += ["fuel", "transmission"]
    estimator = nannyml.DLE(
        y_pred="y_pred",
        y_true="y_true",
        feature_column_names=features,
        metrics=["mae", "rmse"],
        chunk_size=400,
    )
    both = pd.concat([reference, later])
    kept: dict[str, Any] = {
        "regression.nannyml": estimates(
            estimator, reference, later.drop(columns="y_true"), ["mae", "rmse"]
        )
    }
    for name in [*features, "y_pred", "y_true"]:
        values = both[name]
        if values.dtype == object:
            kept[f"regression.{name}"] = values.to_numpy().astype("S12")
        else:
            assert (values == values.round()).all()
            kept[f"regression.{name}"] = values.to_numpy().astype(np.int32)
    return kept


def shifted() -> dict[str, Any]:
    found: dict[str, Any] = {}
    with np.load(FOLDER / "shifted_tables.npz", allow_pickle=False) as file:
        kept = {name: file[name] for name in file.files}
    for key, value in kept.items():
        name, model = key.split(".")
        if model in {"y", "digest", "reference", "windows"}:
            continue
        p = value / STEP
        every = pd.DataFrame({"p": p, "said": (p > 0.5).astype(int), "y": kept[f"{name}.y"]})
        windows = kept[f"{name}.windows"]
        estimator = nannyml.CBPE(
            y_pred_proba="p",
            y_pred="said",
            y_true="y",
            problem_type="classification_binary",
            metrics=["accuracy", "roc_auc"],
            chunk_size=windows.shape[1],
        )
        reference = every.iloc[kept[f"{name}.reference"]]
        later = every.iloc[windows.ravel()].drop(columns="y").reset_index(drop=True)
        values = estimates(
            estimator, reference.reset_index(drop=True), later, ["accuracy", "roc_auc"]
        )
        found[key] = {"accuracy": values[:, 0].tolist(), "roc_auc": values[:, 1].tolist()}
        assert len(values) == len(windows), (key, len(values))
    return found


def main() -> None:
    warnings.simplefilter("ignore")
    kept = {**binary(), **employment(), **many_classes(), **regression()}
    kept["version"] = np.array(nannyml.__version__)
    np.savez_compressed(FOLDER / "nannyml.npz", **kept)
    content = {"nannyml": nannyml.__version__, "estimates": shifted()}
    (FOLDER / "nannyml_shifted.json").write_text(json.dumps(content, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
