"""Judging the kept windows of a fleet as one, and keeping what was decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from tqdm.auto import tqdm

from modelward.core.errors import DataError
from modelward.monitoring.decisions.degradation import degradation
from modelward.monitoring.fleet.findings import Finding
from modelward.monitoring.fleet.incidents import LOOK_BACK, Tracked, track
from modelward.monitoring.fleet.measuring import NOTHING, Measuring, Settings
from modelward.monitoring.fleet.records import Window
from modelward.monitoring.fleet.result import FleetResult
from modelward.monitoring.fleet.store.database import Database
from modelward.monitoring.fleet.store.decisions import (
    begin,
    finish,
    keep_results,
    keep_statuses,
    newer_than_known,
)
from modelward.monitoring.fleet.store.events import read_events
from modelward.monitoring.fleet.store.incidents import keep_incidents, tracked_incidents
from modelward.monitoring.fleet.store.leases import Lease
from modelward.monitoring.fleet.store.plans import Pair, Work, bad_before, pairs, plan
from modelward.monitoring.sketch.table import Sketch

CHUNK = 200
AT_ONCE = 1_000
"""Models whose sketches are in memory at one time."""
Shape = tuple[Set[str], frozenset[tuple[str, str]]]
"""The columns of the reference, and what came in the window besides or instead."""


class Judge:
    """Judges windows of one database, alone among all that use it."""

    def __init__(self, database: Database, *, now: Callable[[], datetime]) -> None:
        self.database = database
        self.now = now

    def assess(
        self,
        window: Window | None,
        settings: Settings,
        *,
        wait: float,
        more: Mapping[str, Any],
    ) -> FleetResult:
        """Judge, keep, and give the decisions; go on where an assessment was cut off."""
        lease = Lease(self.database, "assess")
        with lease.held(wait=wait):
            with self.database.reading() as tx:
                works = plan(tx, window)
            if not works:
                raise DataError(
                    "expected a fleet with a recorded window, got none"
                    + (f" within {window}" if window is not None else ""),
                    hint="fleet.record(model, window, data) comes before.",
                )
            how = asdict(settings) | {name: repr(value) for name, value in sorted(more.items())}
            with self.database.writing() as tx:
                lease.check(tx)
                number, stored = begin(tx, works, how, now=self.now())
            result, shapes = self._judge(works, settings, more)
            findings = _findings(works, result, shapes, settings)
            left = [f for f in findings if f.model.name not in stored]
            self._keep(lease, number, left, settings)
            self._publish(lease, number, works, findings)
        return result

    def _judge(
        self, works: Sequence[Work], settings: Settings, more: Mapping[str, Any]
    ) -> tuple[FleetResult, dict[str, Shape]]:
        """Judge all together; where there are very many, measure them in parts that fit in memory."""
        load = None if len(works) <= AT_ONCE else self._again
        measuring = Measuring(settings, load, **more)
        shapes: dict[str, Shape] = {}
        starts = range(0, len(works), AT_ONCE)
        for start in tqdm(starts, desc="measuring", disable=None, leave=False, delay=2):
            found = self._pairs(works[start : start + AT_ONCE])
            shapes |= {pair.work.model.name: _shape(pair) for pair in found}
            measuring.add(found)
        return measuring.judged(), shapes

    def _again(self, work: Work) -> tuple[Sketch, Sketch]:
        """Load the sketches of a model once more."""
        with self.database.reading() as tx:
            [pair] = pairs(tx, [work])
        return pair.reference or NOTHING, pair.current or NOTHING

    def _pairs(self, works: Sequence[Work]) -> list[Pair]:
        found: list[Pair] = []
        for start in range(0, len(works), CHUNK):
            with self.database.reading() as tx:
                found.extend(pairs(tx, works[start : start + CHUNK]))
        return found

    def _keep(self, lease: Lease, number: int, findings: Sequence[Finding], how: Settings) -> None:
        starts = range(0, len(findings), CHUNK)
        for start in tqdm(starts, desc="keeping", disable=None, leave=False, delay=2):
            chunk = findings[start : start + CHUNK]
            with self.database.writing() as tx:
                lease.check(tx)
                keep_results(self.database, tx, number, chunk, how)

    def _publish(
        self, lease: Lease, number: int, works: Sequence[Work], findings: Sequence[Finding]
    ) -> None:
        """Show what was decided, all at once: statuses and incidents."""
        ids = {work.model.name: work.number for work in works}
        with self.database.writing() as tx:
            lease.check(tx)
            current = newer_than_known(tx, findings, ids)
            tracked = _track(tx, works, current) if current else []
            keep_incidents(self.database, tx, tracked)
            of_model = _incident_of(tracked)
            keep_statuses(self.database, tx, current, ids, of_model)
            finish(tx, number, now=self.now())


def _findings(
    works: Sequence[Work], result: FleetResult, shapes: Mapping[str, Shape], settings: Settings
) -> list[Finding]:
    known = {w.model.name: w.performance for w in works if w.performance is not None}
    degraded = (
        degradation(known, q=settings.q, smallest_loss=settings.smallest_loss) if known else {}
    )
    briefs = result.briefs()
    return [
        Finding(
            model=work.model,
            window=work.window,
            brief=briefs[work.model.name],
            columns=shapes[work.model.name][0],
            others=shapes[work.model.name][1],
            failures=work.failures,
            performance=work.performance,
            degradation=degraded.get(work.model.name),
        )
        for work in works
    ]


def _shape(pair: Pair) -> Shape:
    """Give what of a pair is told with the decision: columns, and what came instead."""
    reference, current = pair.reference or NOTHING, pair.current or NOTHING
    return reference.kinds.keys(), current.others


def _track(tx: Connection, works: Sequence[Work], findings: Sequence[Finding]) -> list[Tracked]:
    first = min(finding.window.start for finding in findings)
    last = max(finding.window.end for finding in findings)
    events = read_events(tx, since=first - LOOK_BACK, until=last, limit=100_000)
    return track(findings, bad_before(tx, works), tracked_incidents(tx), events)


def _incident_of(tracked: Sequence[Tracked]) -> dict[str, str]:
    """Give the open incident of each model: the one with the most members."""
    found: dict[str, str] = {}
    for each in sorted(tracked, key=lambda t: len(t.incident.members)):
        if each.incident.open:
            found |= dict.fromkeys(each.incident.members, each.incident.id)
    return found
