"""Performance without labels: how far estimates lie from what labels show, on shifted real tables.

Real tables that ship with scikit-learn and river, three kinds of model, windows drawn with covariate
shift. The same windows for all: our CBPE and PAPE, NannyML's CBPE (recorded once, see
tests/monitoring/recorded), and the floor: to say that nothing has changed since the reference.
Figures are mean absolute errors of the estimated accuracy against the realised one; of the ratios,
the interval is a bootstrap over the pairs of table and model. What the estimators do by default was
chosen on another split of the same tables, and not changed after this one had been seen.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "monitoring" / "recorded"))
import shifted_tables as tables

from modelward.core.metrics import bootstrap
from modelward.monitoring.performance import CBPE, PAPE

SHORT = os.environ.get("MODELWARD_BENCH") == "short"
MOST = 2 if SHORT else tables.WINDOWS
NAMES = ("diabetes", "Bananas") if SHORT else tables.TABLES
ROLES = {"y_true": "y", "prediction": "said", "probability": "p"}


def frames(kept: Any, name: str, model: str) -> tuple[pd.DataFrame, dict[str, pd.DataFrame]]:
    """The reference and the windows of one table and model, the features beside."""
    frame, y = tables.table(name)
    if tables.digest(frame, y) != kept[f"{name}.digest"]:
        raise SystemExit(f"{name} is not the table that was recorded")
    p = kept[f"{name}.{model}"] / tables.STEP
    every = frame.assign(p=p, said=(p > 0.5).astype(int), y=y)
    rows = kept[f"{name}.windows"][:MOST]
    windows = {f"{at}": every.iloc[chosen].reset_index(drop=True) for at, chosen in enumerate(rows)}
    return every.iloc[kept[f"{name}.reference"]].reset_index(drop=True), windows


def main() -> None:
    recorded = json.loads((tables.FILE.parent / "nannyml_shifted.json").read_text("utf-8"))
    with np.load(tables.FILE, allow_pickle=False) as file:
        kept = {name: file[name] for name in file.files}
    errors: list[dict[str, Any]] = []
    times = {"CBPE": 0.0, "PAPE": 0.0}
    for name in NAMES:
        for model in tables.MODELS:
            reference, windows = frames(kept, name, model)
            theirs = recorded["estimates"][f"{name}.{model}"]["accuracy"]
            found = {}
            for kind in (CBPE, PAPE):
                start = time.perf_counter()
                fitted = kind(metric="accuracy").fit(reference, **ROLES)
                found[kind.method] = fitted.over(windows)
                times[kind.method] += time.perf_counter() - start
            for at, (ours, adapted) in enumerate(zip(*found.values(), strict=True)):
                truth = ours.realised.value
                row = {"table": name, "model": model, "nannyml": abs(theirs[at] - truth)}
                row["unchanged"] = abs(ours.baseline.value - truth)
                for key, one in (("cbpe", ours), ("pape", adapted)):
                    if one.estimated is not None:
                        row[key] = abs(one.estimated.value - truth)
                        row[f"{key}_holds"] = not one.estimated.excludes(truth)
                errors.append(row)
            print(f"{name} {model} done", file=sys.stderr)
    table = pd.DataFrame(errors)
    sides = ["unchanged", "nannyml", "cbpe", "pape"]
    print(table.groupby(["table", "model"])[sides].mean().round(4).to_string())
    judged = table.dropna(subset=["pape", "cbpe"])
    pairs = table.groupby(["table", "model"])[["nannyml", "cbpe", "pape"]].sum()
    ratios = {
        side: bootstrap(lambda a, b: a.sum() / b.sum(), pairs[side], pairs["nannyml"])
        for side in ("cbpe", "pape")
    }
    figures: dict[str, Any] = {
        "windows": len(table),
        "error_if_called_unchanged": table["unchanged"].mean(),
        "error_nannyml_cbpe": table["nannyml"].mean(),
        "error_our_cbpe": table["cbpe"].mean(),
        "error_our_pape": judged["pape"].mean(),
        "error_our_cbpe_where_pape_says": judged["cbpe"].mean(),
        "error_nannyml_where_pape_says": judged["nannyml"].mean(),
        "our_cbpe_over_nannyml": table["cbpe"].mean() / table["nannyml"].mean(),
        "our_cbpe_over_nannyml_low": ratios["cbpe"].low,
        "our_cbpe_over_nannyml_high": ratios["cbpe"].high,
        "our_pape_over_nannyml": judged["pape"].mean() / judged["nannyml"].mean(),
        "our_pape_over_nannyml_low": ratios["pape"].low,
        "our_pape_over_nannyml_high": ratios["pape"].high,
        "pape_cannot_say_share": float(table["pape"].isna().mean()),
        "cbpe_interval_holds_share": float(table["cbpe_holds"].mean()),
        "pape_interval_holds_share": float(judged["pape_holds"].mean()),
        "cbpe_seconds_a_window": times["CBPE"] / len(table),
        "pape_seconds_a_window": times["PAPE"] / len(table),
    }
    print(json.dumps({name: float(value) for name, value in figures.items()}))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
