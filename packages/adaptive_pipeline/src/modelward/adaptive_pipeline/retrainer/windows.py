"""Windows: which labelled requests a retraining learns from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import ColumnElement, Select, Subquery, exists, func, select

from modelward.adaptive_pipeline.losses import Loss, of
from modelward.adaptive_pipeline.retrainer.job import TrainingData
from modelward.adaptive_pipeline.store.schema import joined, predictions
from modelward.adaptive_pipeline.triggers.signal import Signal
from modelward.core.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Connection

    from modelward.adaptive_pipeline.store.store import Store

__all__ = ["LastN", "ReservoirRecent", "SinceDrift", "TrainingData", "WindowPolicy"]

_PRIME = 2**31 - 1  # products of two numbers below it fit into the database's 64 bits


class WindowPolicy(Protocol):
    """Chooses labelled requests for a retraining, and needs `minimum` of them."""

    @property
    def minimum(self) -> int:
        """The least number of labelled requests."""
        ...

    def choose(self, signal: Signal, labelled: Subquery) -> Select[tuple[int]]:
        """Give the query for the `seq` of the chosen requests; `labelled` has those there are."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SinceDrift:
    """All labelled requests since the change the trigger saw; the last `minimum` where it saw none.

    Where there are more than `maximum`, its newest: a wish may wait for long.

    Raises `ConfigError` for a `minimum` below 20 or above `maximum`.

    >>> SinceDrift(minimum=200)
    SinceDrift(minimum=200, maximum=100000)
    """

    minimum: int = 150
    maximum: int = 100_000

    def __post_init__(self) -> None:
        _check(self.minimum, self.maximum)

    def choose(self, signal: Signal, labelled: Subquery) -> Select[tuple[int]]:
        """Choose by the seq at which the signal's change began."""
        if signal.since is None:
            return _newest(labelled, self.minimum)
        return _newest(labelled, self.maximum).where(labelled.c.seq >= signal.since)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastN:
    """The last `n` labelled requests; it waits until there are `minimum`.

    Raises `ConfigError` for a `minimum` below 20 or above `n`.

    >>> LastN(n=400, minimum=150)
    LastN(n=400, minimum=150)
    """

    n: int = 1_000
    minimum: int = 150

    def __post_init__(self) -> None:
        _check(self.minimum, self.n)

    def choose(self, signal: Signal, labelled: Subquery) -> Select[tuple[int]]:  # noqa: ARG002
        """Choose the newest, whatever the signal."""
        return _newest(labelled, self.n)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReservoirRecent:
    """The last `recent` labelled requests, and `reservoir` drawn uniformly from all before them.

    So a model follows what is new without forgetting what is rare. The draw keeps the requests with
    the smallest hash, a polynomial of degree 3 in the request's number whose coefficients come from
    `seed`: any four requests are hashed independently, nothing has to be remembered, and the same
    log gives the same draw anywhere.

    Raises `ConfigError` for a `minimum` below 20 or above the rows there can be, or a negative
    `reservoir`.

    References: M. N. Wegman, J. L. Carter, "New hash functions and their use in authentication and
    set equality", JCSS 22 (1981), section 1; M. Thorup, "Bottom-k and priority sampling, set
    similarity and subset sums with minimal independence", STOC 2013, theorem 1.

    >>> ReservoirRecent(recent=200, reservoir=800, minimum=150, seed=0)
    ReservoirRecent(recent=200, reservoir=800, minimum=150, seed=0)
    """

    recent: int = 500
    reservoir: int = 500
    minimum: int = 150
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self.minimum, self.recent + self.reservoir)
        if self.reservoir < 0 or self.recent < 1:
            raise ConfigError(
                f"expected recent >= 1 and reservoir >= 0, got {self.recent} and {self.reservoir}"
            )

    def choose(self, signal: Signal, labelled: Subquery) -> Select[tuple[int]]:  # noqa: ARG002
        """Choose the newest and a draw of the others, whatever the signal."""
        recent = _newest(labelled, self.recent).subquery("recent")
        start = select(func.min(recent.c.seq)).scalar_subquery()
        older = (
            select(labelled.c.seq)
            .where(labelled.c.seq < start)
            .order_by(self._hash(labelled.c.seq), labelled.c.seq)
            .limit(self.reservoir)
            .subquery("reservoir")
        )
        return select(select(recent.c.seq).union_all(select(older.c.seq)).subquery("both").c.seq)

    def _hash(self, seq: ColumnElement[int]) -> ColumnElement[int]:
        drawn = hashlib.blake2b(b"reservoir", key=str(self.seed).encode(), digest_size=32).digest()
        # Horner's rule; the reductions keep each product below 2^62.
        value: Any = int.from_bytes(drawn[:8], "big") % (_PRIME - 1) + 1
        for start in (8, 16, 24):
            value = (
                value * (seq % _PRIME) + int.from_bytes(drawn[start:][:8], "big") % _PRIME
            ) % _PRIME
        hashed: ColumnElement[int] = value
        return hashed


def _check(minimum: int, most: int) -> None:
    if minimum < 20:
        raise ConfigError(f"expected a window of at least 20 labelled requests, got {minimum}")
    if minimum > most:
        raise ConfigError(f"expected a minimum of at most the window's {most} rows, got {minimum}")


def _newest(labelled: Subquery, n: int) -> Select[tuple[int]]:
    return select(labelled.c.seq).order_by(labelled.c.seq.desc()).limit(n)


def count(store: Store, policy: WindowPolicy, signal: Signal) -> int:
    """Count the labelled requests a policy would choose now."""
    chosen = policy.choose(signal, _labelled(None)).subquery("chosen")
    with store.reading() as tx:
        return int(tx.scalar(select(func.count()).select_from(chosen)) or 0)


def load(
    store: Store,
    policy: WindowPolicy,
    signal: Signal,
    *,
    loss: Loss | None = None,
    until: int | None = None,
) -> tuple[TrainingData, int]:
    """Load the labelled requests a policy chooses, each with the newest revision of its label.

    With a `loss`, those are left out whose label gives none with the answer they got (the
    controller enters them as unusable): one text among numbers would keep every training from
    beginning for as long as it lies in the window. `until` is the last join to look at (None: the
    last there is); it is given back with the data. The log of joins only grows, so that the same
    `until` gives the same rows again.

    Raises `DataError` when there are none, or their rows or labels do not go together.
    """
    with store.reading() as tx:
        if until is None:
            until = int(tx.scalar(select(func.max(joined.c.position))) or 0)
        rows = _rows(tx, policy.choose(signal, _labelled(until)), until)
    if loss is not None:
        rows = [row for row in rows if _usable(row, loss)]
    if not rows:
        raise DataError("expected labelled requests in the window, got none")
    seq = tuple(row.seq for row in rows)
    return TrainingData(
        _frame([r.row for r in rows], seq), _labels([r.label for r in rows]), seq
    ), until


def _labelled(until: int | None) -> Subquery:
    query = select(joined.c.seq).distinct()
    if until is not None:
        query = query.where(joined.c.position <= until)
    return query.subquery("labelled")


def _rows(tx: Connection, chosen: Select[tuple[int]], until: int) -> Sequence[Any]:
    later = joined.alias("later")
    revised = exists().where(
        later.c.seq == joined.c.seq,
        later.c.revision > joined.c.revision,
        later.c.position <= until,
    )
    wanted = chosen.subquery("wanted")
    query = (
        select(joined.c.seq, predictions.c.row, predictions.c.prediction, joined.c.label)
        .join(wanted, wanted.c.seq == joined.c.seq)
        .join(predictions, predictions.c.seq == joined.c.seq)
        .where(joined.c.position <= until, ~revised)
        .order_by(joined.c.seq)
    )
    return tx.execute(query).all()


def _usable(row: Any, loss: Loss) -> bool:
    try:
        of(loss, row.label, row.prediction)
    except Exception:  # whatever a loss makes of a label that is not for it
        return False
    return True


def _frame(rows: list[dict[str, Any]], seq: tuple[int, ...]) -> pd.DataFrame:
    import pandas as pd

    newest = set(rows[-1])
    for number, row in zip(seq, rows, strict=True):
        if set(row) != newest:
            raise DataError(
                f"expected rows with the columns of the newest, got request {number} with missing "
                f"{sorted(newest - set(row))} and unknown {sorted(set(row) - newest)}",
                hint="choose a window that begins after the columns changed.",
            )
    frame = pd.DataFrame(rows, columns=list(rows[-1]))
    for name in frame.select_dtypes("object"):
        _same_kind(frame[name].tolist(), what=f"column '{name}'")
    return frame


def _labels(labels: list[Any]) -> pd.Series:
    import pandas as pd

    _same_kind(labels, what="the labels")
    return pd.Series(labels, name="label")


def _same_kind(values: list[Any], *, what: str) -> None:
    kinds = {type(value) for value in values}
    if kinds in ({str}, {bool}) or kinds <= {int, float}:
        return
    names = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise DataError(
        f"expected {what} to be all text, all numbers or all true or false, got {names}",
        hint="choose a window that begins after the change, or turn them into one kind in the caller.",
    )
