"""Estimates without labels beside those NannyML gave of the same rows (tests/monitoring/recorded)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from modelward.monitoring.performance import CBPE, DLE, PerformanceHistory

FILE = Path(__file__).parent / "recorded" / "nannyml.npz"
BINARY = ("accuracy", "precision", "recall", "f1", "roc_auc")
ROLES = {"y_true": "y", "prediction": "said"}


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    with FILE.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def halves(frame: pd.DataFrame, windows: int, rows: int) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The reference, and the windows behind it."""
    first = len(frame) - windows * rows
    later = [frame.iloc[first + at * rows : first + (at + 1) * rows] for at in range(windows)]
    return frame.head(first), {str(at): part for at, part in enumerate(later)}


def errors(found: PerformanceHistory, theirs: Any) -> tuple[float, float]:
    """Mean absolute error of our estimates and of theirs, against what labels show."""
    truth = np.array([window.realised.value for window in found])
    return found.mean_absolute_error, float(np.abs(theirs - truth).mean())


def values(found: PerformanceHistory) -> Any:
    return np.array([window.estimated.value for window in found])


class TestBinary:
    """Car loans: a covariate shift halfway; probabilities of two digits."""

    @pytest.fixture(scope="class")
    @classmethod
    def frame(cls, recorded: dict[str, Any]) -> pd.DataFrame:
        columns = {name: recorded[f"binary.{name}"] for name in ("p", "said", "y")}
        return (
            pd.DataFrame(columns).assign(p=lambda f: f["p"] / 100).astype({"y": int, "said": int})
        )

    @pytest.mark.parametrize("metric", BINARY)
    def test_agrees(self, recorded: dict[str, Any], frame: pd.DataFrame, metric: str) -> None:
        theirs = recorded["binary.nannyml"][:, BINARY.index(metric)]
        reference, windows = halves(frame, len(theirs), 1_000)
        found = CBPE(metric=metric).fit(reference, probability="p", **ROLES).over(windows)
        assert np.abs(values(found) - theirs).max() < 0.006
        mine, nannyml = errors(found, theirs)
        assert mine <= nannyml * 1.1 + 0.0005
        assert mine < 0.02

    def test_sees_the_fall_as_labels_show_it(self, frame: pd.DataFrame) -> None:
        reference, windows = halves(frame, 8, 1_000)
        fitted = CBPE(metric="accuracy").fit(reference, probability="p", **ROLES)
        found = fitted.over({name: part.drop(columns="y") for name, part in windows.items()})
        assert [w.verdict for w in found] == ["steady"] * 4 + ["worse"] * 4
        labelled = fitted.over(windows)
        inside = [not w.estimated.excludes(w.realised.value) for w in labelled]
        assert sum(inside) >= 7


class TestEmployment:
    """Employment in Massachusetts, years after the reference: real drift of real people."""

    @pytest.mark.parametrize(("metric", "column"), [("accuracy", 0), ("roc_auc", 1)])
    def test_no_further_from_the_truth(self, recorded, metric: str, column: int) -> None:
        own = {name: recorded[f"employment.{name}"] for name in ("p", "said", "y")}
        frame = (
            pd.DataFrame(own).assign(p=lambda f: f["p"] / 10_000).astype({"y": int, "said": int})
        )
        theirs = recorded["employment.nannyml"][:, column]
        reference, windows = halves(frame, len(theirs), 500)
        found = CBPE(metric=metric).fit(reference, probability="p", **ROLES).over(windows)
        mine, nannyml = errors(found, theirs)
        assert mine <= nannyml * 1.1
        assert mine < 0.02
        inside = [not w.estimated.excludes(w.realised.value) for w in found]
        assert sum(inside) >= 8


def test_shifted_real_tables() -> None:
    """CBPE needs no features: the recorded probabilities do. See bench_performance.py for PAPE."""
    content = json.loads(FILE.with_name("nannyml_shifted.json").read_text("utf-8"))["estimates"]
    with FILE.with_name("shifted_tables.npz").open("rb") as raw, np.load(raw) as file:
        kept = {name: file[name] for name in file.files}
    ours, nannyml = [], []
    for key, theirs in content.items():
        name = key.split(".")[0]
        p = kept[key] / 10_000
        frame = pd.DataFrame({"p": p, "said": (p > 0.5).astype(int), "y": kept[f"{name}.y"]})
        windows = {str(at): frame.iloc[rows] for at, rows in enumerate(kept[f"{name}.windows"])}
        reference = frame.iloc[kept[f"{name}.reference"]]
        fitted = CBPE(metric="accuracy").fit(reference, probability="p", **ROLES)
        mine, other = errors(fitted.over(windows), np.array(theirs["accuracy"]))
        ours.append(mine)
        nannyml.append(other)
    assert len(ours) == 21
    assert np.mean(ours) <= np.mean(nannyml)


class TestManyClasses:
    """Credit cards: three classes."""

    @pytest.mark.parametrize(("metric", "column"), [("accuracy", 0), ("f1_macro", 1)])
    def test_agrees(self, recorded: dict[str, Any], metric: str, column: int) -> None:
        chances = recorded["many.p"] / 100
        frame = pd.DataFrame(chances / chances.sum(axis=1, keepdims=True), columns=["a", "b", "c"])
        frame = frame.assign(
            said=recorded["many.said"].astype(int), y=recorded["many.y"].astype(int)
        )
        theirs = recorded["many.nannyml"][:, column]
        reference, windows = halves(frame, len(theirs), 1_000)
        fitted = CBPE(metric=metric).fit(reference, probability={0: "a", 1: "b", 2: "c"}, **ROLES)
        found = fitted.over(windows)
        assert np.abs(values(found) - theirs).max() < 0.01
        mine, nannyml = errors(found, theirs)
        assert mine <= nannyml * 1.1 + 0.0005


class TestRegression:
    """Car prices: a covariate shift halfway."""

    @pytest.mark.parametrize(("metric", "column"), [("mae", 0), ("rmse", 1)])
    def test_agrees(self, recorded: dict[str, Any], metric: str, column: int) -> None:
        own = {n.removeprefix("regression."): v for n, v in recorded.items() if "regression." in n}
        theirs = own.pop("nannyml")[:, column]
        frame = pd.DataFrame(own).rename(columns={"y_true": "y", "y_pred": "said"})
        for name in ("fuel", "transmission"):
            frame[name] = frame[name].str.decode("ascii")
        reference, windows = halves(frame, len(theirs), 400)
        found = DLE(metric=metric).fit(reference, **ROLES).over(windows)
        assert (np.abs(values(found) - theirs) / theirs).max() < 0.05
        mine, nannyml = errors(found, theirs)
        assert mine <= nannyml * 1.15
        inside = [not w.estimated.excludes(w.realised.value) for w in found]
        assert sum(inside) >= len(inside) - 1
