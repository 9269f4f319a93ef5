"""What Evidently must be told of the columns, and which of them it can use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from modelward.core.errors import DataError
from modelward.monitoring.fleet.records import Task
from modelward.monitoring.sources.frames import columns

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Roles:
    """Which columns are no features: the truth, the prediction, the probabilities."""

    task: Task
    target: str | None
    prediction: str | None
    probability: str | Mapping[Any, str] | None
    positive: Any

    @property
    def performance(self) -> bool:
        """Whether the performance can be reported on."""
        said = self.prediction is not None or self.probability is not None
        return self.target is not None and said

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that have a role."""
        chances = self.probability
        several = (
            () if chances is None else (chances,) if isinstance(chances, str) else chances.values()
        )
        return tuple(name for name in (self.target, self.prediction, *several) if name is not None)


def usable(
    current: pd.DataFrame, reference: pd.DataFrame, roles: Roles
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, str]]:
    """Give both frames with the columns that can be used, and why the others cannot.

    Raises `DataError` for frames without rows, doubled names, and a column with a role that is not
    there.
    """
    kinds = {"window": _kinds(current, "window"), "reference": _kinds(reference, "reference")}
    for name in roles.names:
        for side, known in kinds.items():
            if name not in known:
                raise DataError(
                    f"expected a column {name!r} in the {side}, got {sorted(known)[:20]}"
                )
    left_out = {}
    for name in dict.fromkeys([*kinds["reference"], *kinds["window"]]):
        if reason := _unusable(name, kinds, current, reference):
            left_out[name] = reason
    if wrong := [name for name in roles.names if name in left_out]:
        raise DataError(f"expected a column {wrong[0]!r} with values, got: {left_out[wrong[0]]}")
    names = [name for name in kinds["reference"] if name not in left_out]
    if not names:
        raise DataError("expected a column that both sides have, got none")
    return _cleaned(current, names), _cleaned(reference, names), left_out


def definition(current: pd.DataFrame, reference: pd.DataFrame, roles: Roles) -> Any:
    """Give Evidently's description of the columns, so that it guesses none of them."""
    from evidently import (
        BinaryClassification,
        DataDefinition,
        MulticlassClassification,
        Regression,
    )

    kinds = {column.name: column.kind for column in columns(reference)}
    features = [name for name in kinds if name not in roles.names]
    by_kind = {
        kind: [name for name in features if kinds[name] == kind]
        for kind in ("numeric", "categorical", "time")
    }
    more: dict[str, Any] = {}
    if roles.performance and roles.task == "regression":
        more["regression"] = [Regression(target=roles.target, prediction=roles.prediction)]
    elif (
        roles.performance
        and not isinstance(roles.probability, Mapping)
        and _two(current, reference, roles)
    ):
        more["classification"] = [
            BinaryClassification(
                target=roles.target,
                prediction_labels=roles.prediction,
                prediction_probas=roles.probability,
                pos_label=roles.positive,
            )
        ]
    elif roles.performance:
        more["classification"] = [
            MulticlassClassification(target=roles.target, prediction_labels=roles.prediction)
        ]
    return DataDefinition(
        numerical_columns=by_kind["numeric"],
        categorical_columns=by_kind["categorical"],
        datetime_columns=by_kind["time"],
        text_columns=[],
        **more,
    )


def _two(current: pd.DataFrame, reference: pd.DataFrame, roles: Roles) -> bool:
    """Tell whether there are two classes at most."""
    seen = set(reference[roles.target].dropna()) | set(current[roles.target].dropna())
    return len(seen) <= 2


def _kinds(frame: pd.DataFrame, side: str) -> dict[str, str]:
    found: dict[str, str] = {column.name: column.kind for column in columns(frame)}
    if len(frame) == 0:
        raise DataError(f"expected rows in the {side}, got none")
    return found


def _unusable(
    name: str,
    kinds: Mapping[str, Mapping[str, str]],
    current: pd.DataFrame,
    reference: pd.DataFrame,
) -> str:
    for side, known in kinds.items():
        if name not in known:
            return f"not in the {side}"
    if kinds["window"][name] != kinds["reference"][name]:
        return f"{kinds['reference'][name]} in the reference, {kinds['window'][name]} in the window"
    for side, frame in (("window", current), ("reference", reference)):
        series = frame.iloc[:, [str(c) for c in frame.columns].index(name)]
        if kinds[side][name] == "numeric":
            values = series.astype("float64").to_numpy()
            if not np.isfinite(values).any():
                return f"no value in the {side}"
        elif series.isna().all():
            return f"no value in the {side}"
    return ""


def _cleaned(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Give those columns, infinite values as missing ones, which Evidently can count."""
    found = frame.copy()
    found.columns = [str(name) for name in frame.columns]
    return found[names].replace([np.inf, -np.inf], np.nan).reset_index(drop=True)
