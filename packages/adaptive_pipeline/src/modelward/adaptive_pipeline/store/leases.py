"""Leases: who may act as the one controller, or the one joiner, of a store."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Row, Update, select

from modelward.adaptive_pipeline.store.schema import leases
from modelward.adaptive_pipeline.store.store import Store
from modelward.core.database import has_ended, this_process
from modelward.core.errors import ServiceError, StateError

logger = logging.getLogger(__name__)
_EVERY = 0.2  # seconds between two looks at a lease that another has


class Lease:
    """A named place in the store that one holder has at a time.

    It is taken over at once from an earlier object of the same process, and from a process of this
    host that is gone; from any other holder when it was not renewed for `seconds`, by `clock` (Unix
    seconds) or, where clocks differ or go back, by how long one has waited. Each taking has a higher
    `token`: `check` inside a transaction makes sure that nobody has taken it since, and that nobody
    does before the transaction ends. It renews as well: who works keeps the place.

    >>> first = Lease(Store("sqlite://"), "controller")
    >>> first.acquire(), first.token
    (True, 1)
    """

    def __init__(
        self,
        store: Store,
        name: str,
        *,
        holder: str | None = None,
        seconds: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store = store
        self.name = name
        self.seconds = seconds
        self.clock = clock
        self.holder = holder or this_process()
        self.token = 0
        self._renewed = 0.0
        self._seen: tuple[int, float] | None = None
        self._since = 0.0

    def acquire(self, *, wait: bool = True, timeout: float | None = None) -> bool:
        """Take it; wait while another has it, `timeout` seconds at most (None: without end).

        Raises `StateError` when it is not to be had in time; with `wait=False` gives False instead.
        """
        until = None if timeout is None else time.monotonic() + timeout
        never, told = threading.Event(), False
        while (other := self._take()) is not None:
            if not wait:
                return False
            if not told:
                logger.info(
                    "another %s is at work (%s); waiting until it is gone", self.name, other
                )
                told = True
            if until is not None and time.monotonic() >= until:
                raise StateError(
                    f"expected the {self.name} of {self.store.name} to be free, got one at work: {other}",
                    hint="stop it, or wait for longer; its place is free once it is gone.",
                )
            never.wait(_EVERY)
        return True

    def _take(self) -> str | None:
        """Take the lease; give who has it when it is not to be had."""
        mine = select(leases).where(leases.c.name == self.name).with_for_update()
        with self.store.transaction() as tx:
            row = tx.execute(mine).one_or_none()
            if row is None:  # two may come first: both need a row to wait for
                first = {"name": self.name, "holder": "", "token": 0, "expires": 0.0}
                tx.execute(self.store.insert(leases).values(**first).on_conflict_do_nothing())
                row = tx.execute(mine).one()
            now = self.clock()
            if not self._free(row, now):
                return str(row.holder)
            tx.execute(
                leases.update()
                .where(leases.c.name == self.name)
                .values(holder=self.holder, token=row.token + 1, expires=now + self.seconds)
            )
        self.token, self._renewed = row.token + 1, now
        return None

    def _free(self, row: Row[tuple[str, str, int, float]], now: float) -> bool:
        if row.holder == self.holder or now >= row.expires or has_ended(row.holder):
            return True
        if self._seen != (row.token, row.expires):
            self._seen, self._since = (row.token, row.expires), time.monotonic()
        return time.monotonic() - self._since > self.seconds

    def check(self, connection: Connection) -> None:
        """See within a transaction that it is still held, and keep it so until its end and on.

        Raises `StateError` when another has taken it.
        """
        query = select(leases.c.token).where(leases.c.name == self.name)
        if connection.scalar(query.with_for_update(read=True)) != self.token:
            raise self._lost()
        now = self.clock()
        if not self._renewed <= now < self._renewed + self.seconds / 3:
            connection.execute(self._until(now + self.seconds))
            self._renewed = now

    def renew(self) -> None:
        """Keep it for another `seconds`. Raises `StateError` when another has taken it."""
        if not self._set(self.clock() + self.seconds):
            raise self._lost()

    def release(self) -> None:
        """Let it go, so that another need not wait; nothing happens where another has it."""
        self._set(0.0)

    def _set(self, expires: float) -> bool:
        with self.store.transaction() as tx:
            return bool(tx.execute(self._until(expires)).rowcount)

    def _until(self, expires: float) -> Update:
        ours = leases.update().where(leases.c.name == self.name, leases.c.token == self.token)
        return ours.values(expires=expires)

    def _lost(self) -> StateError:
        return StateError(
            f"expected to be the {self.name} of the store, got another in its place",
            hint="one at a time may work on a store; this one was taken over.",
        )

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renew it in the background while something long is done."""
        over = threading.Event()
        thread = threading.Thread(
            target=self._renew_until, args=(over,), name=f"lease-{self.name}", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _renew_until(self, over: threading.Event) -> None:
        while not over.wait(self.seconds / 3):
            try:
                self.renew()
            except ServiceError as error:
                logger.warning("the lease of the %s could not be renewed: %s", self.name, error)
            except StateError as error:  # who works under it is told by `check`
                logger.warning("%s", error)
                return
