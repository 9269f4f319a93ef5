"""The fleet: how it stands, what broke, and every model, the largest expected loss first."""

from __future__ import annotations

from modelward.core.pages import Block, Html, Notice, Section, Table, Tile, Tiles
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.fleet.summary import FleetSummary
from modelward.monitoring.outputs.dashboard.addresses import link
from modelward.monitoring.outputs.dashboard.render import View
from modelward.monitoring.outputs.dashboard.views import cells
from modelward.monitoring.outputs.dashboard.views.tables import (
    Asked,
    find_form,
    incidents_table,
    models_table,
)

_INCIDENTS, _GROUPS, _CHOICES = 5, 20, 200


def fleet_view(fleet: Fleet, asked: Asked) -> View:
    """Give the first page."""
    summary = fleet.summary()
    page = fleet.statuses(
        search=asked.search,
        state=asked.state,
        group=asked.group or None,
        sort=asked.sort,
        descending=asked.descending,
        offset=asked.offset,
        limit=asked.rows,
    )
    incidents = fleet.incidents() if summary.incidents else ()
    by = "the largest expected loss first" if asked.sort == "expected_loss" else "sorted"
    names = sorted(group.group for group in summary.groups)[:_CHOICES]
    blocks: list[Block] = [_tiles(summary)]
    if summary.models == 0:
        blocks.append(Notice("No model is in the catalogue yet: fleet.add puts one there."))
    if incidents:
        more = f"the costliest {_INCIDENTS} of {len(incidents)}"
        caption = "Open incidents, " + (more if len(incidents) > _INCIDENTS else "costliest first")
        table: list[Block] = [incidents_table(incidents[:_INCIDENTS], caption)]
        if len(incidents) > _INCIDENTS:
            table.append(Html(link(f"All {len(incidents)} incidents", "/incidents")))
        blocks.append(Section("What broke", table))
    models = models_table(page, asked, f"{page.total} models, {by}")
    blocks.append(Section("Models", [find_form(asked, names), *models]))
    if len(summary.groups) > 1:
        blocks.append(Section("Groups", [_groups(summary)]))
    return View(
        title="Fleet",
        lead="Which models lose the most, and why. Alarms are decided over the whole fleet at once, "
        "so that their number stays honest however many models there are.",
        blocks=blocks,
        here="/",
    )


def _tiles(summary: FleetSummary) -> Tiles:
    judged = (
        "not judged yet" if summary.window is None else f"judged: {cells.stretch(summary.window)}"
    )
    rate = "" if summary.q is None else f"of the alarms at most {summary.q:.0%} are false"
    loss = cells.number(summary.expected_loss)
    return Tiles(
        [
            Tile("Models", str(summary.models), judged),
            _count("Alarmed", summary.alarmed, rate, "alarmed"),
            _count(
                "Cannot say", summary.cannot_say, "windows that could not be judged", "cannot say"
            ),
            _count("Silent", summary.silent, "no window for too long", "silent"),
            _count("Open incidents", summary.incidents, "each one cause", "alarmed"),
            Tile("Expected loss a day", f"{loss:.4g}" if isinstance(loss, float) else f"{loss:,}"),
        ]
    )


def _count(label: str, value: int, note: str, state: str) -> Tile:
    return Tile(label, str(value), note, status=cells.STATUS[state] if value else "good")


def _groups(summary: FleetSummary) -> Table:
    shown = summary.groups[:_GROUPS]
    caption = "Groups, the largest expected loss first"
    if len(summary.groups) > _GROUPS:
        caption += f" (the first {_GROUPS} of {len(summary.groups)})"
    return Table(
        caption,
        ("group", "models", "alarmed", "cannot say", "silent", "steady", "expected loss a day"),
        [
            (
                link(g.group, "/", group=g.group) if g.group else "(no group)",
                g.models,
                g.alarmed,
                g.cannot_say,
                g.silent,
                g.steady,
                cells.number(g.expected_loss),
            )
            for g in shown
        ],
    )
