"""Numbers as words."""

from __future__ import annotations


def percent(share: float, digits: int = 0) -> str:
    """Write a share as a percentage that never rounds to none or to all unless it is.

    >>> percent(0.973), percent(0.9996), percent(1.0), percent(0.0004, 1), percent(0.0)
    ('97 %', 'over 99 %', '100 %', 'under 0.1 %', '0 %')
    """
    if share in {0.0, 1.0}:
        return f"{share * 100:.0f} %"
    step = 10.0**-digits
    text = f"{share * 100:.{digits}f}"
    if float(text) == 0.0:
        return f"under {step:g} %"
    if float(text) == 100.0:
        return f"over {100.0 - step:g} %"
    return f"{text} %"
