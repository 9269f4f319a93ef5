"""The writer: predictions of many requests, written together in one commit."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal

from sqlalchemy import event

from modelward.adaptive_pipeline.store.recording import Recorded, record
from modelward.adaptive_pipeline.store.store import Store
from modelward.core.errors import ServiceError

Durability = Literal["batch", "sync"]
Outcome = Literal["written", "repeated", "refused"]
Done = Callable[[Outcome], object]
_MOST = 500  # rows of one commit, so that a batch is short and others get their turn
logger = logging.getLogger(__name__)


class Writer:
    """Writes recorded predictions in a thread of its own, in the order they were given.

    With `batch`, rows are gathered for `interval` seconds and committed together; when the process is
    killed, what was not yet committed is lost: at most what came in the last `interval` and during
    the commit under way. With `sync` a commit begins at once, for all that wait by then, each is told
    when its row is written, and SQLite waits for the disk, so that nothing is lost to a power cut
    either. A database that does not answer is tried again, and nothing is dropped; but no row is taken
    while `limit` wait, or once the database has been away for `patience` seconds. `close` writes what
    waits.

    Raises `ServiceError` from `put` when no row is taken, and from `close` when the database does not
    come back within its `timeout`.
    """

    def __init__(
        self,
        store: Store,
        *,
        durability: Durability = "batch",
        interval: float = 0.05,
        limit: int = 50_000,
        patience: float = 30.0,
    ) -> None:
        self.store = store
        self.durability = durability
        self.interval = interval
        self.limit = limit
        self.patience = patience
        self.repeated = 0  # rows whose request id turned out to be known
        self.refused = 0  # rows the database will never take
        self.failure: ServiceError | None = None
        self._waiting: deque[tuple[Recorded, Done | None]] = deque()
        self._since: float | None = None  # when the commit under way was first tried
        self._given = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        if durability == "sync":
            _to_disk(store)

    def put(self, row: Recorded, done: Done | None = None) -> None:
        """Take a row; `done` is told what became of it, in the writer's thread."""
        since = self._since
        away = since is not None and time.monotonic() - since > self.patience
        if away or len(self._waiting) >= self.limit:
            raise ServiceError(
                f"expected room for a prediction, got {self.waiting:,} that wait to be written",
                hint="the database does not keep up or is away; send the request again later.",
            )
        with self._lock:  # what waits has a thread that writes it
            self._waiting.append((row, done))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
                self._thread.start()
        if not self._given.is_set():
            self._given.set()

    @property
    def waiting(self) -> int:
        """How many rows wait to be written."""
        return len(self._waiting)

    def close(self, *, timeout: float = 30.0) -> None:
        """Write what waits, and stop."""
        with self._lock:
            thread = self._thread
            if thread is None:
                return
            self._stop.set()
        self._given.set()
        thread.join(timeout)
        self._stop.clear()
        if thread.is_alive():
            raise ServiceError(
                f"expected the database to take {self.waiting} predictions within {timeout:g} seconds,"
                f" got: {self.failure}"
            )

    def _run(self) -> None:
        while True:
            self._given.wait()
            self._given.clear()
            if self.durability == "batch":
                self._stop.wait(self.interval)
            while self._waiting:
                self._persist()
            with self._lock:
                if self._stop.is_set() and not self._waiting:
                    self._thread = None
                    return

    def _persist(self) -> None:
        """Write the rows that wait the longest; try until the database takes them."""
        rows = [self._waiting[i] for i in range(min(_MOST, len(self._waiting)))]
        pause, never, self._since = 0.0, threading.Event(), time.monotonic()
        while True:
            try:
                outcomes = self._commit([row for row, _ in rows])
                break
            except ServiceError as error:
                if self.failure is None:
                    logger.error("%s predictions wait: %s", self.waiting, error)
                self.failure = error
                pause = min(1.0, 2 * pause or 0.05)
                never.wait(pause)
        self.failure = self._since = None
        for (_, done), outcome in zip(rows, outcomes, strict=True):
            self._waiting.popleft()
            if done is not None:
                _tell(done, outcome)

    def _commit(self, rows: Sequence[Recorded]) -> list[Outcome]:
        """Write rows at once. A row that can never be written must not keep the others waiting."""
        try:
            with self.store.transaction() as tx:
                new = record(tx, rows)
        except ServiceError:
            raise
        except Exception:
            if len(rows) == 1:
                self.refused += 1
                logger.exception("a prediction cannot be written: request %r", rows[0].request_id)
                return ["refused"]
            return [self._commit([row])[0] for row in rows]
        self.repeated += len(rows) - new
        # Which of them were known is for those to find out who named their requests.
        return ["written" if new == len(rows) else "repeated"] * len(rows)


def _tell(done: Done, outcome: Outcome) -> None:
    try:
        done(outcome)
    except Exception as error:  # who waited is gone: no reason to stop writing
        logger.debug("nobody hears that a prediction is %s: %s", outcome, error)


def _to_disk(store: Store) -> None:
    """Let SQLite wait for the disk with every commit, as PostgreSQL does."""
    if store.dialect != "sqlite" or store.engine.url.database in {None, "", ":memory:"}:
        return

    @event.listens_for(store.engine, "connect")
    def wait(connection: object, _: object) -> None:
        connection.execute("PRAGMA synchronous=FULL")  # type: ignore[attr-defined]

    store.engine.dispose()  # connections made before
