"""The tables the study draws its rows from: real ones that ship with scikit-learn and river, and generators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from modelward.core.optional import require

LABEL = "y"
RIVER = "'./packages/monitoring[river]'"
_MOST = 10_000


def river(module: str) -> Any:
    """Import a module of river."""
    return require(f"river.{module}", feature="the study of drift methods", install=RIVER)


@cache
def table(name: str) -> pd.DataFrame:
    """Give a table by name, its label in the column `y`."""
    return TABLES[name]()


def _of_river(name: str, words: tuple[str, ...] = ()) -> pd.DataFrame:
    rows = islice(iter(getattr(river("datasets"), name)()), _MOST)
    frame = pd.DataFrame([{**x, LABEL: str(y)} for x, y in rows])
    return frame.astype(dict.fromkeys(words, str)) if words else frame


def _solar_flare() -> pd.DataFrame:
    frame = _of_river("SolarFlare")
    return frame.astype(str).drop(columns=[LABEL]).assign(**{LABEL: frame.iloc[:, 0].astype(str)})


def _breast_cancer() -> pd.DataFrame:
    from sklearn.datasets import load_breast_cancer

    found = load_breast_cancer(as_frame=True)
    frame: pd.DataFrame = found.data.iloc[:, :10].assign(**{LABEL: found.target.astype(str)})
    return frame


TABLES: Mapping[str, Callable[[], pd.DataFrame]] = {
    "image segments": lambda: _of_river("ImageSegments"),
    "shuttle": lambda: _of_river("Shuttle"),
    "bananas": lambda: _of_river("Bananas"),
    "phishing": lambda: _of_river("Phishing"),
    "solar flares": _solar_flare,
    "breast cancer": _breast_cancer,
}


def sea(n: int, rng: np.random.Generator, *, variant: int) -> pd.DataFrame:
    """Draw rows of the SEA generator of river, whose variants give the same rows other labels."""
    made = river("datasets.synth").SEA(variant=variant, seed=int(rng.integers(2**31)), noise=0.1)
    return pd.DataFrame([{**x, LABEL: str(y)} for x, y in made.take(n)]).rename(columns=str)


ANNOTATED = ("AirlinePassengers", "Apple", "Bitcoin", "Occupancy", "RunLog", "UKCoalEmploy")


def annotated(name: str) -> tuple[np.ndarray[Any, Any], list[list[int]]]:
    """Give a series of river, its first column, and what each of its annotators took for changes.

    Source: van den Burg and Williams (2020), arXiv 2003.06222, whose data these are.
    """
    made = getattr(river("drift.datasets"), name)()
    values = []
    for _, y in made:
        value = next(iter(y.values())) if isinstance(y, dict) else y
        values.append(float(value))
    last = len(values) - 1
    marks = [[at for at in found if at <= last] for found in made.annotations.values()]
    return np.array(values), marks
