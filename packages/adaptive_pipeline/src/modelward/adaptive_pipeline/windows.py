"""Windows: which labelled requests a retraining learns from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import func, select

from modelward.adaptive_pipeline.schema import joined, predictions
from modelward.adaptive_pipeline.triggers.signal import Signal
from modelward.core.errors import ConfigError
from modelward.core.evidence.seal import digest

if TYPE_CHECKING:
    import pandas as pd

    from modelward.adaptive_pipeline.store import Store


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Labelled requests in order of serving: features `X` (n rows), labels `y`, their `seq`."""

    X: pd.DataFrame
    y: pd.Series
    seq: tuple[int, ...]

    def part(self, rows: list[int]) -> TrainingData:
        """Give some of the rows, by place."""
        return TrainingData(
            self.X.iloc[rows].reset_index(drop=True),
            self.y.iloc[rows].reset_index(drop=True),
            tuple(self.seq[row] for row in rows),
        )

    @property
    def sha256(self) -> str:
        """Digest of the content, `sha256:...`: the same data give the same digest anywhere."""
        rows = self.X.to_dict("records")
        return digest({"X": rows, "y": self.y.tolist(), "seq": list(self.seq)})


class WindowPolicy(Protocol):
    """Chooses the first request of the window; it needs `minimum` labelled ones."""

    @property
    def minimum(self) -> int:
        """The least number of labelled requests."""
        ...

    def first(self, signal: Signal, latest: int) -> int:
        """Give the seq of the window's first request, when `latest` is that of the newest."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SinceDrift:
    """All labelled requests since the change the trigger saw; the last `minimum` where it saw none.

    >>> SinceDrift(minimum=150).first(Signal(trigger="t", reason="r", since=501), latest=700)
    501
    """

    minimum: int = 150

    def __post_init__(self) -> None:
        _check(self.minimum)

    def first(self, signal: Signal, latest: int) -> int:
        """Give the seq at which the signal's change began."""
        return signal.since if signal.since is not None else max(1, latest - self.minimum + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastN:
    """The last `n` served requests, of which at least `minimum` must be labelled.

    >>> LastN(n=400).first(Signal(trigger="t", reason="r"), latest=700)
    301
    """

    n: int = 1_000
    minimum: int = 150

    def __post_init__(self) -> None:
        _check(self.minimum)

    def first(self, signal: Signal, latest: int) -> int:  # noqa: ARG002 - a fixed length
        """Give the seq `n` requests back."""
        return max(1, latest - self.n + 1)


def _check(minimum: int) -> None:
    if minimum < 20:
        raise ConfigError(f"expected a window of at least 20 labelled requests, got {minimum}")


def latest(store: Store) -> int:
    """Give the seq of the newest labelled request, 0 before the first."""
    with store.reading() as tx:
        return int(tx.scalar(select(func.max(joined.c.seq))) or 0)


def count(store: Store, first: int) -> int:
    """Count the labelled requests from `first` on."""
    with store.reading() as tx:
        query = select(func.count()).select_from(joined).where(joined.c.seq >= first)
        return int(tx.scalar(query) or 0)


def load(store: Store, first: int) -> TrainingData:
    """Load the labelled requests from `first` on."""
    import pandas as pd

    query = (
        select(joined.c.seq, predictions.c.row, joined.c.label)
        .join(predictions, predictions.c.request_id == joined.c.request_id)
        .where(joined.c.seq >= first)
        .order_by(joined.c.seq)
    )
    with store.reading() as tx:
        rows = tx.execute(query).all()
    return TrainingData(
        pd.DataFrame([row.row for row in rows]),
        pd.Series([row.label for row in rows], name="label"),
        tuple(row.seq for row in rows),
    )
