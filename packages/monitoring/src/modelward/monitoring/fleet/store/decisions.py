"""Keeping what was decided: the decision on each window, and what is known of each model now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, insert, select, update

from modelward.monitoring.fleet.findings import Finding
from modelward.monitoring.fleet.records import Window
from modelward.monitoring.fleet.store.catalogue import ids_of
from modelward.monitoring.fleet.store.database import Database
from modelward.monitoring.fleet.store.plans import Work
from modelward.monitoring.fleet.store.schema import assessments, models, results, statuses

if TYPE_CHECKING:
    from modelward.monitoring.fleet.measuring import Settings


def begin(
    tx: Connection, works: Sequence[Work], settings: Mapping[str, Any], *, now: datetime
) -> tuple[int, frozenset[str]]:
    """Note that an assessment begins, and give its number and the models it has kept already.

    That is none, unless the same assessment (windows, settings) was cut off and nothing was recorded
    since: then it goes on.
    """
    whole = Window(min(w.window.start for w in works), max(w.window.end for w in works))
    newest = max(work.recorded for work in works)
    same = select(assessments).where(
        assessments.c.began == whole.start,
        assessments.c.ended == whole.end,
        assessments.c.finished.is_(None),
    )
    for row in tx.execute(same).all():
        if row.settings == settings and row.model_count == len(works) and newest < row.started:
            return row.id, _stored(tx, row.id)
        tx.execute(delete(assessments).where(assessments.c.id == row.id))
    values = {
        "began": whole.start,
        "ended": whole.end,
        "settings": dict(settings),
        "q": settings["q"],
        "model_count": len(works),
        "started": now,
    }
    made: Any = tx.execute(insert(assessments).values(values)).inserted_primary_key
    return int(made[0]), frozenset()


def finish(tx: Connection, number: int, *, now: datetime) -> None:
    """Note that an assessment is whole."""
    tx.execute(update(assessments).where(assessments.c.id == number).values(finished=now))


def keep_results(
    database: Database, tx: Connection, number: int, chunk: Sequence[Finding], how: Settings
) -> None:
    """Keep the decisions on some models' windows, in place of earlier ones on the same windows."""
    ids = ids_of(tx, [finding.model.name for finding in chunk])
    rows = [
        {
            "model_id": ids[f.model.name],
            "began": f.window.start,
            "ended": f.window.end,
            "assessment_id": number,
            "state": f.state,
            "row_count": f.brief.rows[1],
            "summary": f.summary | _how(f, how),
            "performance": None if f.performance is None else f.performance.to_dict(),
            "expected_loss": f.expected_loss,
            "largest_change": f.brief.largest_change,
            "detail": f.brief.detail(),
        }
        for f in chunk
    ]
    database.upsert(tx, results, rows, by=["model_id", "began", "ended"])


def newer_than_known(
    tx: Connection, findings: Sequence[Finding], ids: Mapping[str, int]
) -> list[Finding]:
    """Leave out models of which a newer window was judged: the past does not change what is now."""
    query = select(statuses.c.model_id, statuses.c.ended).where(statuses.c.ended.is_not(None))
    known = {row.model_id: row.ended for row in tx.execute(query)}
    return [
        f
        for f in findings
        if ids[f.model.name] not in known or known[ids[f.model.name]] <= f.window.end
    ]


def keep_statuses(
    database: Database,
    tx: Connection,
    findings: Sequence[Finding],
    ids: Mapping[str, int],
    incidents: Mapping[str, str],
) -> None:
    """Keep what is known of models now; `incidents` gives the open incident of a model."""
    rows = [_status_row(f, ids[f.model.name], incidents) for f in findings]
    database.upsert(tx, statuses, rows, by=["model_id"])
    _clear_incidents(tx, {ids[f.model.name] for f in findings}, incidents)


def _status_row(f: Finding, number: int, incidents: Mapping[str, str]) -> dict[str, Any]:
    said = f.summary
    return {
        "model_id": number,
        "state": f.state,
        "began": f.window.start,
        "ended": f.window.end,
        "row_count": f.brief.rows[1],
        "feature_count": said["features"],
        "drifted_count": len(said["drifted"]),
        "unjudged_count": len(said["cannot_say"]),
        "failure_count": len(said["failures"]),
        "largest_change": f.brief.largest_change,
        "smallest_q": said["smallest_q"],
        "summary": said,
        "performance": None if f.performance is None else f.performance.to_dict(),
        "lost": None if f.performance is None else f.performance.lost,
        "expected_loss": f.expected_loss,
        "incident": incidents.get(f.model.name),
    }


def _clear_incidents(tx: Connection, done: set[int], incidents: Mapping[str, str]) -> None:
    """Take the incident off models that did not report, where it is no longer open."""
    query = select(statuses.c.model_id, statuses.c.incident).where(statuses.c.incident.is_not(None))
    still = set(incidents.values())
    for row in tx.execute(query).all():
        if row.model_id not in done and row.incident not in still:
            gone = update(statuses).where(statuses.c.model_id == row.model_id)
            tx.execute(gone.values(incident=None))


def _stored(tx: Connection, number: int) -> frozenset[str]:
    """Give the models whose decisions an assessment has kept already."""
    joined = results.join(models, results.c.model_id == models.c.id)
    query = select(models.c.name).select_from(joined).where(results.c.assessment_id == number)
    return frozenset(tx.scalars(query))


def _how(f: Finding, how: Settings) -> dict[str, Any]:
    return {
        "q": how.q,
        "smallest_shift": how.smallest_shift,
        "control": how.control,
        "level": how.level,
        "reference_rows": f.brief.rows[0],
    }
