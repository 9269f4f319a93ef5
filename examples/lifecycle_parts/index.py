"""The pages that hold the story together: the fleet as it was found, and the index of all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import modelward.monitoring as mon
from modelward.adaptive_pipeline import PipelineResult
from modelward.adversarial import Assessment
from modelward.core.pages import (
    Block,
    Figure,
    Links,
    Notice,
    Page,
    Prose,
    Section,
    Table,
    Tile,
    Tiles,
    axes,
    svg,
)

RECORDS = {
    "evidence/pipeline.json": "the promotion: what it rested on, and the head of the ledger",
    "evidence/drift-first.json": "the first model's data since the filter, column by column",
    "evidence/drift.json": "the promoted model's data on day three",
    "evidence/validation.json": "where the promoted model fails, and what is proven",
    "evidence/adversarial.json": "the hardened detector under attack",
    "modelcard.yaml": "the classifier's card",
    "modelcard-edited.yaml": "the same with one number edited by hand",
    "detector-modelcard.yaml": "the detector's card",
}
DATABASES = {
    "mlflow.db": "runs, models and their records",
    "pipeline.db": "requests, labels, decisions, the ledger",
    "fleet.db": "fifty models, their windows and incidents",
}


def fleet_page(fleet: mon.Fleet) -> Page:
    """Draw the fleet as it was found: incidents, then the models, the costliest first."""
    (worst, *_) = incidents = fleet.incidents()
    rows = [
        [
            status.model.name,
            Tile("", status.state, status="bad" if status.state == "alarmed" else "good"),
            ", ".join(status.drifted) or "; ".join(status.failures) or None,
            None if status.performance is None else status.performance.lost,
            status.expected_loss,
        ]
        for status in fleet.statuses(limit=12).rows
    ]
    told = [
        [i.title, i.expected_loss, ", ".join(e.text for e in i.before) or None, i.suggestion]
        for i in incidents
    ]
    columns = ["model", "state", "what moved", "performance lost", "expected loss a day"]
    return Page(
        title="Fifty models, as they were found",
        lead="Judged together, so that the share of false alarms holds for the whole list; ranked by "
        "what the lost performance costs.",
        blocks=[
            Notice(f"{worst.title}. {worst.suggestion}", "bad"),
            Table("Incidents, the costliest first", ["what", "cost", "before it", "do"], told),
            Table("The twelve costliest of fifty", columns, rows),
        ],
        footer="Made by examples/lifecycle.py from fleet.db.",
        back=("All of the story", "index.html"),
    )


def precision(before: Assessment, after: Assessment) -> Figure:
    """Draw what the attacks leave of the detector, as it was and hardened."""
    names = ["clean", *(cell.name for cell in before.cells)]
    ax = axes(figsize=(7.2, 2.8))
    for place, (label, result) in enumerate((("as it was", before), ("hardened", after))):
        left = [result.ap, *(cell.ap for cell in result.cells)]
        at = np.arange(len(names)) + 0.38 * (place - 0.5)
        heights = [ap.value for ap in left]
        low = [ap.value - (ap.value if ap.low is None else ap.low) for ap in left]
        high = [(ap.value if ap.high is None else ap.high) - ap.value for ap in left]
        ax.bar(at, heights, width=0.36, label=label, yerr=np.clip([low, high], 0, None), capsize=2)
    ax.set_xticks(range(len(names)), names)
    ax.set_ylabel("COCO mAP")
    ax.legend()
    said = "; ".join(
        f"{name}: {b.value:.2f}, hardened {a.value:.2f}"
        for name, b, a in zip(
            names,
            [before.ap, *(c.ap for c in before.cells)],
            [after.ap, *(c.ap for c in after.cells)],
            strict=True,
        )
    )
    return Figure(
        svg(ax), alt=f"Average precision. {said}.", caption="Changes of at most 8 of 255."
    )


def write_index(
    folder: Path,
    figures: Mapping[str, Any],
    *,
    served: PipelineResult,
    drift: mon.DriftResult,
    before: Assessment,
    after: Assessment,
) -> Path:
    """Write the page that links all the others."""
    return Page(
        title="The life of two models",
        lead="A classifier whose camera was darkened: kept, probed, served, watched, adapted and written "
        "down. And a detector: attacked, hardened, attacked again.",
        blocks=[
            _tiles(figures),
            Section("Chapter one: a classifier", _classifier(figures, served, drift)),
            Section("Chapter two: a detector", _detector(before, after)),
            Section("Kept beside this page", _kept(folder)),
        ],
        footer="Made by examples/lifecycle.py.",
    ).save(folder / "index.html")


def _tiles(figures: Mapping[str, Any]) -> Tiles:
    def share(name: str) -> str:
        return f"{figures[name]:.1%}"

    cause = f"{figures['drifted_columns']} columns, all that count light, and no other"
    return Tiles(
        [
            Tile("Error before the filter", share("error_before_drift")),
            Tile("Error after it", share("error_after_drift"), status="bad"),
            Tile("Error after promotion", share("error_after_promotion"), status="good"),
            Tile("Rank among 50 models", str(figures["fleet_rank"]), cause),
            Tile("Detector under PGD", f"{figures['map_pgd']:.2f}", "COCO mAP", "bad"),
            Tile("The same, hardened", f"{figures['map_pgd_hardened']:.2f}", "COCO mAP", "good"),
            Tile("Model card", figures["card"], f"{figures['card_claims']} claims", "good"),
            Tile("Edited card", figures["edited_card"], f"at {figures['edited_at']}", "bad"),
        ]
    )


def _classifier(
    figures: Mapping[str, Any], served: PipelineResult, drift: mon.DriftResult
) -> list[Block]:
    return [
        Prose(
            f"Before anybody used it, the first model was found to be weak: {figures['fails_where']}."
        ),
        Figure(
            svg(served.plot()),
            alt="Loss of the served model over the requests: it rises when the camera is darkened and "
            "falls when the retrained model takes over.",
            caption="The served model through three days. The filter came at request 500.",
        ),
        Links(
            [
                ("Where it would fail", "validation-first.html", "the first model, before use"),
                ("The fleet", "fleet.html", "fifty models, and which needs help first"),
                ("The drift", "drift.html", "which columns changed, and by how much"),
                (
                    "The drift, after all",
                    "drift-after.html",
                    "day three, by the new model's measure",
                ),
                ("The pipeline", "pipeline.html", "what it noticed, decided and promoted"),
                (
                    "Where the new one fails",
                    "validation.html",
                    "the same probe of the promoted model",
                ),
                ("The card, for engineers", "modelcard-engineer.html", "every number's standing"),
                ("The card, for risk managers", "modelcard-risk.html", "use and limits first"),
                ("The card, for everybody", "modelcard-public.html", "in plain numbers"),
                ("The edited card", "modelcard-edited.html", "what one edited number looks like"),
                ("The catalogue", "catalogue/index.html", "all cards of this folder"),
            ]
        ),
        Figure(
            svg(drift.plot()),
            alt=f"How far each column moved; drifted: {', '.join(drift.shifted)}.",
            caption="What changed in the data: the eight columns that count light, and no other.",
        ),
    ]


def _detector(before: Assessment, after: Assessment) -> list[Block]:
    return [
        precision(before, after),
        Links(
            [
                ("The attack", "detector.html", "clean, attacked, and the difference"),
                ("The attack on the hardened one", "detector-hardened.html", "the same images"),
                (
                    "The detector's card, for engineers",
                    "detector-modelcard-engineer.html",
                    "all of it",
                ),
                (
                    "The detector's card, for risk managers",
                    "detector-modelcard-risk.html",
                    "limits first",
                ),
                (
                    "The detector's card, for everybody",
                    "detector-modelcard-public.html",
                    "in short",
                ),
            ]
        ),
    ]


def _kept(folder: Path) -> list[Block]:
    here = Path(os.path.relpath(folder))
    commands = [
        [f"mlflow ui --backend-store-uri sqlite:///{here / 'mlflow.db'}", "runs, models, records"],
        [f"modelward monitoring serve --fleet sqlite:///{here / 'fleet.db'}", "the dashboard"],
        [f"modelward pipeline status {here / 'pipeline.db'}", "the loop as it stands"],
        [f"modelward evidence verify {here / 'evidence'}/*.json", "whether each record is whole"],
    ]
    return [
        Links([(name, name, about) for name, about in {**RECORDS, **DATABASES}.items()]),
        Table("To look further", ["command", "shows"], commands),
    ]
