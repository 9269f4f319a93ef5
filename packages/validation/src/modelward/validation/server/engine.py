"""A job's study in a worker's memory: rebuilt from the database, and never ahead of it."""

from __future__ import annotations

import logging
import time
from typing import Any

from sqlalchemy import select, update

from modelward.core.errors import StateError
from modelward.validation.domain import Domain, Output
from modelward.validation.runs import Run
from modelward.validation.server.store import progress, queue
from modelward.validation.server.store.database import Database
from modelward.validation.server.store.schema import jobs, runs, scenarios
from modelward.validation.settings import StudySettings
from modelward.validation.stopping import StopRule
from modelward.validation.study import Study

logger = logging.getLogger(__name__)
LEAST, MOST = 4, 500
"""Prepared runs of a job: few, for later ones know more; as many as are asked for meanwhile."""


class Engine:
    """The study of one job, claimed under a token.

    Whatever is proposed is in the database before anybody can be given it; whatever is learnt can be
    learnt again. When a write fails the engine must be thrown away, and another be made.
    """

    def __init__(self, database: Database, job: int, token: int, *, steady: bool = False) -> None:
        self.database, self.job, self.token = database, job, token
        with database.reading() as tx:
            row = tx.execute(select(jobs).where(jobs.c.id == job)).one()
            space = tx.execute(select(scenarios).where(scenarios.c.id == row.scenario_id)).one()
            known = queue.listed(tx, job, limit=None)
            last = progress.explanation(tx, job)
        self.rule = StopRule.from_dict(row.stop_rule)
        self.created = float(row.created)
        self.stopped = row.stopped is not None
        self.study = Study.of(
            Domain.from_dict(space.domain),
            tuple(Output.from_dict(each) for each in space.outputs),
            StudySettings.from_dict(row.settings),
            name=row.name,
        )
        self.study.restore([run_of(each) for each in known], row.engine_state)
        self.told = {int(each.number) for each in known if each.state == "told"}
        self.asked = sum(each.kind != "field" for each in known)
        self.noted = int(row.learnt)
        self.explained = last["told"] if last else 0
        self._cost = {"note": 0.0, "explain": 0.0}
        self._last = dict.fromkeys(self._cost, 0.0)
        self.pace = Pace(steady=steady)

    def read(self) -> int:
        """Tell the study what was told since; give how many runs that were."""
        with self.database.reading() as tx:
            numbers, waiting = queue.news(tx, self.job)
            new = sorted(numbers - self.told)
            rows = queue.take(tx, self.job, new, waiting) if new or waiting else []
        asked = self.study.runs if rows else ()
        placed: dict[int, Run] = {}
        for row in rows:
            point: Any = row.point if row.number is None else asked[row.number]
            if row.results is not None:
                self.study.tell(point, row.results)
            elif row.number is not None:
                self.study.tell_crash(point, row.crash)
            else:
                self.study.tell(point, None)
            if row.number is None:
                placed[row.id] = self.study.runs[-1]
        if placed:
            self._place(placed)
        self.told |= set(new) | {run.id for run in placed.values()}
        return len(rows)

    def refill(self, ready: int, leased: int) -> int:
        """Put new proposals into the queue, as many as are needed; give how many came in."""
        if self.stopped or not self.wants_refill(ready):
            return 0
        self.pace.refilled(given=self.asked - ready, now=time.monotonic())
        want = self.pace.target(len(self.told)) - ready
        if self.rule.runs is not None:
            want = min(want, self.rule.runs - self.asked)
        if want <= 0:
            return 0
        try:
            proposed = self.study.ask(want)
        except StateError as error:
            if not leased + ready:
                self.stop(f"the domain has no new point: {error.fact}")
            return 0
        rows = [
            {"number": run.id, "kind": run.kind, "point": run.values, "proposal": run.to_dict()}
            for run in proposed
        ]
        with self.database.writing() as tx:
            progress.hold(tx, self.job, self.token)
            queue.put(tx, self.job, rows)
        self.asked += len(rows)
        return len(rows)

    def wants_refill(self, ready: int) -> bool:
        """Tell whether the queue is so low that it should be filled."""
        return not self.stopped and 2 * ready < self.pace.target(len(self.told))

    def note(self, *, idle: bool) -> None:
        """Note certainty and who leads, and now and then where it fails, for those who look.

        What takes long is done seldom while there is other work, and always in the end.
        """
        told = len(self.told)
        if told and told != self.noted and self._due("note", idle):
            self.study.learn()
            certainty = {name: each.to_dict() for name, each in self.study.certainty().items()}
            ranks = {
                name: [each.to_dict() for each in rows]
                for name, rows in self.study.standings().items()
            }
            with self.database.writing() as tx:
                progress.hold(tx, self.job, self.token)
                progress.note(tx, self.job, told, certainty=certainty, standings=ranks)
                values = {"engine_state": self.study.state(), "learnt": told}
                tx.execute(update(jobs).where(jobs.c.id == self.job).values(**values))
            self.noted = told
            self._done("note")
            self._see_whether_to_stop()
        if told and told != self.explained and self._due("explain", idle):
            content = self._explanation()
            with self.database.writing() as tx:
                progress.hold(tx, self.job, self.token)
                progress.explain(tx, self.job, told, content)
            self.explained = told
            self._done("explain")

    def _explanation(self) -> dict[str, Any]:
        """Say where it fails; that this cannot be said is no reason to propose no more."""
        try:
            return self.study.explain()
        except Exception as error:
            logger.exception("job %s cannot be explained", self.job)
            return {"unknown": [f"Where it fails: {type(error).__name__}: {error}"[:500]]}

    def stop(self, reason: str) -> None:
        """Propose no more, and say why."""
        with self.database.writing() as tx:
            progress.hold(tx, self.job, self.token)
            open_ = (jobs.c.id == self.job, jobs.c.stopped.is_(None))
            tx.execute(update(jobs).where(*open_).values(stopped=reason))
        self.stopped = True

    def _see_whether_to_stop(self) -> None:
        if self.stopped:
            return
        reason = self.study.stop_reason(self.rule, seconds=time.time() - self.created)
        if reason is not None:
            self.stop(reason)

    def _place(self, placed: dict[int, Run]) -> None:
        """Give field data the numbers that the study gave it."""
        with self.database.writing() as tx:
            progress.hold(tx, self.job, self.token)
            for row, run in placed.items():
                values = {"number": run.id, "proposal": run.to_dict()}
                tx.execute(update(runs).where(runs.c.id == row).values(**values))

    def _due(self, what: str, idle: bool) -> bool:
        begun = time.monotonic()
        due = idle or begun - self._last[what] > max(1.0, 10.0 * self._cost[what])
        if due:
            self._last[what] = begun
        return due

    def _done(self, what: str) -> None:
        self._cost[what] = time.monotonic() - self._last[what]


class Pace:
    """How many runs to hold ready: twice what was asked for while the worker was busy.

    With `steady` as few as make sense, whoever asks how fast: then the same results give the same
    proposals.

    >>> pace = Pace()
    >>> pace.refilled(given=0, now=0.0), pace.busy(2.0), pace.refilled(given=30, now=3.0)
    (4, None, 40)
    """

    def __init__(self, *, steady: bool = False) -> None:
        self.steady = steady
        self._target, self._busy = LEAST, 0.0
        self._last: tuple[int, float] | None = None

    def target(self, told: int) -> int:
        """Give how many to hold: models that have seen much learn little from a few more."""
        return min(MOST, max(self._target, told // 50))

    def refilled(self, *, given: int, now: float) -> int:
        """Note how many runs were given out up to now; give the new target."""
        if self._last is not None and not self.steady:
            rate = (given - self._last[0]) / max(1e-3, now - self._last[1])
            self._target = min(MOST, max(LEAST, round(2.0 * rate * self._busy)))
        self._last = (given, now)
        return self._target

    def busy(self, seconds: float) -> None:
        """Note how long the worker was at work, during which nobody refilled."""
        self._busy = max(seconds, 0.5 * self._busy)


def run_of(row: Any) -> Run:
    """Give the run of a row: what was proposed, and what came back."""
    content = row.proposal or {"id": row.number, "kind": row.kind, "values": row.point}
    return Run.from_dict({**content, "results": row.results, "crash": row.crash})
