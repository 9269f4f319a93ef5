"""The other side without a server: a store of one's own, and a worker that works when it is asked."""

from __future__ import annotations

from typing import Any

from modelward.validation.server.service import Service
from modelward.validation.server.store import progress
from modelward.validation.server.store.access import tenant_id
from modelward.validation.server.store.database import Database
from modelward.validation.server.worker import Worker

Json = dict[str, Any]


class Local(Service):
    """Does what a server does, in this process: runs are prepared when they are asked for.

    A server on the same database shows the same jobs; a worker that is at a job is left to it.
    """

    def __init__(self, url: str) -> None:
        database = Database(url)
        super().__init__(database, tenant=tenant_id(database, "local"), holder="local")
        self.worker = Worker(database, steady=True)

    def lease_runs(
        self, job: int, number: int = 1, *, seconds: float = 300.0, request: str | None = None
    ) -> Json:
        """Give up to `number` runs, prepared now where none are."""
        found = super().lease_runs(job, number, seconds=seconds, request=request)
        if found["runs"] or found["stopped"] or not self._work(job):
            return found
        return super().lease_runs(job, number, seconds=seconds, request=request)

    def certainty(self, job: int) -> Json:
        """Give how certain each output is, with all that was told."""
        self._learn(job)
        return super().certainty(job)

    def history(self, job: int) -> list[Json]:
        """Give how certainty went, with all that was told."""
        self._learn(job)
        return super().history(job)

    def explanation(self, job: int) -> Json:
        """Give where it fails, with all that was told."""
        self._learn(job)
        return super().explanation(job)

    def close(self) -> None:
        """Let the store go."""
        self.worker.release()
        self.database.close()

    def _work(self, job: int) -> bool:
        (standing,) = progress.standings(self.database, [job])
        return self.worker.attend(standing)

    def _learn(self, job: int) -> None:
        self.get_job(job)  # it is there, and ours
        while self._work(job):
            pass
