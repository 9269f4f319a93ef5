"""Fires when inputs or outputs have shifted, before any label has come."""

from __future__ import annotations

import hashlib
import logging
import math
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import func, select

from modelward.adaptive_pipeline.store.schema import predictions
from modelward.adaptive_pipeline.triggers.signal import Signal
from modelward.adaptive_pipeline.triggers.trigger import Trigger
from modelward.core.errors import ConfigError, DataError
from modelward.core.optional import require

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.store.store import Store

OUTPUT = "(prediction)"  # what the output is called beside the inputs
LAST = "drift"  # under which the store keeps what the last look saw, to be exported
_TOLD = 50  # columns of it, the furthest shifted first
logger = logging.getLogger(__name__)


class Drift(Trigger):
    """Compares the newest requests with the first ones a champion answered.

    The first `reference` requests after a new champion began are what it is held to. From then on,
    each `every` requests, the newest `window` requests it answered are compared with them, each
    input and the output, by `modelward.monitoring.compare`; the trigger fires when at least one has
    shifted by more than chance and by at least `smallest_shift` (of a share, see `compare`).

    Looking again and again costs false alarms, so the error is spent: look k may be wrong with
    probability `alpha * 6 / (pi k)^2`, which adds up to `alpha` over all looks, however many. While
    nothing changes, the chance that a champion is ever blamed is at most `alpha`, whatever the
    columns have to do with each other (Benjamini and Yekutieli's rule); that is so for requests that
    are independent of each other. After it fired it is silent until `rearm` or `reset`.

    It looks at requests only, so a shift that does no harm to the predictions is told as well. What
    the last look saw of each column is kept in the store, and exported (`modelward_pipeline_drift`).

    Raises `ConfigError` for settings out of range, and `MissingPackageError` without
    `modelward.monitoring`.

    >>> Drift(alpha=0.05)
    Drift(reference=500, window=500, every=100, alpha=0.05)

    Source: the sum of 1 / k^2 is pi^2 / 6, so the looks together take `alpha` at most (union
    bound); Benjamini and Yekutieli, The control of the false discovery rate in multiple testing
    under dependency, Annals of Statistics 29 (2001).
    """

    def __init__(
        self,
        *,
        reference: int = 500,
        window: int = 500,
        every: int = 100,
        alpha: float = 0.01,
        smallest_shift: float = 0.05,
    ) -> None:
        if min(reference, window) < 50 or every < 1 or not 0 < alpha < 1:
            raise ConfigError(
                "expected reference and window >= 50, every >= 1 and 0 < alpha < 1, got "
                f"reference={reference}, window={window}, every={every}, alpha={alpha}"
            )
        self.reference = reference
        self.window = window
        self.every = every
        self.alpha = alpha
        self.smallest_shift = smallest_shift
        self._monitoring = require(
            "modelward.monitoring", feature="the drift trigger", install="./packages/monitoring"
        )
        self._store: Store | None = None
        self.reset()

    def connect(self, store: Store) -> None:
        """Watch the requests recorded in this store."""
        self._store = store

    def reset(self) -> None:
        """Begin anew: the next requests are the reference."""
        self._first: int | None = None  # the last request before the reference
        self._held: dict[str, Any] | None = None  # the reference: sketch, version, last request
        self._look = 0  # number of the last look
        self.rearm()

    def rearm(self) -> None:
        """Keep the reference, and look only at requests that come from now on."""
        self._after: int | None = None
        self._fired = False

    def poll(self, now: float) -> Signal | None:  # noqa: ARG002 - it counts requests, not seconds
        """Look when `every` more requests have come; give a signal when a shift is shown."""
        if self._store is None or self._fired:
            return None
        served = self._store.served()
        if self._first is None:
            self._first = served
        if self._after is None:
            self._after = served
        # Looks stand at fixed requests: one that is taken again after a restart sees the same ones.
        start = self._first + self.reference + self.window - self.every
        look = (served - start) // self.every
        if look <= self._look:
            return None
        until = start + look * self.every
        try:
            signal = self._compare(self._store, look, until)
        except DataError as error:
            logger.warning("%s cannot compare the requests up to %d: %s", self, until, error.fact)
            signal = None
        self._look = look
        self._fired = signal is not None
        return signal

    def error(self, look: int) -> float:
        """Give the chance of a false alarm that look number `look` (from 1) may take."""
        return self.alpha * 6 / (math.pi * look) ** 2

    def _compare(self, store: Store, look: int, until: int) -> Signal | None:
        held = self._reference(store)
        if held is None:
            return None
        first = max(held["last"], self._after or 0)
        rows = _read(store, held["version"], first, until, self.window, newest=True)
        if len(rows) < self.window:
            return None
        before = self._monitoring.Sketch.from_dict(held["sketch"])
        result = self._monitoring.compare(
            before,
            before.empty().add(_frame(rows)),
            q=self.error(look),
            smallest_shift=self.smallest_shift,
            control="benjamini_yekutieli",
        )
        seen = {
            each.feature: {"change": each.test.effect.value, "shown": each.drifted}
            for each in result.ranked[:_TOLD]
            if each.test.effect is not None
        }
        store.save_state(LAST, {"version": held["version"], "until": until, "columns": seen})
        if not result.shifted:
            return None
        told = "; ".join(f"{name}: {result[name].words}" for name in result.shifted[:5])
        more = f" and {len(result.shifted) - 5} more" if len(result.shifted) > 5 else ""
        reason = (
            f"{told}{more} ({len(rows)} requests against the first {self.reference}, look {look}, "
            f"error spent {self.error(look):.2g} of {self.alpha:g})"
        )
        return Signal(trigger=self.name, reason=reason, since=rows[0][0])

    def _reference(self, store: Store) -> dict[str, Any] | None:
        """Give the reference, made and kept in the store the first time; None before it is whole."""
        if self._held is None:
            kept = store.load_state(self._key)
            self._held = kept if kept and kept["first"] == self._first else self._learn(store)
        return self._held

    def _learn(self, store: Store) -> dict[str, Any] | None:
        first = self._first or 0
        version = _main_version(store, first, first + self.reference)
        if version is None:
            return None
        rows = _read(store, version, first, None, self.reference)
        if len(rows) < self.reference:
            return None
        sketch = self._monitoring.Sketch.fit(_frame(rows)).to_dict()
        held = {"first": first, "last": rows[-1][0], "version": version, "sketch": sketch}
        store.save_state(self._key, held)
        return held

    @property
    def _key(self) -> str:
        return f"drift:{hashlib.sha256(self.name.encode()).hexdigest()[:32]}"

    @property
    def state(self) -> dict[str, Any]:
        """What it stands at, as plain values for `restore`; the reference is kept in the store."""
        return {
            "first": self._first,
            "after": self._after,
            "look": self._look,
            "fired": self._fired,
        }

    def restore(self, state: dict[str, Any]) -> Self:
        """Go on from a `state` taken before."""
        self.reset()
        self._first = state["first"]
        self._after = state["after"]
        self._look = int(state["look"])
        self._fired = bool(state["fired"])
        return self

    def __repr__(self) -> str:
        return (
            f"Drift(reference={self.reference}, window={self.window}, every={self.every}, "
            f"alpha={self.alpha:g})"
        )


def _main_version(store: Store, after: int, until: int) -> str | None:
    """Find who answered most of some requests: while a plan changes, two may answer."""
    at = predictions.c
    query = (
        select(at.version)
        .where(at.seq > after, at.seq <= until, at.error.is_(None))
        .group_by(at.version)
        .order_by(func.count().desc(), at.version)
        .limit(1)
    )
    with store.reading() as tx:
        found = tx.scalar(query)
    return None if found is None else str(found)


def _read(
    store: Store, version: str, after: int, until: int | None, limit: int, *, newest: bool = False
) -> list[tuple[int, dict[str, Any]]]:
    """Give answered requests of a version in order, each with its number; the output as a column."""
    at = predictions.c
    query = select(at.seq, at.row, at.prediction).where(
        at.seq > after, at.version == version, at.error.is_(None)
    )
    if until is not None:
        query = query.where(at.seq <= until)
    query = query.order_by(at.seq.desc() if newest else at.seq).limit(limit)
    with store.reading() as tx:
        rows = [(int(seq), {**row, OUTPUT: said}) for seq, row, said in tx.execute(query)]
    return rows[::-1] if newest else rows


def _frame(rows: list[tuple[int, dict[str, Any]]]) -> Any:
    import pandas as pd

    return pd.DataFrame([row for _, row in rows])
