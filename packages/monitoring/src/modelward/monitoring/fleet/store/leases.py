"""A lease: who may do something long alone, until it is done or its time runs out."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, select, update

from modelward.core.database import has_ended, this_process
from modelward.core.errors import ServiceError, StateError
from modelward.monitoring.fleet.store.database import Database
from modelward.monitoring.fleet.store.schema import leases

_log = logging.getLogger(__name__)
_EVERY = 0.1  # seconds between two looks at a lease that another has


class Lease:
    """A named place that one holder has at a time; free when it was not renewed for `seconds`.

    A process of this host that is gone loses it at once. Each taking has a higher token: `check`,
    within a transaction, makes sure that nobody has taken it since, and nobody does before the
    transaction ends.
    """

    def __init__(self, database: Database, name: str, *, seconds: float = 30.0) -> None:
        self.database = database
        self.name = name
        self.seconds = seconds
        self.holder = f"{this_process()}/{uuid.uuid4().hex[:8]}"
        self.token = 0

    @contextmanager
    def held(self, *, wait: float) -> Iterator[None]:
        """Hold it during the block, renewed in the background.

        Waits up to `wait` seconds for another; then raises `StateError`, which names the other.
        """
        until = time.monotonic() + wait
        never = threading.Event()
        while (other := self._take()) is not None:
            if time.monotonic() >= until:
                raise StateError(
                    f"expected to be the only one at '{self.name}' of {self.database.name}, "
                    f"got another at work: {other}",
                    hint="wait for longer, or until it is done; its place is free once it is gone.",
                )
            never.wait(_EVERY)
        over = threading.Event()
        keeper = threading.Thread(target=self._renew, args=(over,), daemon=True)
        keeper.start()
        try:
            yield
        finally:
            over.set()
            keeper.join()
            try:
                self._set(0.0)
            except ServiceError as error:  # it runs out by itself
                _log.warning("the lease of %s could not be given back: %s", self.name, error.fact)

    def check(self, connection: Connection) -> None:
        """See within a transaction that it is still held, and keep it until the transaction ends.

        Raises `StateError` when another has taken it.
        """
        query = select(leases.c.token).where(leases.c.name == self.name).with_for_update()
        if connection.scalar(query) != self.token:
            raise StateError(
                f"expected to be the only one at '{self.name}', got another in its place",
                hint="this one took too long without a sign of life; the other goes on with it.",
            )

    def _take(self) -> str | None:
        """Take it; give who has it where it is not to be had."""
        mine = select(leases).where(leases.c.name == self.name).with_for_update()
        with self.database.writing() as tx:
            first = {"name": self.name, "holder": "", "token": 0, "expires": 0.0}
            self.database.upsert(
                tx, leases, [first], by=["name"], keep=["holder", "token", "expires"]
            )
            row = tx.execute(mine).one()
            now = time.time()
            if now < row.expires and not has_ended(row.holder):
                return str(row.holder)
            self.token = int(row.token) + 1
            tx.execute(
                update(leases)
                .where(leases.c.name == self.name)
                .values(holder=self.holder, token=self.token, expires=now + self.seconds)
            )
        return None

    def _set(self, expires: float) -> None:
        ours = update(leases).where(leases.c.name == self.name, leases.c.token == self.token)
        with self.database.writing() as tx:
            tx.execute(ours.values(expires=expires))

    def _renew(self, over: threading.Event) -> None:
        while not over.wait(self.seconds / 3):
            try:
                self._set(time.time() + self.seconds)
            except ServiceError as error:
                _log.warning("the lease of %s could not be renewed: %s", self.name, error.fact)
