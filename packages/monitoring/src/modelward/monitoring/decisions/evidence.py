"""Evidence that may be looked at after every window: p-values made into e-values, and kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError
from modelward.monitoring.decisions.multiplicity import benjamini_hochberg

Floats = npt.NDArray[np.float64]
POWERS = np.array([0.3, 0.5, 0.8])
LEAST_P = 1e-6
"""Smaller p-values count as this: so far out, limit laws are not to be relied on."""
_MOST = 1e300


def e_values(p_values: Sequence[float] | Floats, *, power: float = 0.5) -> Floats:
    """Make e-values of p-values, shape `(k,)`: numbers >= 0 whose mean is at most 1 without drift.

    `power * p ** (power - 1)`, power in (0, 1): the smaller, the more it makes of very small p-values.
    Raises `DataError` for p-values outside [0, 1] and another power.

    >>> e_values([0.0001, 1.0]).tolist()
    [50.0, 0.5]

    Source: Vovk and Wang (2021), Annals of Statistics 49, the calibrators of proposition 2.1.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if not ((p >= 0) & (p <= 1)).all() or not 0 < power < 1:
        raise DataError(f"expected p-values in [0, 1] and 0 < power < 1, got {p_values!r}, {power}")
    return np.asarray(power * np.maximum(p, LEAST_P) ** (power - 1))


def e_benjamini_hochberg(values: Sequence[float] | Floats) -> Floats:
    """Give the q-value of each e-value, shape `(k,)`: the smallest rate at which it is an alarm.

    The k largest of m are alarms at rate q when the smallest of them is at least m / (q k). The
    expected share of false alarms is then at most q, however the e-values depend on each other.
    Raises `DataError` for values below 0 or NaN.

    >>> e_benjamini_hochberg([100.0, 40.0, 1.0]).round(4).tolist()
    [0.03, 0.0375, 1.0]

    Source: Wang and Ramdas (2022), Journal of the Royal Statistical Society B 84.
    """
    e = np.asarray(values, dtype=np.float64)
    if not (e >= 0).all():
        raise DataError(f"expected e-values >= 0, got {values!r}")
    return benjamini_hochberg(1 / np.maximum(e, 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """The evidence that each of some features has changed at some time, after so many windows.

    Each window's p-value is made into e-values and multiplied on. A change can begin at any window,
    so products that begin at each of them are added up, with weights that sum to 1, and so are the
    powers of `POWERS`. Without drift the mean of `values` is at most 1 after any number of windows,
    and the chance that it ever reaches 1 / alpha is at most alpha (Ville's inequality), provided
    that the p-values of different windows are independent: see `Watch` for such.

    `started` (shape `(k, 3)`) holds the products that have begun, `looks` (shape `(k,)`) how many
    windows were counted; what has not begun weighs 1 / (1 + log(1 + looks)).

    Source: Ramdas, Grünwald, Vovk and Shafer (2023), Statistical Science 38; mixing over the time of
    change as in Shin, Ramdas and Rinaldo (2024), New England Journal of Statistics in Data Science 2.
    """

    started: Floats
    looks: npt.NDArray[np.int64]

    @classmethod
    def none(cls, features: int) -> Self:
        """Give the evidence before the first window."""
        return cls(np.zeros((features, POWERS.size)), np.zeros(features, dtype=np.int64))

    @property
    def values(self) -> Floats:
        """The e-values, shape `(k,)`; 1 before the first window."""
        return np.asarray(self.started.mean(axis=1) + _waiting(self.looks))

    def update(self, p_values: Floats) -> Self:
        """Give the evidence after one more window; a p-value of NaN leaves it as it was.

        >>> Evidence.none(2).update(np.array([1e-4, 0.5])).values.round(1).tolist()
        [33.9, 0.9]
        """
        known = ~np.isnan(p_values)
        factors = np.stack([e_values(np.nan_to_num(p_values, nan=1.0), power=k) for k in POWERS])
        begun = (
            self.started + (_waiting(self.looks) - _waiting(self.looks + 1))[:, None]
        ) * factors.T
        started = np.where(known[:, None], np.minimum(begun, _MOST), self.started)
        return type(self)(started, self.looks + known)

    def to_dict(self) -> dict[str, Any]:
        """Give the content as plain JSON."""
        return {"started": self.started.tolist(), "looks": self.looks.tolist()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`. Raises `DataError` for what is not such."""
        try:
            looks = np.array(content["looks"], dtype=np.int64)
            started = np.array(content["started"], dtype=np.float64).reshape(-1, POWERS.size)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"expected kept evidence, got some without {error}") from error
        if started.shape[0] != looks.size or not (started >= 0).all() or (looks < 0).any():
            raise DataError(
                f"expected evidence >= 0 of {looks.size} features, got that of {started.shape[0]}"
            )
        return cls(started, looks)


def _waiting(looks: npt.NDArray[np.int64]) -> Floats:
    return np.asarray(1 / (1 + np.log1p(looks)))
