# %% [markdown]
# # A real stream with real change
#
# What does a barrel of Brent crude cost in a week? The data are the daily spot prices from 1987 to 2019
# (U.S. Energy Information Administration, public domain, bundled with river), in which the price goes
# from 9 to 144 dollars and back. The truth comes late by nature: a week after the question. A model
# that has only seen the prices of 1987 to 1990 is lost by 2004, because it knows no such prices.
#
# Three ways to live with that, on the same days, with the same kind of model and the same 250 days to
# learn from:
#
# - **never** retrain;
# - retrain **every week** and put the new model in place untested;
# - let the **adaptive** pipeline retrain when the error is shown to have risen, try the new model in the
#   shadow of the old one, and promote it when it is proven better.
#
# Kept under `modelward-runs/brent/`: `index.html` (the loop's page), `brent.png` (the three compared),
# the databases. The last line printed is one JSON object with the headline figures.

# %%
from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import ExtraTreesRegressor
from tqdm.auto import tqdm

from modelward.adaptive_pipeline import (
    AdaptivePipeline,
    Arbiter,
    Comparison,
    Inline,
    LastN,
    Performance,
    Registry,
    Store,
)
from modelward.core.pages import axes

AHEAD, LAGS, FIRST, WINDOW = 5, (0, 1, 2, 4, 9), 750, 250
Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Prices:
    """The stream: features (prices of the last days), the price a week later, and the day asked."""

    X: pd.DataFrame
    y: Array
    days: list[datetime]

    @classmethod
    def load(cls, days: int | None = None) -> Prices:
        """Read the bundled prices, the first `days` of them if that is given."""
        from river.drift.datasets import BrentSpotPrice

        rows = list(BrentSpotPrice())[:days]
        price = np.array([value for _, value in rows])
        today = np.arange(max(LAGS), len(price) - AHEAD)
        features = pd.DataFrame({f"{lag} days ago": price[today - lag] for lag in LAGS})
        return cls(features, price[today + AHEAD], [rows[day][0]["day"] for day in today])


def learn(X: pd.DataFrame, y: Any, seed: int) -> ExtraTreesRegressor:
    """Fit the model of the story."""
    return ExtraTreesRegressor(10, min_samples_leaf=3, random_state=seed).fit(X, y)


def relative(label: float, prediction: float) -> float:
    """Give the error as a share of the true price."""
    return abs(label - prediction) / label


# %% [markdown]
# ## The three ways


# %%
def never(prices: Prices, seed: int) -> Array:
    """Give the relative error of each day of the model that learned from the first days."""
    model = learn(prices.X[:FIRST], prices.y[:FIRST], seed)
    return np.abs(model.predict(prices.X[FIRST:]) - prices.y[FIRST:]) / prices.y[FIRST:]


def weekly(prices: Prices, seed: int) -> Array:
    """Give the relative error of each day when a new model is put in place every five days."""
    errors = []
    for day in tqdm(range(FIRST, len(prices.y), 5), "weekly", disable=None, leave=False):
        known = slice(day - AHEAD - WINDOW, day - AHEAD)  # the last week's truth is not known yet
        model = learn(prices.X[known], prices.y[known], seed)
        week = slice(day, day + 5)
        errors.append(np.abs(model.predict(prices.X[week]) - prices.y[week]) / prices.y[week])
    return np.concatenate(errors)


def adaptive(prices: Prices, folder: Path, seed: int) -> tuple[AdaptivePipeline, Array]:
    """Let the pipeline live through the stream; give it and the relative error of each day."""
    registry = Registry(
        name="brent",
        tracking_uri=f"sqlite:///{folder / 'mlflow.db'}",
        artifacts=folder / "mlartifacts",
    )
    model = learn(prices.X[:FIRST], prices.y[:FIRST], seed)
    registry.register(model, alias="champion", columns=list(prices.X.columns))
    pipeline = AdaptivePipeline(
        store=Store(f"sqlite:///{folder / 'pipeline.db'}"),
        registry=registry,
        train=lambda data, context: learn(data.X, data.y, context.seed),
        loss=relative,
        triggers=[Performance(tolerance=0.01, reference=30, minimum=20)],
        executor=Inline(),  # fitting takes milliseconds, a process of its own would take seconds
        window=LastN(n=WINDOW),
        arbiter=Arbiter(cooldown=20),
        comparison=Comparison(minimum=20, maximum=200),
        watch=40,
        seed=seed,
    )
    errors = []
    rows = prices.X[FIRST:].to_dict("records")
    for day, row in enumerate(tqdm(rows, "adaptive", disable=None, leave=False), FIRST):
        answer = pipeline.predict(row, f"day-{day}")
        errors.append(relative(prices.y[day], float(answer.prediction)))
        if day - AHEAD >= FIRST:
            pipeline.label(f"day-{day - AHEAD}", float(prices.y[day - AHEAD]))
    return pipeline, np.array(errors)


# %% [markdown]
# ## All of it, in order


# %%
def main(
    folder: Path = Path("modelward-runs/brent"), seed: int = 0, days: int | None = None
) -> dict[str, Any]:
    """Live through the stream in the three ways, and give the headline figures."""
    started = time.perf_counter()

    def tell(text: str) -> None:
        print(f"[{time.perf_counter() - started:5.1f} s] {text}", flush=True)

    folder = folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    prices = Prices.load(days)
    asked = prices.days[FIRST:]
    tell(f"{len(asked):,} days from {asked[0]:%Y-%m-%d} to {asked[-1]:%Y-%m-%d}")
    errors = {"never": never(prices, seed), "every week": weekly(prices, seed)}
    pipeline, errors["adaptive"] = adaptive(prices, folder, seed)
    result = pipeline.summary()
    retrainings = {
        "never": 0,
        "every week": len(range(FIRST, len(prices.y), 5)),
        "adaptive": len(pipeline.ledger.entries("retraining")),
    }
    for name, error in errors.items():
        tell(f"   {name:11s} mean error {error.mean():6.1%}   retrainings {retrainings[name]:5,}")
    promotions = len(result.adaptations)
    tell(f"   adaptive promoted {promotions} of {retrainings['adaptive']} models it trained")

    result.to_page().save(folder / "index.html")
    picture(errors, prices, folder / "brent.png")
    replayed = pipeline.replay()
    pipeline.close()
    figures = {
        **{
            f"error_{name.replace(' ', '_')}": round(float(e.mean()), 4)
            for name, e in errors.items()
        },
        "retrainings": retrainings["adaptive"],
        "retrainings_every_week": retrainings["every week"],
        "promotions": promotions,
        "seconds": round(time.perf_counter() - started, 1),
        "ok": bool(
            errors["adaptive"].mean() < errors["never"].mean() / 2
            and retrainings["adaptive"] < retrainings["every week"] / 5
            and all(verdict.same for verdict in replayed)
        ),
    }
    tell(
        f"Everything lies in {os.path.relpath(folder)}: open {os.path.relpath(folder / 'index.html')}"
    )
    print(json.dumps(figures))
    return figures


def picture(errors: dict[str, Array], prices: Prices, path: Path) -> None:
    """Draw the price and, below it, the error of each way, as means over a quarter."""
    from matplotlib import pyplot

    figure, (above, below) = pyplot.subplots(
        2, 1, figsize=(9, 5), sharex=True, layout="constrained", height_ratios=[1, 2]
    )
    axes(above).plot(prices.days[FIRST:], prices.y[FIRST:], color="#555555")
    above.set_ylabel("dollars a barrel")
    axis = axes(below)
    for name, error in errors.items():
        mean = pd.Series(error).rolling(60, min_periods=20).mean()
        axis.plot(prices.days[FIRST:], mean, label=name)
    axis.set_ylabel("relative error")
    axis.set_yscale("log")
    axis.legend(loc="upper left")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


if __name__ == "__main__":
    main()
