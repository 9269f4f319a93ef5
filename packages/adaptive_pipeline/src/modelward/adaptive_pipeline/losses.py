"""Losses of one prediction: what is compared, watched and held to be lowered."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from modelward.core.errors import ConfigError, DataError

Loss = Callable[[Any, Any], float]
"""`loss(label, prediction)`, a finite number, lower is better."""


def zero_one(label: Any, prediction: Any) -> float:
    """Give 1 for a wrong class and 0 for the right one.

    >>> zero_one("sky", "grass"), zero_one("sky", "sky")
    (1.0, 0.0)
    """
    return float(label != prediction)


def squared(label: float, prediction: float) -> float:
    """Give the squared error of a number.

    >>> squared(3.0, 1.0)
    4.0
    """
    return float(label - prediction) ** 2


def absolute(label: float, prediction: float) -> float:
    """Give the absolute error of a number.

    >>> absolute(3.0, 1.0)
    2.0
    """
    return abs(float(label - prediction))


def of(loss: Loss, label: Any, prediction: Any) -> float:
    """Work out a loss and see that it is a finite number; `DataError` where it is not."""
    value = float(loss(label, prediction))
    if not math.isfinite(value):
        raise DataError(
            f"expected a finite loss, got {value} for label {label!r} and prediction {prediction!r}"
        )
    return value


NAMED: dict[str, Loss] = {"zero_one": zero_one, "squared": squared, "absolute": absolute}


def find(loss: str | Loss) -> Loss:
    """Give a loss by its name, or the function itself. Raises `ConfigError` naming those known.

    >>> find("squared")(1.0, 2.0)
    1.0
    """
    if callable(loss):
        return loss
    if loss not in NAMED:
        raise ConfigError(
            f"expected a loss of {', '.join(NAMED)}, got {loss!r}",
            hint="or pass your own function loss(label, prediction).",
        )
    return NAMED[loss]
