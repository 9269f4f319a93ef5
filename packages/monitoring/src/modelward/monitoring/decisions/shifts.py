"""The smallest shift that matters: one for all features, or one for each."""

from __future__ import annotations

from collections.abc import Mapping

from modelward.core.errors import DataError

SmallestShift = float | Mapping[str, float]
"""A change of a share in [0, 1) for every feature, or a mapping of feature to change. Features that
are not in the mapping take its entry `"*"`, and where it has none, `DEFAULT`."""
DEFAULT = 0.05


def smallest_of(setting: SmallestShift, feature: str) -> float:
    """Give the smallest shift that matters of a feature.

    >>> smallest_of({"price": 0.2, "*": 0.1}, "price"), smallest_of({"price": 0.2}, "age")
    (0.2, 0.05)
    """
    if isinstance(setting, Mapping):
        return float(setting.get(feature, default_of(setting)))
    return setting


def default_of(setting: SmallestShift) -> float:
    """Give the smallest shift of the features that were not named.

    >>> default_of(0.1), default_of({"price": 0.2})
    (0.1, 0.05)
    """
    return float(setting.get("*", DEFAULT)) if isinstance(setting, Mapping) else setting


def check_shifts(setting: SmallestShift) -> None:
    """Raise `DataError` unless each is in [0, 1)."""
    named = setting.items() if isinstance(setting, Mapping) else [("every feature", setting)]
    for name, value in named:
        if not isinstance(value, (int, float)) or not 0 <= value < 1:
            raise DataError(f"expected 0 <= smallest_shift < 1, got {value!r} for '{name}'")
