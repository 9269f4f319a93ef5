"""The short form of a decision on one model: what a list of ten thousand needs of each."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass

from modelward.monitoring.decisions.result import DriftResult
from modelward.monitoring.fleet.store.packing import pack_features


@dataclass(frozen=True, slots=True)
class Brief:
    """What the fleet's table shows of a decision, and how to get at the rest.

    `rows` are those of reference and window, `judged` the features of which something can be said;
    `detail` gives the decisions on all features as bytes, `result` the whole decision.
    """

    model: str
    rows: tuple[int, int]
    features: int
    drifted: tuple[str, ...]
    cannot_say: tuple[str, ...]
    largest_change: float
    smallest_q: float | None
    judged: Set[str]
    detail: Callable[[], bytes]
    result: Callable[[], DriftResult]


def brief_of(result: DriftResult) -> Brief:
    """Give the short form of a decision."""
    q_values = [f.q_value for f in result.features if f.q_value is not None]
    return Brief(
        model=result.model,
        rows=(result.reference_rows, result.current_rows),
        features=len(result.features),
        drifted=result.shifted,
        cannot_say=result.cannot_say,
        largest_change=result.largest_change,
        smallest_q=min(q_values, default=None),
        judged=frozenset(f.feature for f in result.features if f.verdict != "cannot say"),
        detail=lambda: pack_features(result.features),
        result=lambda: result,
    )
