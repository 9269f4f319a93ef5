"""When a printed number and a measured one are the same, and when a name holds another."""

from __future__ import annotations

import math
import re
from decimal import Decimal, DecimalException

RELATIVE = Decimal("0.05")
"""Largest distance as a share of the measured value: what rounding to two digits can do."""


def agrees(text: str, value: float) -> bool:
    r"""Tell whether a printed number is the value, rounded to the digits it is printed with.

    They agree when \(|printed - value| \le \min(u / 2, 0.05\,|value|)\), where `u` is one unit of
    the last digit printed. The second bound bites where a single digit is printed: "1" is 0.79
    rounded to whole numbers, but no reader would take it for 0.79. Numbers that are not finite
    agree with themselves. Text that is no number agrees with nothing.

    >>> agrees("0.79", 0.7925), agrees("0.80", 0.7925), agrees("0.10", 0.7925)
    (True, False, False)
    >>> agrees("0.8", 0.7925), agrees("1", 0.7925)
    (True, False)
    """
    if not math.isfinite(value):
        return text.strip().lower().replace(".", "") == repr(float(value))
    try:
        shown, measured = Decimal(text.strip().replace("_", "")), Decimal(repr(float(value)))
        exponent = shown.as_tuple().exponent
        if not isinstance(exponent, int):  # "nan" and "inf" are numbers to Decimal
            return False
        distance = abs(shown - measured)
        return distance <= min(Decimal(5).scaleb(exponent - 1), RELATIVE * abs(measured))
    except DecimalException:  # no number, or one whose exponent is out of reach
        return False


def holds(name: object, part: object) -> bool:
    """Tell whether a name holds another as whole words, whatever joins them.

    >>> holds("Adversarial AP@50 (small)", "AP_50"), holds("APE", "AP")
    (True, False)
    """
    return _words(part) in _words(name)


def _words(name: object) -> str:
    return " " + " ".join(re.findall(r"[^\W_]+", str(name).lower())) + " "
