"""Workflows and resources: what runs, what is late, and the machines it runs on."""

from __future__ import annotations

from collections.abc import Sequence

from modelward.core.pages import Block, Notice, Section, Table, Tile, Tiles
from modelward.monitoring.fleet.fleet import Fleet
from modelward.monitoring.infrastructure.health import WorkflowHealth, workflow_health
from modelward.monitoring.infrastructure.records import ResourceSample, WorkflowRun
from modelward.monitoring.outputs.dashboard.addresses import link
from modelward.monitoring.outputs.dashboard.pictures import machine_picture, used
from modelward.monitoring.outputs.dashboard.render import View
from modelward.monitoring.outputs.dashboard.views import cells

_MOST, _MACHINES, _RUNS = 200, 4, 25


def operations_view(fleet: Fleet) -> View:
    """Give the page of workflows and resources."""
    runs, samples = fleet.workflows(limit=5_000), fleet.resources(limit=2_000)
    health = workflow_health(runs, at=fleet.now())
    silent = fleet.statuses(state="silent", sort="window", descending=False, limit=50)
    blocks: list[Block] = [_tiles(health, silent.total, fleet)]
    if health:
        blocks.append(Section("Workflows", [_workflows(health)]))
    else:
        blocks.append(Notice("No run of a workflow is known: track_workflow records them."))
    troubled = [run for run in runs if run.state in {"failed", "lost"}][:_RUNS]
    if troubled:
        blocks.append(Section("Runs that failed", [_failed(troubled)]))
    if samples:
        blocks.append(Section("Machines", _machines(samples)))
    if silent.rows:
        table = Table(
            f"{silent.total} silent models, the longest first",
            ("model", "newest window", "silent after, hours", "owner"),
            [
                (
                    link(s.model.name, "/model", name=s.model.name),
                    cells.when(s.window.end) if s.window else None,
                    s.model.silent_after,
                    cells.cut(s.model.owner) if s.model.owner else None,
                )
                for s in silent
            ],
        )
        blocks.append(Section("Silent models", [table]))
    return View(
        title="Workflows and resources",
        lead="What runs, what is late, and the machines it runs on. A workflow is overdue when its last "
        "success is older than three of its intervals.",
        blocks=blocks,
        here="/workflows",
    )


def _tiles(health: Sequence[WorkflowHealth], silent: int, fleet: Fleet) -> Tiles:
    overdue, failed = (
        sum(h.overdue for h in health),
        sum(h.last_state in {"failed", "lost"} for h in health),
    )
    assessed = fleet.summary().assessed
    return Tiles(
        [
            Tile("Workflows", str(len(health))),
            Tile("Overdue", str(overdue), status="bad" if overdue else "good"),
            Tile("Last run failed", str(failed), status="bad" if failed else "good"),
            Tile("Silent models", str(silent), status="warning" if silent else "good"),
            Tile("Fleet last judged", cells.moment(assessed) or "never"),
        ]
    )


def _workflows(health: Sequence[WorkflowHealth]) -> Table:
    return Table(
        "Workflows, those in trouble first" + (" (the first 200)" if len(health) > _MOST else ""),
        (
            "workflow",
            "state",
            "last success",
            "last start",
            "takes (median)",
            "last took",
            "waits (median)",
            "every",
            "runs",
            "failed",
            "retries",
        ),
        [
            (
                cells.cut(h.name),
                cells.state("overdue" if h.overdue else h.last_state),
                cells.when(h.last_success),
                cells.when(h.last_start),
                cells.seconds(h.median_duration),
                cells.seconds(h.last_duration),
                cells.seconds(h.median_queue),
                cells.seconds(h.every),
                h.runs,
                h.failed,
                h.retries,
            )
            for h in health[:_MOST]
        ],
    )


def _failed(runs: Sequence[WorkflowRun]) -> Table:
    return Table(
        "The newest first",
        ("workflow", "state", "started", "took", "retries", "error", "source"),
        [
            (
                cells.cut(run.name),
                cells.state(run.state),
                cells.when(run.started),
                cells.seconds(run.duration_seconds),
                run.retries,
                cells.words(run.error),
                cells.cut(run.source) if run.source else None,
            )
            for run in runs
        ],
    )


def _machines(samples: Sequence[ResourceSample]) -> list[Block]:
    by_host: dict[str, list[ResourceSample]] = {}
    for sample in samples:
        by_host.setdefault(sample.host, []).append(sample)
    newest = {host: max(of_it, key=lambda s: s.at) for host, of_it in sorted(by_host.items())}
    table = Table(
        "Machines, as of their newest look" + (" (the first 200)" if len(newest) > _MOST else ""),
        (
            "machine",
            "seen",
            "processors",
            "load",
            "memory",
            "swap",
            "disk",
            "received",
            "sent",
            "GPU",
        ),
        [_machine(host, sample) for host, sample in list(newest.items())[:_MOST]],
    )
    drawn = [machine_picture(host, by_host[host]) for host in list(newest)[:_MACHINES]]
    return [table, *(picture for picture in drawn if picture is not None)]


def _machine(host: str, sample: ResourceSample) -> tuple[object, ...]:
    values = sample.values
    shares = {name: used(sample, name) for name in ("processors", "memory", "disk")}
    said = {name: None if share is None else f"{share:.0%}" for name, share in shares.items()}
    gpus = [
        v
        for name, v in sorted(values.items())
        if name.startswith("gpu") and name.endswith("_ratio")
    ]
    return (
        cells.cut(host),
        cells.when(sample.at),
        said["processors"],
        values.get("load_1m"),
        _of(said["memory"], values.get("memory_total_bytes")),
        cells.size(values.get("swap_used_bytes")),
        _of(said["disk"], values.get("disk_total_bytes")),
        cells.size(values.get("network_received_bytes")),
        cells.size(values.get("network_sent_bytes")),
        ", ".join(f"{share:.0%}" for share in gpus) or None,
    )


def _of(share: str | None, total: float | None) -> str | None:
    return share if share is None or total is None else f"{share} of {cells.size(total)}"
