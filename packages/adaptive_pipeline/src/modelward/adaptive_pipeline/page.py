"""The report: one picture of the loop, the promotions, the labels, the ledger."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from modelward.core.pages import Figure, Notice, Page, Section, Table, Tile, Tiles, axes, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from modelward.adaptive_pipeline.result import PipelineResult

_MARKS = (("since", "change", ":"), ("retrained", "retrained", "--"), ("promoted", "promoted", "-"))


def plot(result: PipelineResult, ax: Axes | None = None) -> Axes:
    """Draw the mean loss of each version by windows of served requests, and mark what happened."""
    axis = axes(ax)
    for version in dict.fromkeys(w.version for w in result.windows):
        windows = [w for w in result.windows if w.version == version]
        middle = [(w.first + w.last) / 2 for w in windows]
        axis.plot(middle, [w.loss.mean for w in windows], marker=".", label=f"version {version}")
    for adaptation in result.adaptations:
        for name, text, style in _MARKS:
            place = getattr(adaptation, name)
            axis.axvline(place, color="#000000", linestyle=style, linewidth=1, alpha=0.6)
            axis.annotate(
                f" {text}",
                (place, 1.0),
                xycoords=("data", "axes fraction"),
                rotation=90,
                va="top",
                ha="right",
                fontsize=8,
            )
    axis.set_xlabel("requests served")
    axis.set_ylabel("mean loss")
    axis.margins(y=0.3)  # room for the words at the top
    axis.set_ylim(bottom=0)
    if result.windows:
        axis.legend(loc="upper left")
    return axis


def page(result: PipelineResult) -> Page:
    """Lay the result out as a page."""
    adaptation = result.adaptations[-1] if result.adaptations else None
    tiles = [
        Tile("Serving", f"version {result.champion}", result.phase),
        Tile("Requests", f"{result.served}", f"{result.counts.joined} with a label"),
        Tile(
            "Ledger",
            "holds" if result.ledger else f"broken at {result.ledger.broken}",
            f"{result.ledger.entries} decisions",
            "good" if result.ledger else "bad",
        ),
    ]
    if adaptation is not None:
        tiles += [
            Tile("Loss before the change", f"{adaptation.before.value:.3g}"),
            Tile("Loss since the change", f"{adaptation.drifted.value:.3g}", status="bad"),
            Tile("Loss after promotion", f"{adaptation.after.value:.3g}", status="good"),
        ]
    return Page(
        title="Adaptive pipeline",
        lead="How the served model fared, and what the pipeline did about it by itself.",
        blocks=[
            Tiles(tiles),
            Figure(svg(plot(result)), alt=_in_words(result), caption="Loss by version"),
            _story(result),
            Section(
                "Labels",
                [
                    Table(
                        "Requests by state",
                        ["state", "requests"],
                        list(asdict(result.counts).items()),
                    )
                ],
            ),
            Section(
                "Decisions",
                [Table("Ledger", ["requests served", "kind", "what"], result.decisions)],
            ),
        ],
        footer=f"Ledger head {result.ledger.head}",
    )


def _story(result: PipelineResult) -> Section:
    if not result.adaptations:
        return Section("Promotions", [Notice("Nothing was promoted.", "neutral")])
    columns = ["from", "to", "change since", "shown", "retrained", "promoted", "gain", "reason"]
    rows = [
        (a.old, a.new, a.since, a.detected, a.retrained, a.promoted, repr(a.gain), a.reason)
        for a in result.adaptations
    ]
    return Section("Promotions", [Table("Places count served requests", columns, rows)])


def _in_words(result: PipelineResult) -> str:
    start = f"Mean loss over {result.served} requests by model version."
    return " ".join([start, *(f"{adaptation!r}." for adaptation in result.adaptations)])
