"""The Grafana dashboard of a loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from modelward.adaptive_pipeline.export.panels import EVENTS, MODEL, Panel, panels

SOURCE = {"type": "prometheus", "uid": "${source}"}


def dashboard(name: str, *, about: str) -> dict[str, Any]:
    """Give the dashboard as Grafana reads it, showing the model `name` first."""
    return {
        "uid": "modelward-pipeline",
        "title": "Adaptive pipeline",
        "description": about,
        "tags": ["modelward"],
        "schemaVersion": 39,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-24h", "to": "now"},
        "templating": {"list": _variables(name)},
        "annotations": {"list": list(_annotations())},
        "panels": list(_placed(panels())),
    }


def _variables(name: str) -> list[dict[str, Any]]:
    return [
        {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
        {
            "name": "model",
            "label": "Model",
            "type": "query",
            "datasource": SOURCE,
            "query": "label_values(modelward_pipeline_joins, model)",
            "current": {"text": name, "value": name},
            "refresh": 2,
            "sort": 1,
        },
    ]


def _annotations() -> Iterator[dict[str, Any]]:
    for event, colour in EVENTS.items():
        counted = f"modelward_pipeline_{event}_total{{{MODEL}}}"
        yield {
            "name": event.capitalize(),
            "datasource": SOURCE,
            "enable": True,
            "iconColor": colour,
            "expr": f"max(changes({counted}[1m])) > 0",
            "step": "1m",
            "titleFormat": event.removesuffix("s").capitalize(),
        }


def _placed(those: Sequence[Panel]) -> Iterator[dict[str, Any]]:
    """Set the panels side by side, and below each other where there is no more room."""
    x = y = 0
    for number, (panel, after) in enumerate(zip(those, [*those[1:], None], strict=True), 1):
        place = {"x": x, "y": y, "w": panel.wide, "h": panel.high}
        yield {"id": number, "gridPos": place, **_drawn(panel)}
        x += panel.wide
        if after is None or x + after.wide > 24:
            x, y = 0, y + panel.high


def _drawn(panel: Panel) -> dict[str, Any]:
    return {
        "title": panel.title,
        "description": panel.about,
        "type": panel.kind,
        "datasource": SOURCE,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, **panel.defaults},
            "overrides": [
                {
                    "matcher": {"id": "byName", "options": legend},
                    "properties": [{"id": key, "value": value} for key, value in looks.items()],
                }
                for legend, looks in panel.overrides.items()
            ],
        },
        "options": dict(panel.options),
        "targets": [
            {
                "refId": chr(ord("A") + i),
                "datasource": SOURCE,
                "expr": expression,
                "legendFormat": legend,
            }
            for i, (legend, expression) in enumerate(panel.series.items())
        ],
    }
