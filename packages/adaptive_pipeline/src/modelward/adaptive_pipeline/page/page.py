"""The page of the loop: loss over time, the evidence of its trials, its labels and decisions."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from modelward.adaptive_pipeline.page.evidence import plot_evidence
from modelward.adaptive_pipeline.page.loss import plot_loss
from modelward.core.pages import Block, Figure, Notice, Page, Section, Table, Tile, Tiles, svg

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.replay.evidence_path import EvidencePath
    from modelward.adaptive_pipeline.result import PipelineResult

_DECISIONS = 200


def page(result: PipelineResult) -> Page:
    """Lay the result out as a page."""
    return Page(
        title="Adaptive pipeline",
        lead="How the served model fares, and what the pipeline does about it by itself.",
        blocks=[
            Tiles(_tiles(result)),
            _loss(result),
            Section("Trials", [block for path in result.evidence for block in _trial(path)])
            if result.evidence
            else Section("Trials", [Notice("No challenger has been tried yet.", "neutral")]),
            _promotions(result),
            _labels(result),
            _decisions(result),
        ],
        footer=f"Ledger head {result.ledger.head}",
    )


def _tiles(result: PipelineResult) -> list[Tile]:
    adaptation = result.adaptations[-1] if result.adaptations else None
    tiles = [
        Tile("Serving", f"version {result.champion}", result.phase.replace("_", " ")),
        Tile(
            "Requests",
            f"{result.served:,}",
            f"{result.counts.joined + result.counts.late:,} with a label",
        ),
        Tile(
            "Ledger",
            "holds" if result.ledger else f"broken at {result.ledger.broken}",
            f"{result.ledger.entries} decisions",
            "good" if result.ledger else "bad",
        ),
    ]
    if result.trial is not None:
        word = "Watched against" if result.trial.watch else "On trial"
        tiles.append(Tile(word, f"version {result.trial.challenger}", result.trial.verdict.word))
    if adaptation is not None:
        tiles += [
            Tile("Loss before the change", f"{adaptation.before.value:.3g}"),
            Tile("Loss since the change", f"{adaptation.drifted.value:.3g}", status="bad"),
            Tile(
                "Loss after promotion",
                f"{adaptation.after.value:.3g}",
                "" if adaptation.rolled_back is None else "rolled back",
                "good" if adaptation.rolled_back is None else "bad",
            ),
        ]
    return tiles


def _loss(result: PipelineResult) -> Block:
    if not result.windows:
        return Notice(
            "No request has a label yet: the loss is drawn when the first come.", "neutral"
        )
    start = f"Mean loss over {result.served} requests by model version."
    words = " ".join([start, *(f"{adaptation!r}." for adaptation in result.adaptations)])
    caption = "Loss by version, with the 95 % interval of each window"
    return Figure(svg(plot_loss(result)), alt=words, caption=caption)


def _trial(path: EvidencePath) -> list[Block]:
    what = "watched against" if path.watch else "tried beside"
    if path.watch:
        title = f"Version {path.champion} {what} version {path.challenger}, which it replaced"
    else:
        title = f"Version {path.challenger} {what} version {path.champion}"
    end = f"ended: {path.verdict}" if path.verdict else "goes on"
    if not path.points:
        return [Notice(f"{title}: no label yet.", "neutral")]
    n, gain, low, high = path.points[-1]
    bounds = f" [{low:.3g}, {high:.3g}]" if low is not None and high is not None else ""
    words = f"{title}: gain {gain:.3g}{bounds} after {n} labels; {end}."
    return [Figure(svg(plot_evidence(path)), alt=words, caption=words)]


def _promotions(result: PipelineResult) -> Section:
    if not result.adaptations:
        return Section("Promotions", [Notice("Nothing was promoted.", "neutral")])
    columns = ["from", "to", "change since", "shown", "retrained", "promoted", "gain", "reason"]
    rows = [
        (a.old, a.new, a.since, a.detected, a.retrained, a.promoted, repr(a.gain), a.reason)
        for a in result.adaptations
    ]
    return Section("Promotions", [Table("Places count served requests", columns, rows)])


def _labels(result: PipelineResult) -> Section:
    rows = list(asdict(result.counts).items())
    return Section("Labels", [Table("Requests by state", ["state", "requests"], rows)])


def _decisions(result: PipelineResult) -> Section:
    shown = result.decisions[-_DECISIONS:][::-1]
    title = f"Ledger, the newest first ({len(shown)} of {len(result.decisions)})"
    return Section("Decisions", [Table(title, ["requests served", "kind", "what"], shown)])
