"""Changes whose truth is known, made on rows drawn from a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from modelward.monitoring.study.data import LABEL, sea, table

Rng = np.random.Generator
Floats = npt.NDArray[np.float64]
Draw = Callable[[int, Rng, bool], pd.DataFrame]
Kind = Literal["covariates", "labels", "concept", "quality"]


@dataclass(frozen=True, slots=True)
class Scenario:
    """Rows before and after a change: `draw(n, rng, changed)`.

    Healthy rows are drawn with replacement from one table, so that nothing differs between reference
    and window but chance.
    """

    name: str
    kind: Kind
    source: str
    words: str
    draw: Draw


def _drawn(name: str, n: int, rng: Rng, *, label: bool = False) -> pd.DataFrame:
    whole = table(name)
    found = whole.iloc[rng.integers(len(whole), size=n)].reset_index(drop=True)
    return found if label else found.drop(columns=[LABEL])


def _numbers(frame: pd.DataFrame) -> list[str]:
    return [str(c) for c in frame.select_dtypes("number") if frame[c].nunique() > 20]


def _changed(
    name: str, change: Callable[[pd.DataFrame, Rng], pd.DataFrame], *, label: bool = False
) -> Draw:
    def draw(n: int, rng: Rng, changed: bool) -> pd.DataFrame:
        found = _drawn(name, n, rng, label=label)
        return change(found, rng) if changed else found

    return draw


def _weighted(name: str, weigh: Callable[[pd.DataFrame], Floats]) -> Draw:
    """Draw the changed rows with other chances; the label is not shown."""

    def draw(n: int, rng: Rng, changed: bool) -> pd.DataFrame:
        if not changed:
            return _drawn(name, n, rng)
        whole = table(name)
        weight = weigh(whole)
        picks = rng.choice(len(whole), size=n, p=weight / weight.sum())
        return whole.iloc[picks].reset_index(drop=True).drop(columns=[LABEL])

    return draw


def _shift(name: str, size: float, *, every: bool) -> Draw:
    def change(frame: pd.DataFrame, _rng: Rng) -> pd.DataFrame:
        named = _numbers(table(name))
        spread = table(name)[named].std()
        moved = frame.astype(dict.fromkeys(named, float))
        for column in named if every else named[-1:]:
            moved[column] += size * spread[column]
        return moved

    return _changed(name, change)


def _wider(frame: pd.DataFrame, _rng: Rng) -> pd.DataFrame:
    column = _numbers(frame)[0]
    middle = table("bananas")[column].mean()
    return frame.assign(**{column: middle + 1.3 * (frame[column] - middle)})


def _untied(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    # Each column keeps its values; a third of them go their own way.
    return frame.assign(
        **{str(name): rng.permutation(frame[name].to_numpy()) for name in list(frame)[::3]}
    )


def _holes(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    column = _numbers(frame)[0]
    return frame.assign(**{column: frame[column].mask(rng.random(len(frame)) < 0.05)})


def _unit(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame:
    column = _numbers(frame)[0]
    return frame.assign(**{column: frame[column] * np.where(rng.random(len(frame)) < 0.03, 1e3, 1)})


def _of_category(frame: pd.DataFrame) -> Floats:
    column = next(c for c in frame if c != LABEL and 2 < frame[c].nunique() < 10)
    return np.where(frame[column] == frame[column].mode()[0], 1.0, 1.6)


def _of_label(frame: pd.DataFrame) -> Floats:
    return np.where(frame[LABEL] == frame[LABEL].mode()[0], 1.0, 2.0)


def _of_selection(frame: pd.DataFrame) -> Floats:
    column = _numbers(frame)[0]
    scaled = (frame[column] - frame[column].mean()) / frame[column].std()
    return np.asarray(np.exp(0.4 * scaled.clip(-3, 3)))


def _concept(n: int, rng: Rng, changed: bool) -> pd.DataFrame:
    return sea(n, rng, variant=2 if changed else 0)


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "one column moved",
        "covariates",
        "image segments",
        "the last column's mean by 0.25 standard deviations",
        _shift("image segments", 0.25, every=False),
    ),
    Scenario(
        "every column a little",
        "covariates",
        "breast cancer",
        "every column's mean by 0.1 standard deviations",
        _shift("breast cancer", 0.1, every=True),
    ),
    Scenario(
        "spread",
        "covariates",
        "bananas",
        "one column 1.3 times as wide",
        _changed("bananas", _wider),
    ),
    Scenario(
        "ties broken",
        "covariates",
        "breast cancer",
        "every third column shuffled by itself: each column as before",
        _changed("breast cancer", _untied),
    ),
    Scenario(
        "category",
        "covariates",
        "solar flares",
        "the rows outside a column's most frequent category 1.6 times as likely",
        _weighted("solar flares", _of_category),
    ),
    Scenario(
        "selection",
        "covariates",
        "shuttle",
        "rows drawn with chances that grow with one column",
        _weighted("shuttle", _of_selection),
    ),
    Scenario(
        "label shift",
        "labels",
        "phishing",
        "rows of the rarer label twice as likely, the label itself not shown",
        _weighted("phishing", _of_label),
    ),
    Scenario(
        "concept",
        "concept",
        "SEA generator",
        "the same rows, other labels; the label is shown as a column",
        _concept,
    ),
    Scenario(
        "missing",
        "quality",
        "bananas",
        "5 % of one column missing",
        _changed("bananas", _holes),
    ),
    Scenario(
        "unit error",
        "quality",
        "image segments",
        "3 % of one column a thousand times too large",
        _changed("image segments", _unit),
    ),
)
