"""Reading a fleet once, whole: every series of it, by whom it is about, the most important first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from modelward.monitoring.fleet.records import ModelStatus
from modelward.monitoring.fleet.store.schema import (
    assessments,
    models,
    resource_samples,
    statuses,
)
from modelward.monitoring.infrastructure.health import WorkflowHealth, workflow_health
from modelward.monitoring.infrastructure.records import RUN_STATES
from modelward.monitoring.outputs.families import GPU, RESOURCES, label, words

if TYPE_CHECKING:
    from modelward.monitoring.fleet.fleet import Fleet
    from modelward.monitoring.fleet.records import Event, Incident

Series = tuple[str, tuple[str, ...], float]
"""The family (without its prefix), the values of its labels, and the value."""
Subject = list[Series]
"""All that is said of one model, incident, workflow, …: exported together or left out together."""

PAGE = 5_000
RUNS = 10_000
EVENTS = 200
LOOK_BACK = timedelta(days=7)
STATES = ("alarmed", "cannot say", "silent", "new", "steady")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found, by what it is about; the first of `parts` are the last to be left out."""

    parts: Mapping[str, Sequence[Subject]]
    ranked: tuple[str, ...]


def read_fleet(fleet: Fleet) -> Reading:
    """Read all but the features. Raises `ServiceError` when the database does not answer."""
    now = fleet.now()
    rows = list(_all_statuses(fleet))
    by_name = {row.model.name: row for row in rows}
    incidents = fleet.incidents()
    retrain = models_to_retrain(fleet, incidents)
    runs = fleet.workflows(limit=RUNS)
    states = Counter[tuple[str, str]]((run.name, run.state) for run in runs)
    return Reading(
        parts={
            "assessments": [list(_fleet(fleet))],
            "incidents": [list(_incident(i, by_name, now)) for i in incidents],
            "groups": [*_groups(fleet)],
            "workflows": [list(_workflow(h, states)) for h in workflow_health(runs, at=now)],
            "hosts": [*_hosts(fleet)],
            "events": [
                [_event(event)]
                for event in _unique(fleet.events(since=now - LOOK_BACK, limit=EVENTS))
            ],
            "models": [list(_model(row, row.model.name in retrain)) for row in rows],
        },
        ranked=tuple(by_name),
    )


def _all_statuses(fleet: Fleet) -> Iterator[ModelStatus]:
    """Give every row, the largest expected loss first; the table may change between two pages."""
    seen: set[str] = set()
    for offset in range(0, 10**9, PAGE):
        page = fleet.statuses(offset=offset, limit=PAGE)
        for row in page.rows:
            if row.model.name not in seen:
                seen.add(row.model.name)
                yield row
        if len(page.rows) < PAGE:
            return


def models_to_retrain(fleet: Fleet, incidents: Iterable[Incident]) -> set[str]:
    """Give the models that got worse by more than chance, alone, on data that is sound.

    A model that is part of a common cause would learn the fault; one whose columns broke, too.
    """
    alone = {incident.members[0] for incident in incidents if len(incident.members) == 1}
    query = select(models.c.name, statuses.c.summary).join(
        statuses, models.c.id == statuses.c.model_id
    )
    with fleet.database.reading() as tx:
        rows = tx.execute(query.where(statuses.c.state == "alarmed")).all()
    return {
        row.name
        for row in rows
        if row.name in alone
        and row.summary.get("degraded")
        and not row.summary.get("failures")
        and not row.summary.get("broken")
    }


def _model(row: ModelStatus, retrain: bool) -> Iterator[Series]:
    model = row.model
    name = label(model.name)
    one = (name,)
    info = (name, *map(label, (model.owner, model.group, model.version, model.task, model.metric)))
    yield "model_info", info, 1.0
    yield "model_state", (name, row.state), 1.0
    values: dict[str, float | None] = {
        "model_alarmed": row.state == "alarmed",
        "model_traffic": model.traffic,
        "model_criticality": model.criticality,
        "model_silent_after_seconds": model.silent_after * 3_600,
    }
    if row.window is not None:
        values |= {
            "window_rows": row.rows,
            "features_tested": row.features - len(row.cannot_say),
            "features_drifted": len(row.drifted),
            "features_unjudged": len(row.cannot_say),
            "model_largest_change_ratio": row.largest_change,
            "model_smallest_q_value": row.smallest_q,
            "model_failures": len(row.failures),
            "model_performance_lost": row.performance.lost if row.performance else None,
            "model_expected_loss": row.expected_loss,
            "model_window_end_timestamp_seconds": row.window.end.timestamp(),
        }
    for family, value in values.items():
        if value is not None and not math.isnan(value):
            yield family, one, float(value)
    if retrain:
        yield "model_retrain", one, 1.0
    if row.incident is not None:
        yield "model_incident", (name, label(row.incident)), 1.0
    if row.performance is not None:
        yield from _performance(name, row.performance)


def _performance(name: str, performance: Any) -> Iterator[Series]:
    for kind in ("baseline", "realised", "estimated"):
        found = getattr(performance, kind)
        if found is not None:
            ends = {"": found.value, "_low": found.low, "_high": found.high}
            for end, value in ends.items():
                if value is not None and math.isfinite(value):
                    yield f"model_performance{end}", (name, kind), float(value)


def _fleet(fleet: Fleet) -> Iterator[Series]:
    summary = fleet.summary()
    yield "incidents_open", (), float(summary.incidents)
    newest = (
        select(assessments)
        .where(assessments.c.finished.is_not(None))
        .order_by(assessments.c.finished.desc())
        .limit(1)
    )
    with fleet.database.reading() as tx:
        last = tx.execute(newest).first()
    if last is not None:
        ended, finished = last.ended, last.finished
        yield "false_alarm_rate", (), float(last.q)
        yield "last_assessment_timestamp_seconds", (), finished.timestamp()
        yield "last_assessment_window_end_timestamp_seconds", (), ended.timestamp()
        yield "assessment_duration_seconds", (), (finished - last.started).total_seconds()
        yield "assessment_lag_seconds", (), (finished - ended).total_seconds()
        yield "assessment_models", (), float(last.model_count)


def _groups(fleet: Fleet) -> Iterator[Subject]:
    # Two long names may be one label only if they are one text: label keeps them apart.
    for group in fleet.summary().groups:
        name = label(group.group)
        counts = {state: getattr(group, state.replace(" ", "_")) for state in STATES}
        yield [
            *(("models", (name, state), float(n)) for state, n in counts.items()),
            ("group_expected_loss", (name,), group.expected_loss),
        ]


def _incident(
    incident: Incident, by_name: Mapping[str, ModelStatus], now: datetime
) -> Iterator[Series]:
    one = (label(incident.id),)
    silenced = incident.silenced_until is not None and incident.silenced_until > now
    known = [by_name[name].model.criticality for name in incident.members if name in by_name]
    yield "incident_models", one, float(len(incident.members))
    yield "incident_criticality", one, max(known, default=0.0)
    if incident.expected_loss is not None:
        yield "incident_expected_loss", one, incident.expected_loss
    yield "incident_silenced", one, float(silenced)
    yield "incident_first_timestamp_seconds", one, incident.first.start.timestamp()
    yield "incident_last_timestamp_seconds", one, incident.last.end.timestamp()
    columns = ", ".join(incident.columns[:10])
    worst = incident.members[0] if incident.members else ""
    said = (incident.title, columns, label(worst), incident.rule, incident.suggestion)
    yield "incident_info", (*one, *map(words, said)), 1.0


def _unique(events: Iterable[Event]) -> Iterator[Event]:
    """Give one event of each set of labels: the newest."""
    seen: set[tuple[str, ...]] = set()
    for event in events:
        labels = _event(event)[1]
        if labels not in seen:
            seen.add(labels)
            yield event


def _event(event: Event) -> Series:
    labels = (event.kind, label(event.model), label(event.version), words(event.text))
    return "event_timestamp_seconds", labels, event.at.timestamp()


def _workflow(health: WorkflowHealth, states: Mapping[tuple[str, str], int]) -> Iterator[Series]:
    name = label(health.name)
    for state in RUN_STATES:
        yield "workflow_runs", (name, state), float(states.get((health.name, state), 0))
    values: dict[str, float | None] = {
        "last_start_timestamp_seconds": _seconds(health.last_start),
        "last_success_timestamp_seconds": _seconds(health.last_success),
        "duration_seconds": health.last_duration,
        "duration_median_seconds": health.median_duration,
        "queue_seconds": health.median_queue,
        "interval_seconds": health.every,
        "retries": health.retries,
        "failed": health.last_state in {"failed", "lost"},
        "overdue": health.overdue,
    }
    for family, value in values.items():
        if value is not None:
            yield f"workflow_{family}", (name,), float(value)


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _hosts(fleet: Fleet) -> Iterator[Subject]:
    """Give the newest look at each machine, however long ago: one that is silent is found by it."""
    table = resource_samples.c
    newest = select(table.host_key, func.max(table.at).label("at")).group_by(table.host_key)
    of_each = newest.subquery()
    query = select(resource_samples).join(
        of_each, (table.host_key == of_each.c.host_key) & (table.at == of_each.c.at)
    )
    with fleet.database.reading() as tx:
        rows = tx.execute(query.order_by(table.at.desc(), table.host)).all()
    for row in rows:
        yield list(_host(label(row.host), row.at, row.content))


def _host(host: str, at: datetime, values: Mapping[str, float]) -> Iterator[Series]:
    yield "resource_timestamp_seconds", (host,), at.timestamp()
    for name, value in values.items():
        if name in RESOURCES:
            yield RESOURCES[name][0], (host,), float(value)
        elif name.startswith("gpu") and name.partition("_")[2] in GPU:
            number, _, what = name.partition("_")
            yield GPU[what][0], (host, number.removeprefix("gpu")), float(value)
