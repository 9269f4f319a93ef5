"""Reading: the fleet's table, paged in the database, and what is known of one model over time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, literal, select
from sqlalchemy.sql import Select

from modelward.core.errors import DataError
from modelward.monitoring.fleet.records import Model, ModelStatus, Performance, Window
from modelward.monitoring.fleet.store.catalogue import model_of, one_model
from modelward.monitoring.fleet.store.database import BATCH
from modelward.monitoring.fleet.store.schema import (
    assessments,
    incidents,
    models,
    results,
    statuses,
)
from modelward.monitoring.fleet.summary import FleetSummary, GroupSummary, StatusPage

STATES = ("alarmed", "cannot say", "silent", "new", "steady")
_s, _m = statuses.c, models.c
SORTS: dict[str, Any] = {
    "expected_loss": func.coalesce(_s.expected_loss, 0.0),
    "name": _m.name,
    "owner": _m.owner,
    "group": _m.group_name,
    "traffic": _m.traffic,
    "criticality": _m.criticality,
    "window": _s.ended,
    "rows": _s.row_count,
    "features": _s.feature_count,
    "drifted": _s.drifted_count,
    "cannot_say": _s.unjudged_count,
    "failures": _s.failure_count,
    "largest_change": _s.largest_change,
    "smallest_q": func.coalesce(_s.smallest_q, 2.0),
    "lost": func.coalesce(_s.lost, 0.0),
    "state": None,
}


def status_page(
    tx: Connection,
    *,
    now: datetime,
    search: str = "",
    group: str | None = None,
    state: str = "",
    failing: bool = False,
    sort: str = "expected_loss",
    descending: bool = True,
    offset: int = 0,
    limit: int = 100,
) -> StatusPage:
    """Give one page of the table, searched, sorted and cut in the database.

    Raises `DataError` for a sort or state that there is not, and for a negative offset or limit.
    """
    if sort not in SORTS:
        raise DataError(f"expected to sort by one of {', '.join(SORTS)}, got {sort!r}")
    if state and state not in STATES:
        raise DataError(f"expected a state of {', '.join(STATES)}, got {state!r}")
    if offset < 0 or limit < 0:
        raise DataError(f"expected offset and limit >= 0, got {offset} and {limit}")
    shown = _state(now)
    joined = models.join(statuses, _m.id == _s.model_id)
    chosen = _search(select(_m.id).select_from(joined), search)
    if group:
        chosen = chosen.where(_m.group_name == group)
    if state:
        chosen = chosen.where(shown == state)
    if failing:
        chosen = chosen.where(_s.failure_count > 0)
    total = tx.scalar(select(func.count()).select_from(chosen.subquery())) or 0
    by = _severity(shown) if sort == "state" else SORTS[sort]
    order = [by.desc() if descending else by.asc()]
    # Among equals the worst comes first, whichever way: then the page is the same each time.
    order += [_severity(shown).desc(), _s.drifted_count.desc(), _s.largest_change.desc(), _m.name]
    # Only numbers are sorted; the wide rows are fetched for those on the page.
    page = list(tx.scalars(chosen.order_by(*order, _m.id).offset(offset).limit(limit)))
    found: dict[int, ModelStatus] = {}
    for start in range(0, len(page), BATCH):
        some = _rows(shown).where(_m.id.in_(page[start : start + BATCH]))
        found |= {row.id: _status(row) for row in tx.execute(some)}
    rows = tuple(found[number] for number in page if number in found)
    return StatusPage(rows=rows, total=total, offset=offset, limit=limit)


def one_status(tx: Connection, name: str, *, now: datetime) -> ModelStatus:
    """Give what is known of one model. Raises `DataError` where there is none of this name."""
    number, _ = one_model(tx, name)
    return _status(tx.execute(_rows(_state(now)).where(_m.id == number)).one())


def history(tx: Connection, name: str, *, limit: int) -> tuple[ModelStatus, ...]:
    """Give what was decided of a model in each of its newest windows, the oldest first."""
    number, model = one_model(tx, name)
    newest = (
        select(results)
        .where(results.c.model_id == number)
        .order_by(results.c.ended.desc(), results.c.began.desc())
        .limit(limit)
    )
    return tuple(_past(model, row) for row in tx.execute(newest))[::-1]


def details(
    tx: Connection, name: str, *, window: Window | None = None, limit: int = 1
) -> list[Any]:
    """Give the newest decisions on a model, or that on one window, with their features packed."""
    number, _ = one_model(tx, name)
    query = select(results).where(results.c.model_id == number)
    if window is not None:
        query = query.where(results.c.began == window.start, results.c.ended == window.end)
    newest = query.order_by(results.c.ended.desc(), results.c.began.desc())
    return list(tx.execute(newest.limit(limit)))


def fleet_summary(tx: Connection, *, now: datetime) -> FleetSummary:
    """Count the models by group and state."""
    shown = _state(now)
    loss = func.sum(func.coalesce(_s.expected_loss, 0.0))
    counted = tx.execute(
        select(_m.group_name, shown.label("state"), func.count().label("n"), loss.label("loss"))
        .select_from(models.join(statuses, _m.id == _s.model_id))
        .group_by(_m.group_name, shown)
    ).all()
    groups = tuple(
        sorted(
            (
                _group(name, [row for row in counted if row.group_name == name])
                for name in {row.group_name for row in counted}
            ),
            key=lambda g: (-g.expected_loss, -g.alarmed, g.group),
        )
    )
    finished = select(assessments).where(assessments.c.finished.is_not(None))
    last = tx.execute(
        finished.order_by(assessments.c.finished.desc(), assessments.c.id.desc()).limit(1)
    ).first()
    still = select(func.count()).select_from(incidents).where(incidents.c.is_open.is_(True))
    return FleetSummary(
        models=sum(g.models for g in groups),
        alarmed=sum(g.alarmed for g in groups),
        cannot_say=sum(g.cannot_say for g in groups),
        silent=sum(g.silent for g in groups),
        new=sum(g.new for g in groups),
        steady=sum(g.steady for g in groups),
        incidents=tx.scalar(still) or 0,
        expected_loss=sum(g.expected_loss for g in groups),
        q=None if last is None else last.q,
        window=None if last is None else Window(last.began, last.ended),
        assessed=None if last is None else last.finished,
        groups=groups,
    )


def _rows(shown: ColumnElement[str]) -> Select[Any]:
    kept = [column for column in statuses.c if column.name != "state"]
    return select(models, *kept, shown.label("state")).join(statuses, _m.id == _s.model_id)


def _state(now: datetime) -> ColumnElement[str]:
    """Give the state as of now: a model without an alarm whose window is overdue is silent."""
    return case(
        (_s.state == "alarmed", _s.state),
        (_s.last_window.is_(None), literal("new")),
        (_s.silent_from < now, literal("silent")),
        else_=_s.state,
    )


def _severity(shown: ColumnElement[str]) -> ColumnElement[int]:
    ranks = {state: len(STATES) - rank for rank, state in enumerate(STATES)}
    return case(*((shown == state, rank) for state, rank in ranks.items()), else_=0)


def _search(query: Select[Any], search: str) -> Select[Any]:
    for word in search.split():
        like = f"%{_escaped(word.lower())}%"
        query = query.where(
            func.lower(_m.name).like(like, escape="!")
            | func.lower(_m.owner).like(like, escape="!")
            | func.lower(_m.group_name).like(like, escape="!")
        )
    return query


def _escaped(word: str) -> str:
    for sign in "!%_":
        word = word.replace(sign, f"!{sign}")
    return word.replace("\0", "")


def _group(name: str, rows: list[Any]) -> GroupSummary:
    counts = {state: sum(row.n for row in rows if row.state == state) for state in STATES}
    return GroupSummary(
        group=name,
        models=sum(counts.values()),
        alarmed=counts["alarmed"],
        cannot_say=counts["cannot say"],
        silent=counts["silent"],
        new=counts["new"],
        steady=counts["steady"],
        expected_loss=float(sum(row.loss or 0.0 for row in rows)),
    )


def _status(row: Any) -> ModelStatus:
    window = None if row.began is None else Window(row.began, row.ended)
    return _of(model_of(row), row, window, features=row.feature_count, incident=row.incident)


def _past(model: Model, row: Any) -> ModelStatus:
    return _of(model, row, Window(row.began, row.ended), features=row.summary.get("features", 0))


def _of(
    model: Model, row: Any, window: Window | None, *, features: int, incident: str | None = None
) -> ModelStatus:
    said = row.summary
    return ModelStatus(
        model=model,
        state=row.state,
        window=window,
        rows=row.row_count,
        features=features,
        drifted=tuple(said.get("drifted", ())),
        cannot_say=tuple(said.get("cannot_say", ())),
        largest_change=row.largest_change,
        worst=said.get("worst", ""),
        smallest_q=said.get("smallest_q"),
        failures=tuple(said.get("failures", ())),
        performance=None if row.performance is None else Performance.from_dict(row.performance),
        expected_loss=row.expected_loss,
        incident=incident,
    )
