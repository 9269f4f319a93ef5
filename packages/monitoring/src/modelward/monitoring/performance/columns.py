"""The columns of a frame in their roles: what is true, predicted and how probable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from modelward.core.config.problems import nearest
from modelward.core.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
_UNEVEN = 1e-3


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of a classifier, and the columns that hold its output.

    `labels` are the classes in the order of their codes; `probability` one column a class, of two
    classes only that of the second, the positive one. `prediction` is None where the label follows
    from the probabilities.
    """

    labels: tuple[Any, ...]
    probability: tuple[str, ...]
    y_true: str
    prediction: str | None

    @classmethod
    def of(
        cls,
        reference: pd.DataFrame,
        *,
        y_true: str,
        prediction: str | None,
        probability: str | Mapping[Any, str],
        positive: Any,
    ) -> Classes:
        """Learn the classes from a reference. Raises `DataError` where it has one class only."""
        found = column(reference, y_true, "y_true").dropna().unique().tolist()
        if len(found) < 2:
            raise DataError(
                f"expected a reference with at least two classes in {y_true!r}, got {found}",
                hint="take a longer reference: of one class nothing can be learned.",
            )
        if not isinstance(probability, str):
            return cls(tuple(probability), tuple(probability.values()), y_true, prediction)
        if len(found) > 2 or positive not in found:
            raise DataError(
                f"expected two classes in {y_true!r}, {positive!r} one of them, got {found[:10]}",
                hint="say positive=..., or give probability={class: column} for many classes.",
            )
        other = next(label for label in found if label != positive)
        return cls((other, positive), (probability,), y_true, prediction)

    def probabilities(self, frame: pd.DataFrame) -> Floats:
        """Give the chances `(n, C)`; a row with one missing is NaN.

        Raises `DataError` for a chance outside [0, 1], and rows that do not sum to 1.
        """
        found = np.stack([numbers(frame, name, "probability") for name in self.probability], axis=1)
        outside = np.flatnonzero(((found < 0) | (found > 1)).any(axis=1))
        if outside.size:
            worst = found[outside[0]]
            raise DataError(
                f"expected probabilities in [0, 1], got {worst[(worst < 0) | (worst > 1)][0]:g} "
                f"(row {outside[0]}; {outside.size} of {len(found)} rows)",
                hint="put logits through a sigmoid or softmax first.",
            )
        if len(self.probability) == 1:
            return np.concatenate([1 - found, found], axis=1)
        total = found.sum(axis=1)
        uneven = np.flatnonzero(np.abs(total - 1) > _UNEVEN)
        if uneven.size:
            raise DataError(
                f"expected the probabilities of a row to sum to 1, got {total[uneven[0]]:g} "
                f"(row {uneven[0]}; {uneven.size} of {len(found)} rows)",
                hint="give the column of every class.",
            )
        found[np.isnan(total)] = np.nan
        return np.asarray(found / total[:, None])

    def predictions(self, frame: pd.DataFrame, probability: Floats) -> Codes:
        """Give the codes of the predicted classes, -1 where missing."""
        if self.prediction is not None:
            return self.codes(frame, self.prediction, "prediction")
        missing = np.isnan(probability).any(axis=1)
        return np.where(missing, -1, np.argmax(np.nan_to_num(probability), axis=1))

    def truth(self, frame: pd.DataFrame) -> Codes:
        """Give the codes of the true classes, -1 where there is no label yet."""
        return self.codes(frame, self.y_true, "y_true")

    def codes(self, frame: pd.DataFrame, name: str, role: str) -> Codes:
        """Give the codes of a column of labels. Raises `DataError` for a class not known."""
        series = column(frame, name, role)
        place = {label: code for code, label in enumerate(self.labels)}
        found = series.astype(object).map(place)
        unknown = found.isna() & series.notna()
        if unknown.any():
            raise DataError(
                f"expected the classes {list(self.labels)[:10]} in {name!r}, "
                f"got {series[unknown].tolist()[0]!r} ({int(unknown.sum())} rows)",
                hint="a class the reference does not have cannot be judged: fit a new reference.",
            )
        return np.asarray(found.astype(float).fillna(-1).to_numpy().astype(np.int64))


def column(frame: pd.DataFrame, name: str, role: str) -> pd.Series[Any]:
    """Give a column. Raises `DataError` where it is missing or doubled."""
    if not hasattr(frame, "columns") or not hasattr(frame, "iloc"):
        raise DataError(
            f"expected a pandas DataFrame, got {type(frame).__name__}",
            hint="wrap an array as pandas.DataFrame(array, columns=[...]).",
        )
    names = list(frame.columns)
    if names.count(name) != 1:
        raise DataError(
            f"expected one column {name!r} ({role}), got {names.count(name)}",
            hint=nearest(str(name), [str(each) for each in names])
            or f"the columns are {', '.join(str(each) for each in names[:20])}.",
        )
    found: pd.Series[Any] = frame[name]
    return found


def numbers(frame: pd.DataFrame, name: str, role: str) -> Floats:
    """Give a column as floats, NaN where missing. Raises `DataError` for text and infinities."""
    series = column(frame, name, role)
    try:
        found = series.astype(float).to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise DataError(f"expected numbers in {name!r} ({role}), got {series.dtype}") from error
    if np.isinf(found).any():
        raise DataError(
            f"expected finite numbers in {name!r} ({role}), got {int(np.isinf(found).sum())} infinite"
        )
    return np.array(found)


def feature_names(
    frame: pd.DataFrame, features: list[str] | tuple[str, ...] | None, roles: set[str]
) -> tuple[str, ...]:
    """Give the features: those named, else all columns without another role that hold no times.

    A time is later in every window than in the reference: it would tell the two apart, and nothing
    of the model.
    """
    import pandas as pd

    chosen = features
    if chosen is None:
        chosen = [
            name
            for name, kind in zip(frame.columns, frame.dtypes, strict=True)
            if name not in roles and not pd.api.types.is_datetime64_any_dtype(kind)
        ]
    if not chosen:
        raise DataError("expected at least one feature, got none", hint="say features=[...].")
    return tuple(chosen)
