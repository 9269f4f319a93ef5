"""The monitor: the loss of each model version, over windows of the requests it scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, select

from modelward.adaptive_pipeline.schema import joined, losses
from modelward.adaptive_pipeline.store import Store
from modelward.core.errors import ConfigError
from modelward.core.metrics import Moments


@dataclass(frozen=True, slots=True)
class Window:
    """Moments of one version's loss over the labelled requests `first` to `last` (by seq)."""

    version: str
    first: int
    last: int
    loss: Moments


class Monitor:
    """Keeps the loss of every version on every labelled request, and sums it up by windows.

    Windows follow the order of serving, not of label arrival: `window` labelled requests each, so a
    label that comes late lands where its request was. The last window may be shorter.

    Raises `ConfigError` for a `window` below 2.
    """

    def __init__(self, store: Store, *, window: int = 50) -> None:
        if window < 2:
            raise ConfigError(f"expected a window of at least 2 requests, got {window}")
        self.store = store
        self.window = window

    def record(
        self, position: int, by_version: Mapping[str, float], *, connection: Connection
    ) -> None:
        """Keep the losses on the request joined at `position`; the same again changes nothing."""
        for version, loss in by_version.items():
            insert = self.store.insert(losses).values(position=position, version=version, loss=loss)
            connection.execute(insert.on_conflict_do_nothing())

    def series(
        self, version: str, *, first: int = 1, last: int | None = None
    ) -> list[tuple[int, float]]:
        """Give (seq, loss) of a version on the requests `first` to `last`, in order of serving."""
        query = (
            select(joined.c.seq, losses.c.loss)
            .join(joined, joined.c.position == losses.c.position)
            .where(losses.c.version == version, joined.c.seq >= first)
            .order_by(joined.c.seq)
        )
        if last is not None:
            query = query.where(joined.c.seq <= last)
        with self.store.reading() as tx:
            return [(int(seq), float(loss)) for seq, loss in tx.execute(query)]

    def loss(self, version: str, *, first: int = 1, last: int | None = None) -> Moments:
        """Give the moments of a version's loss on the requests `first` to `last`."""
        return Moments.of([loss for _, loss in self.series(version, first=first, last=last)])

    def windows(self, version: str) -> list[Window]:
        """Give the windows of a version, oldest first."""
        series = self.series(version)
        parts = [series[i : i + self.window] for i in range(0, len(series), self.window)]
        return [
            Window(version, part[0][0], part[-1][0], Moments.of([loss for _, loss in part]))
            for part in parts
        ]

    def versions(self) -> list[str]:
        """Name the versions that have a loss, in the order they first had one."""
        with self.store.reading() as tx:
            rows = tx.execute(select(losses.c.version).order_by(losses.c.position)).scalars()
            return list(dict.fromkeys(rows))
