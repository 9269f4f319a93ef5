"""The log of a pipeline that ran, opened to be read only."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
from sqlalchemy import URL, Connection, create_engine, event, func, make_url, or_, select

from modelward.adaptive_pipeline import feed, losses
from modelward.adaptive_pipeline.ledger import Ledger
from modelward.adaptive_pipeline.losses import Loss
from modelward.adaptive_pipeline.simulator.events import Request, Truth
from modelward.adaptive_pipeline.store.schema import labels, predictions
from modelward.adaptive_pipeline.store.store import Store
from modelward.core.errors import DataError

_PAGE = 1_000


class ReadOnly(Store):
    """A store in a file or a PostgreSQL database that cannot be changed through this object."""

    def __init__(self, source: str | Path) -> None:
        super().__init__("sqlite://")  # with the log's own URL it would bring the tables up to date
        self.engine.dispose()
        self.url = str(source)
        given = make_url(self.url) if "://" in self.url else None
        if given is None or given.get_backend_name() == "sqlite":
            file = Path(given.database or "" if given else source)
            if not file.is_file():
                raise DataError(f"expected the database of a pipeline, got no file at {file}")
            name = f"file:{quote(str(file.resolve()))}"
            url = URL.create("sqlite", database=name, query={"mode": "ro", "uri": "true"})
            self.engine = create_engine(url, connect_args={"timeout": 30.0})
            return
        self.engine = create_engine(given.set(drivername="postgresql+psycopg"))

        @event.listens_for(self.engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql("SET TRANSACTION READ ONLY")


class Log:
    """The requests and labels of a pipeline that ran, in the order in which they came.

    `until` is the newest request when it was opened: what a running pipeline adds is left out.

    Raises `DataError` for a file that is not there, or a log without a request.
    """

    def __init__(self, source: Store | str | Path) -> None:
        self.store = source if isinstance(source, Store) else ReadOnly(source)
        self._ours = self.store is not source
        with self.store.reading() as tx:
            query = select(predictions.c.seq).order_by(predictions.c.seq)
            self.seqs = np.fromiter(tx.execute(query).scalars(), dtype=np.int64)
            newest = tx.scalar(select(func.max(labels.c.at)))
        self._last = -np.inf if newest is None else float(newest)
        if not len(self.seqs):
            self.close()
            raise DataError("expected a log with requests, got one without any")

    def close(self) -> None:
        """Let go of the database, unless it was given as a store."""
        if self._ours:
            self.store.close()

    @property
    def champion(self) -> str:
        """The version that was champion at the first request."""
        arm = predictions.c.arm
        query = (
            select(predictions.c.version)
            .where(or_(arm.is_(None), arm == "champion"))
            .order_by(predictions.c.seq)
            .limit(1)
        )
        with self.store.reading() as tx:
            return str(tx.scalar(query))

    @property
    def start(self) -> float:
        """The time of the first request (Unix seconds)."""
        return self._first[0]

    @property
    def columns(self) -> list[str]:
        """The columns of the first request."""
        return list(self._first[1])

    @property
    def _first(self) -> tuple[float, dict[str, Any]]:
        query = select(predictions.c.at, predictions.c.row).order_by(predictions.c.seq).limit(1)
        with self.store.reading() as tx:
            at, row = tx.execute(query).one()
        return float(at), dict(row)

    def events(self) -> Iterator[Request | Truth]:
        """Give requests in the order of recording, and each label at the time it arrived.

        `at` is in Unix seconds. Requests come before labels of the same time, and where the clock
        was set back, all at the time it had shown before.
        """
        with self.store.reading() as tx:
            streams: list[Iterable[Request | Truth]] = [self._requests(tx), self._labels(tx)]
            yield from heapq.merge(*streams, key=lambda e: (e.at, isinstance(e, Truth)))

    def number(self, seq: int) -> int:
        """Say the how manyth request (from 1) the first one from `seq` on is."""
        return int(np.searchsorted(self.seqs, seq)) + 1

    def changes(self) -> list[int]:
        """Name the first request (by number) of each change that led to a retraining."""
        started = [e.body for e in Ledger(self.store).entries("decision") if e.body["start"]]
        return sorted({self.number(int(body["since"] or body["served"])) for body in started})

    def losses(self, loss: Loss) -> npt.NDArray[np.float64]:
        """Give the loss of what was served to each request; NaN where there is no label.

        Of a label that was revised, the last revision counts.
        """
        found = np.full(len(self.seqs), np.nan)
        standing = np.full(len(self.seqs), -1)
        after = 0
        while rows := feed.read(self.store, after=after, limit=_PAGE, shadowed=False):
            after = rows[-1].position
            for row in rows:
                place = self.number(row.seq) - 1
                if place < len(found) and row.revision > standing[place]:
                    standing[place] = row.revision
                    found[place] = _loss(loss, row)
        return found

    def _requests(self, tx: Connection) -> Iterator[Request]:
        c = predictions.c
        query = (
            select(c.at, c.request_id, c.row, c.unit)
            .where(c.seq <= int(self.seqs[-1]))
            .order_by(c.seq)
            .execution_options(yield_per=_PAGE)
        )
        at = -np.inf
        for row in tx.execute(query):
            at = max(at, row.at)
            unit = None if row.unit == row.request_id else row.unit
            yield Request(at, row.request_id, row.row, unit=unit)

    def _labels(self, tx: Connection) -> Iterator[Truth]:
        c = labels.c
        query = (
            select(c.at, c.request_id, c.label, c.revision)
            .where(c.at <= self._last)
            .order_by(c.at, c.request_id, c.revision)
            .execution_options(yield_per=_PAGE)
        )
        for row in tx.execute(query):
            yield Truth(row.at, row.request_id, row.label, row.revision)


def _loss(loss: Loss, row: feed.Joined) -> float:
    try:
        return losses.of(loss, row.label, row.prediction)
    except Exception:  # the loss is the user's function; the controller passed over it as well
        return float("nan")
