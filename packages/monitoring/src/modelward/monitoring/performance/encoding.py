"""Features as numbers: what the models behind DLE and PAPE are given."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from modelward.monitoring.performance.columns import column

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
_MOST_CATEGORIES = 100


@dataclass(frozen=True, slots=True)
class Encoder:
    """Numbers as they are, times as seconds, categories as codes of the reference, frequent first.

    A category the reference does not have among its 100 most frequent, an infinity and a missing
    value become NaN, which the trees take as a value of its own.
    """

    features: tuple[str, ...]
    vocabularies: tuple[tuple[str, ...] | None, ...]

    @classmethod
    def fit(cls, frame: pd.DataFrame, features: tuple[str, ...]) -> Self:
        """Learn which columns are categories, and which there are."""
        return cls(features, tuple(_vocabulary(column(frame, f, "feature")) for f in features))

    def __call__(self, frame: pd.DataFrame) -> Floats:
        """Give the features as `(n, d)`. Raises `DataError` where one is missing."""
        found = np.empty((len(frame), len(self.features)))
        for at, (name, words) in enumerate(zip(self.features, self.vocabularies, strict=True)):
            found[:, at] = _encoded(column(frame, name, "feature"), words)
        found[~np.isfinite(found)] = np.nan
        return found

    @property
    def categorical(self) -> list[bool]:
        """Of each feature, whether it is one of categories."""
        return [words is not None for words in self.vocabularies]

    def to_json(self) -> str:
        """Give the state as JSON."""
        return json.dumps([self.features, self.vocabularies])

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Rebuild from `to_json`."""
        features, vocabularies = json.loads(text)
        return cls(tuple(features), tuple(None if v is None else tuple(v) for v in vocabularies))


def dense(encoded: Floats, categorical: list[bool]) -> Floats:
    """Turn codes into indicators and put numbers on one scale, `(n, D)`: for linear models."""
    parts = []
    for values, is_category in zip(encoded.T, categorical, strict=True):
        there = np.isfinite(values)
        if is_category:
            codes = np.where(there, values, -1).astype(np.int64)
            parts += [(codes == code).astype(np.float64) for code in np.unique(codes)]
            continue
        if not there.any():
            continue
        # Ranks bear outliers, and the square lets the line see a change of spread.
        order = np.sort(values[there])
        rank = np.searchsorted(order, values, side="left") + np.searchsorted(
            order, values, side="right"
        )
        centred = np.where(there, rank / (2 * order.size) - 0.5, 0.0)
        parts += [centred, np.square(centred) * there]
        if not there.all():
            parts.append((~there).astype(np.float64))
    return np.stack(parts, axis=1) if parts else np.zeros((len(encoded), 1))


def _vocabulary(series: pd.Series[Any]) -> tuple[str, ...] | None:
    import pandas as pd

    kind = series.dtype
    if pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_datetime64_any_dtype(kind):
        return None
    counts = series.dropna().astype(str).value_counts()
    return tuple(str(word) for word in counts.index[:_MOST_CATEGORIES])


def _encoded(series: pd.Series[Any], words: tuple[str, ...] | None) -> Any:
    import pandas as pd

    if words is not None:
        place = {word: code for code, word in enumerate(words)}
        return series.astype(str).where(series.notna()).map(place).astype(float).to_numpy()
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        moments = pd.to_datetime(series, utc=True)
        return (moments - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy()
    return pd.to_numeric(series, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
