"""Writing measured numbers as a card shows them."""

from __future__ import annotations

import math

_EXACT = 1e16  # from here on, floats are written with an exponent


def printed(value: float) -> float | int | str:
    """Round a number to what a card shows: four digits, and never coarser than a whole number.

    What is not finite is written as text.

    >>> printed(0.069325), printed(8.0), printed(1510.25), printed(float("nan"))
    (0.06933, 8, 1510, 'nan')
    """
    if not math.isfinite(value):
        return str(float(value))
    if abs(value) < _EXACT and (abs(value) >= 1000 or value == int(value)):
        return round(value)
    rounded = float(f"{value:.4g}")
    return rounded if math.isfinite(rounded) else value  # the largest round up to infinity
