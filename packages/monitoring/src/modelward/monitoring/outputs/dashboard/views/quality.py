"""Data quality: whose data failed which expectations, and what could not be judged."""

from __future__ import annotations

from dataclasses import replace

from markupsafe import Markup

from modelward.core.pages import Block, Notice, Section, Table, Tile, Tiles
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.fleet.records import ModelStatus
from modelward.monitoring.fleet.summary import StatusPage
from modelward.monitoring.outputs.dashboard.addresses import link
from modelward.monitoring.outputs.dashboard.render import View
from modelward.monitoring.outputs.dashboard.views import cells
from modelward.monitoring.outputs.dashboard.views.tables import Asked, find_form, pager

_WORDS = 10


def quality_view(fleet: Fleet, asked: Asked) -> View:
    """Give the models whose newest window failed an expectation, the most failures first."""
    summary = fleet.summary()
    asked = replace(asked, path="/quality", sort="failures", descending=True)
    page = fleet.statuses(
        search=asked.search,
        state=asked.state,
        group=asked.group or None,
        failing=True,
        sort="failures",
        offset=asked.offset,
        limit=asked.rows,
    )
    unjudged = fleet.statuses(sort="cannot_say", limit=asked.rows)
    some = [s for s in unjudged if s.cannot_say or s.state == "cannot say"]
    groups = sorted(group.group for group in summary.groups)[:200]
    failed: list[Block] = [find_form(asked, groups), *_failures(page, asked)]
    blocks: list[Block] = [
        Tiles(
            [
                Tile("Models", str(summary.models)),
                Tile("With failed checks", str(page.total), status="bad" if page.total else "good"),
                Tile(
                    "Cannot say",
                    str(summary.cannot_say),
                    "windows that could not be judged",
                    status="warning" if summary.cannot_say else "good",
                ),
            ]
        ),
        Section("Failed expectations", failed),
    ]
    if some:
        blocks.append(Section("What cannot be judged", [_unjudged(some)]))
    return View(
        title="Data quality",
        lead="What data must be like is learned from each model's reference and can be edited. Here is "
        "what the newest windows failed.",
        blocks=blocks,
        here="/quality",
    )


def words(failures: tuple[str, ...]) -> Markup:
    """Give failed expectations, one a line."""
    lines = [cells.cut(failure) for failure in failures[:_WORDS]]
    if len(failures) > _WORDS:
        lines.append(f"and {len(failures) - _WORDS} more")
    return Markup("<br>").join(lines)


def _failures(page: StatusPage, asked: Asked) -> list[Block]:
    if not page.rows:
        return [Notice("No model's data failed an expectation.", "good")]
    table = Table(
        f"{page.total} model{'s' * (page.total != 1)} whose data failed, the most failures first",
        ("model", "failed", "what", "state", "group", "owner", "window"),
        [(*_head(s), words(s.failures), *_tail(s)) for s in page.rows],
    )
    return [table, pager(page, asked)]


def _unjudged(some: list[ModelStatus]) -> Table:
    return Table(
        "Features nothing can be said of, the most first",
        ("model", "features", "which", "state", "group", "owner", "window"),
        [
            (
                link(s.model.name, "/model", name=s.model.name),
                len(s.cannot_say),
                cells.several(s.cannot_say, 8),
                *_tail(s),
            )
            for s in some
        ],
    )


def _head(status: ModelStatus) -> tuple[Markup, int]:
    return link(status.model.name, "/model", name=status.model.name), len(status.failures)


def _tail(status: ModelStatus) -> tuple[object, ...]:
    model = status.model
    return (
        cells.state(status.state),
        cells.cut(model.group) if model.group else None,
        cells.cut(model.owner) if model.owner else None,
        cells.when(status.window.end) if status.window else None,
    )
