"""Incidents: alarms told once, by their cause, for as long as it lasts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from modelward.monitoring.fleet.common_cause import Cause, Column, Columns, common_causes
from modelward.monitoring.fleet.findings import Finding
from modelward.monitoring.fleet.records import Event, Incident, Model, Window
from modelward.monitoring.fleet.store.names import key
from modelward.monitoring.fleet.suggestions import suggest_for_column, suggest_for_model

LOOK_BACK = timedelta(days=7)
"""How long before the first bad window an event may have been to be told with the incident."""
_SHOWN_EVENTS = 20


@dataclass(frozen=True, slots=True)
class Tracked:
    """An incident as it is kept: with the columns by which the next window recognises it."""

    incident: Incident
    kind: str
    columns: frozenset[Column] = frozenset()


def column_of(model: Model, name: str) -> Column:
    """Give the column as the fleet knows it.

    A model may declare where its columns come from, in its tags: `source:age` = `crm.people.age` for
    one column, `source` = `crm.people` for all others. Columns of the same name from different sources
    are different columns; of one declared place they are one, whatever each model calls it.
    """
    if not model.tags:
        return "", name
    own = model.tags.get(f"source:{name}")
    return ("", own) if own else (model.tags.get("source", ""), name)


def track(
    findings: Sequence[Finding],
    before: Mapping[str, frozenset[str]],
    known: Iterable[Tracked],
    events: Sequence[Event],
) -> list[Tracked]:
    """Give every incident that is open or was just closed, after one more assessment.

    `before` names the columns that were bad in each model's window before, `known` are the incidents
    that were open, `events` what happened, in any order. What went bad together becomes a new
    incident, or joins the one that is open for these columns; the id of each depends only on its
    columns (or model) and its first window, so that judging a window again changes nothing.
    """
    by_name = {finding.model.name: finding for finding in findings}
    bad = {name: _bad(finding) for name, finding in by_name.items()}
    open_ones = [each for each in known if each.incident.open]
    goes_on = [_go_on(each, by_name, bad) for each in open_ones if each.kind == "column"]
    older = {each.incident.members[0]: each for each in open_ones if each.kind == "model"}
    for cause in common_causes([_columns(f, bad, before) for f in findings]):
        _take_in(cause, goes_on, by_name, bad, events)
    explained = _explained(goes_on)
    singles = [
        _single(finding, bad[name], explained.get(name), older.pop(name, None), events)
        for name, finding in by_name.items()
    ]
    # A model that did not report this time is as it was.
    found = [*goes_on, *(each for each in singles if each is not None), *older.values()]
    return [_ranked(each, by_name) for each in found]


def _bad(finding: Finding) -> dict[Column, str]:
    """Give the bad columns of a window, with the name that the model has for each."""
    names = dict.fromkeys([*finding.drifted, *finding.broken])
    return {column_of(finding.model, name): name for name in names}


def _columns(
    finding: Finding, bad: Mapping[str, Mapping[Column, str]], before: Mapping[str, frozenset[str]]
) -> Columns:
    """Take only what has just gone bad: what was bad before cannot have the cause of this window."""
    model = finding.model
    old = {column_of(model, name) for name in before.get(model.name, ())}
    broken = finding.broken
    judged = {column_of(model, name) for name in (*finding.brief.judged, *broken)}
    now = bad[model.name].keys()
    return Columns(model.name, frozenset((judged | now) - old), frozenset(now - old))


def _go_on(
    each: Tracked, by_name: Mapping[str, Finding], bad: Mapping[str, Mapping[Column, str]]
) -> Tracked:
    """Go on with an open incident: with the members that are still bad, or did not report."""
    incident = each.incident
    reported = [name for name in incident.members if name in by_name]
    still = [
        name for name in incident.members if name not in by_name or each.columns & bad[name].keys()
    ]
    if not reported:
        return each
    last = max((by_name[name].window for name in reported), key=lambda w: w.end)
    sick = [name for name in still if name in by_name]
    if not sick:
        return replace(each, incident=replace(incident, open=False, last=incident.last))
    last = max((by_name[name].window for name in sick), key=lambda w: w.end)
    if last.end < incident.last.end:
        last = incident.last
    return replace(each, incident=replace(incident, members=tuple(still), last=last))


def _take_in(
    cause: Cause,
    open_ones: list[Tracked],
    by_name: Mapping[str, Finding],
    bad: Mapping[str, Mapping[Column, str]],
    events: Sequence[Event],
) -> None:
    """Join a cause to the incident that is open for its columns, or open one."""
    for index, each in enumerate(open_ones):
        if each.incident.open and each.columns & set(cause.columns):
            members = tuple(dict.fromkeys([*each.incident.members, *sorted(cause.members)]))
            windows = [by_name[name].window for name in cause.members]
            last = max([*windows, each.incident.last], key=lambda w: w.end)
            columns = each.columns | set(cause.columns)
            grown = replace(
                each.incident,
                members=members,
                last=last,
                columns=_names(cause, each.incident.columns, bad),
            )
            grown = replace(grown, title=_title(grown.columns, len(members)))
            open_ones[index] = replace(each, incident=grown, columns=columns)
            return
    open_ones.append(_opened(cause, by_name, bad, events))


def _opened(
    cause: Cause,
    by_name: Mapping[str, Finding],
    bad: Mapping[str, Mapping[Column, str]],
    events: Sequence[Event],
) -> Tracked:
    members = tuple(sorted(cause.members))
    windows = [by_name[name].window for name in members]
    first = min(windows, key=lambda w: (w.start, w.end))
    names = _names(cause, (), bad)
    nearest = _before(events, first, members, names)
    words = [
        _words(by_name[name], bad[name][column])
        for name in members[:1]
        for column in cause.columns
        if column in bad[name]
    ]
    incident = Incident(
        id=key("column", *cause.columns[0], first.start.isoformat())[:32],
        title=_title(names, len(members)),
        columns=names,
        members=members,
        first=first,
        last=max(windows, key=lambda w: w.end),
        rule=cause.rule,
        before=nearest,
        suggestion=suggest_for_column(names, cause.columns[0][0], len(members), nearest, words),
    )
    return Tracked(incident, "column", frozenset(cause.columns))


def _single(
    finding: Finding,
    bad: Mapping[Column, str],
    explained: frozenset[Column] | None,
    older: Tracked | None,
    events: Sequence[Event],
) -> Tracked | None:
    """Give the incident of one model alone: of what no common cause explains."""
    own = {column: name for column, name in bad.items() if column not in (explained or ())}
    reasons = _reasons(finding, tuple(own.values()), explained is not None)
    name, window = finding.model.name, finding.window
    if not reasons:
        if older is None:
            return None
        return replace(older, incident=replace(older.incident, open=False))
    title = f"{name}: {reasons[0]}"
    if older is not None:
        last = max(older.incident.last, window, key=lambda w: w.end)
        going = replace(older.incident, last=last, columns=tuple(own.values()), title=title)
        return replace(older, incident=going)
    nearest = _before(events, window, (name,), tuple(own.values()))
    incident = Incident(
        id=key("model", name, window.start.isoformat())[:32],
        title=title,
        columns=tuple(own.values()),
        members=(name,),
        first=window,
        last=window,
        rule=_rule(finding),
        before=nearest,
        suggestion=suggest_for_model(
            degraded=finding.degraded,
            drifted=finding.drifted,
            broken=tuple(finding.broken.values()) or finding.failures,
            lost=None if finding.performance is None else finding.performance.lost,
            before=nearest,
        ),
    )
    return Tracked(incident, "model", frozenset(own))


def _reasons(finding: Finding, columns: Sequence[str], has_cause: bool) -> list[str]:
    """Say why a model is in trouble of its own, the weightiest first."""
    reasons = []
    if finding.degraded and finding.degradation is not None and not has_cause:
        reasons.append(finding.degradation.words)
    drifted = [name for name in columns if name in finding.drifted]
    broken = [name for name in columns if name not in finding.drifted]
    if drifted:
        reasons.append(f"{_listed(drifted)} drifted")
    if broken:
        reasons.append(f"{_listed(broken)} broke")
    whole = [f for f in finding.failures if f.partition(": ")[0] not in finding.columns]
    if whole:
        reasons.append(whole[0])
    return reasons


def _rule(finding: Finding) -> str:
    rules = [finding.degradation.rule] if finding.degradation and finding.degraded else []
    rules += [f.rule for f in finding.result.ranked if f.drifted][:1]
    if finding.failures:
        rules.append("an expectation of the data's quality failed")
    return "; ".join(rules) or "a column is missing or of another type"


def _explained(tracked: Iterable[Tracked]) -> dict[str, frozenset[Column]]:
    found: dict[str, frozenset[Column]] = {}
    for each in tracked:
        if each.incident.open:
            for name in each.incident.members:
                found[name] = found.get(name, frozenset()) | each.columns
    return found


def _ranked(each: Tracked, by_name: Mapping[str, Finding]) -> Tracked:
    """Rank the members by what they cost, and add it up."""
    incident = each.incident
    losses = {
        name: loss
        for name in incident.members
        if name in by_name and (loss := by_name[name].expected_loss) is not None
    }
    members = tuple(sorted(incident.members, key=lambda name: (-losses.get(name, 0.0), name)))
    total = sum(losses.values()) if losses else incident.expected_loss
    title = _title(incident.columns, len(members)) if each.kind == "column" else incident.title
    ranked = replace(incident, members=members, expected_loss=total, title=title)
    return replace(each, incident=ranked)


def _before(
    events: Sequence[Event], first: Window, members: Sequence[str], columns: Sequence[str]
) -> tuple[Event, ...]:
    """Give what happened shortly before the first bad window ended, the nearest first."""
    ours, names = set(members), set(columns)
    near = [
        event
        for event in events
        if first.start - LOOK_BACK <= event.at < first.end
        and (event.model is None or event.model in ours)
        and (not event.columns or names & set(event.columns))
    ]
    near.sort(key=lambda e: (abs(first.start - e.at), e.model or "", e.text))
    return tuple(near[:_SHOWN_EVENTS])


def _names(
    cause: Cause, had: tuple[str, ...], bad: Mapping[str, Mapping[Column, str]]
) -> tuple[str, ...]:
    names = [
        bad[name][column]
        for column in cause.columns
        for name in sorted(cause.members)
        if column in bad[name]
    ]
    return tuple(dict.fromkeys([*had, *names]))


def _words(finding: Finding, name: str) -> str:
    return finding.broken.get(name) or f"{name}: {finding.result[name].words}"


def _title(columns: Sequence[str], members: int) -> str:
    return f"{_listed(columns)} went bad in {members} models"


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
