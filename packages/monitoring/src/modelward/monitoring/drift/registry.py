"""The methods there are, by name."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import TypeVar

from modelward.core.errors import DataError
from modelward.monitoring.drift.adwin import ADWIN
from modelward.monitoring.drift.base import DriftMethod, Method
from modelward.monitoring.drift.chi_square import CHI_SQUARE
from modelward.monitoring.drift.classifier import CLASSIFIER
from modelward.monitoring.drift.energy import ENERGY
from modelward.monitoring.drift.hellinger import HELLINGER
from modelward.monitoring.drift.jensen_shannon import JENSEN_SHANNON, JENSEN_SHANNON_NATS
from modelward.monitoring.drift.kolmogorov_smirnov import KS
from modelward.monitoring.drift.kswin import KSWIN
from modelward.monitoring.drift.l_infinity import L_INFINITY
from modelward.monitoring.drift.mmd import MMD
from modelward.monitoring.drift.page_hinkley import PAGE_HINKLEY
from modelward.monitoring.drift.pca_reconstruction import PCA_RECONSTRUCTION
from modelward.monitoring.drift.psi import PSI
from modelward.monitoring.drift.streams import StreamMethod
from modelward.monitoring.drift.table_energy import TABLE_ENERGY
from modelward.monitoring.drift.tables import TableMethod
from modelward.monitoring.drift.wasserstein import WASSERSTEIN

_COLUMNS = (
    KS,
    WASSERSTEIN,
    PSI,
    JENSEN_SHANNON,
    JENSEN_SHANNON_NATS,
    HELLINGER,
    CHI_SQUARE,
    L_INFINITY,
    ENERGY,
)
_TABLES = (MMD, TABLE_ENERGY, CLASSIFIER, PCA_RECONSTRUCTION)
_STREAMS = (ADWIN, PAGE_HINKLEY, KSWIN)
METHODS: Mapping[str, Method] = MappingProxyType(
    {method.name: method for method in (*_COLUMNS, *_TABLES, *_STREAMS)}
)
"""Every drift method by name; read-only."""
_Kind = TypeVar("_Kind", bound=Method)


def drift_method(name: str) -> DriftMethod:
    """Give a method on columns by name. Raises `DataError` naming the nearest one.

    >>> drift_method("psi").unit
    'nats'
    """
    return _of(name, DriftMethod)


def table_method(name: str) -> TableMethod:
    """Give a method on whole tables by name. Raises `DataError` naming the nearest one.

    >>> table_method("mmd").p_value
    '199 permutations'
    """
    return _of(name, TableMethod)


def stream_method(name: str) -> StreamMethod:
    """Give a method along a stream by name. Raises `DataError` naming the nearest one.

    >>> stream_method("adwin").on
    'streams'
    """
    return _of(name, StreamMethod)


def _of(name: str, kind: type[_Kind]) -> _Kind:
    found = METHODS.get(name)
    if isinstance(found, kind):
        return found
    fitting = [key for key, method in METHODS.items() if isinstance(method, kind)]
    near = get_close_matches(name, fitting, n=1)
    hint = f"did you mean '{near[0]}'?" if near else ""
    if found is not None:
        hint = f"'{name}' works on {found.on}."
    raise DataError(f"expected a drift method of {', '.join(fitting)}, got {name!r}", hint=hint)
