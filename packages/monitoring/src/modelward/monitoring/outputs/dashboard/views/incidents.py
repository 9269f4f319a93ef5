"""Incidents: alarms of one cause are one incident, with what was before it and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from modelward.core.pages import Block, Notice, Prose, Section, Table, Tile, Tiles
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.fleet.records import Event, Incident
from modelward.monitoring.outputs.dashboard.addresses import link, shown
from modelward.monitoring.outputs.dashboard.problems import NotFoundError
from modelward.monitoring.outputs.dashboard.render import View
from modelward.monitoring.outputs.dashboard.views import cells
from modelward.monitoring.outputs.dashboard.views.tables import incidents_table

_MOST = 1_000


def incidents_view(fleet: Fleet) -> View:
    """Give the list of incidents: open ones, and those that have ended."""
    found, ended = fleet.incidents(), fleet.incidents(open=False)
    blocks: list[Block] = []
    if found:
        blocks.append(incidents_table(found[:_MOST], _counted("Open incidents", found)))
    else:
        blocks.append(Notice("No incident is open.", "good"))
    if ended:
        past = incidents_table(ended[:_MOST], _counted("Incidents that have ended", ended))
        blocks.append(Section("Ended", [past]))
    return View(
        title="Incidents",
        lead="Alarms that have one cause are one incident. It stays open, and is told once, for as "
        "long as the cause lasts.",
        blocks=blocks,
        here="/incidents",
    )


def incident_view(fleet: Fleet, number: str) -> View:
    """Give one incident. Raises `NotFoundError` where there is none of this id."""
    found = next((i for i in fleet.incidents(open=None) if i.id == number), None)
    if found is None:
        raise NotFoundError(f"expected an incident, got {number[:64]!r}")
    models = Table(
        f"{_counted('Models', found.members)}, the largest expected loss first",
        ("model",),
        [(link(name, "/model", name=name),) for name in found.members[:_MOST]],
    )
    blocks: list[Block] = [_notice(found), _tiles(found), Section("What to do", [_advice(found)])]
    if found.before:
        caption = "What happened shortly before, the nearest first"
        blocks.append(Section("Before it", [events_table(found.before, caption)]))
    blocks.append(Section("Models", [models]))
    return View(
        title=shown(found.title),
        lead="",
        blocks=blocks,
        here="/incidents",
        trail=[("Incidents", "/incidents")],
    )


def events_table(events: Sequence[Event], caption: str) -> Table:
    """Give a table of what happened."""
    return Table(
        caption,
        ("when", "what", "said", "model", "version", "columns"),
        [
            (
                cells.when(e.at),
                e.kind,
                cells.words(e.text),
                None if e.model is None else link(e.model, "/model", name=e.model),
                None if e.version is None else cells.cut(e.version, 60),
                cells.several(e.columns),
            )
            for e in events
        ],
    )


def _notice(incident: Incident) -> Notice:
    if not incident.open:
        return Notice("This incident has ended.", "good")
    if incident.silenced_until is not None:
        until = cells.moment(incident.silenced_until)
        return Notice(f"Open; not told until {until}.", "warning")
    return Notice(f"Open since {cells.moment(incident.first.start)}.", "bad")


def _tiles(incident: Incident) -> Tiles:
    loss = cells.number(incident.expected_loss)
    return Tiles(
        [
            Tile("Models", str(len(incident.members))),
            Tile("At fault", cells.several(incident.columns) or "no one column"),
            Tile("First bad window", cells.stretch(incident.first)),
            Tile("Expected loss a day", "not known" if loss is None else f"{loss:,.4g}"),
        ]
    )


def _advice(incident: Incident) -> Prose:
    quiet = f"To be told no more for a while: modelward monitoring silence {incident.id} --until …"
    said = shown(incident.suggestion) if incident.suggestion else "Nothing is suggested."
    return Prose(f"{said}\n\nThe rule: {shown(incident.rule)}.\n\n{quiet}")


def _counted(what: str, found: Sequence[object]) -> str:
    return f"{what}: {len(found)}" + (f" (the first {_MOST})" if len(found) > _MOST else "")
