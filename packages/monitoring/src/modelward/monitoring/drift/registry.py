"""The methods there are, by name."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType

from modelward.core.errors import DataError
from modelward.monitoring.drift.base import DriftMethod
from modelward.monitoring.drift.chi_square import CHI_SQUARE
from modelward.monitoring.drift.jensen_shannon import JENSEN_SHANNON
from modelward.monitoring.drift.kolmogorov_smirnov import KS
from modelward.monitoring.drift.psi import PSI
from modelward.monitoring.drift.wasserstein import WASSERSTEIN

METHODS: Mapping[str, DriftMethod] = MappingProxyType(
    {m.name: m for m in (KS, WASSERSTEIN, PSI, JENSEN_SHANNON, CHI_SQUARE)}
)
"""Every drift method by name; read-only."""


def drift_method(name: str) -> DriftMethod:
    """Give a method by name. Raises `DataError` naming the nearest one.

    >>> drift_method("psi").unit
    'nats'
    """
    if name not in METHODS:
        near = get_close_matches(name, METHODS, n=1)
        raise DataError(
            f"expected a drift method of {', '.join(METHODS)}, got {name!r}",
            hint=f"did you mean '{near[0]}'?" if near else "",
        )
    return METHODS[name]
