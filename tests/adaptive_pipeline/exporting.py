"""What the tests of the export share: a loop on a slow clock, its numbers, and the servers' tools."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from tests.conftest import unavailable

from modelward.adaptive_pipeline import AdaptivePipeline, Inline, Performance, Store
from modelward.adaptive_pipeline.export import pipeline_metrics
from modelward.adaptive_pipeline.testing import MemoryRegistry, learn

WINDOW, HORIZON = 3_600.0, 7_200.0
PREFIX = "modelward_pipeline_"


def pipeline(store: Store, memory: MemoryRegistry, **more: Any) -> AdaptivePipeline:
    """A loop whose clock moves on by 30 seconds at each look: 100 requests fill some windows."""
    ticks = iter(range(10**9))
    settings: dict[str, Any] = {"triggers": [Performance(reference=100)]} | more
    return AdaptivePipeline(
        store=store,
        registry=memory,
        train=learn,
        executor=Inline(),
        horizon=HORIZON,
        clock=lambda: 30.0 * next(ticks),
        **settings,
    )


def numbers(store: Store) -> dict[tuple[str, ...], float]:
    """The samples by name (without its prefix) and values of labels, in order of the labels."""
    return {
        (sample.name.removeprefix(PREFIX), *(v for _, v in sorted(sample.labels.items()))): (
            sample.value
        )
        for family in text_string_to_metric_families(pipeline_metrics(store).decode())
        for sample in family.samples
    }


def tool(name: str) -> str:
    """A program that came with Prometheus or Alertmanager."""
    found = shutil.which(name)
    if found is None:
        packages = "apt-get install prometheus prometheus-alertmanager"
        unavailable(f"no {name} on this machine (Debian: {packages})")
    return found


def expressions(folder: Path) -> list[str]:
    """What the dashboard asks Prometheus for."""
    made = json.loads((folder / "grafana/dashboards/pipeline.json").read_text("utf-8"))
    targets = [target for panel in made["panels"] for target in panel["targets"]]
    return [each["expr"] for each in [*targets, *made["annotations"]["list"]]]
