"""All dashboards of a fleet."""

from __future__ import annotations

from typing import Any

from modelward.monitoring.outputs.grafana.feature import feature_dashboard
from modelward.monitoring.outputs.grafana.fleet import fleet_dashboard
from modelward.monitoring.outputs.grafana.model import model_dashboard
from modelward.monitoring.outputs.grafana.operations import operations_dashboard
from modelward.monitoring.outputs.grafana.quality import quality_dashboard


def dashboards() -> dict[str, dict[str, Any]]:
    """Give the dashboards, as Grafana 11 reads them, by name.

    >>> {name: made["title"] for name, made in dashboards().items()}["quality"]
    'Data quality'
    """
    return {
        "fleet": fleet_dashboard(),
        "model": model_dashboard(),
        "feature": feature_dashboard(),
        "quality": quality_dashboard(),
        "operations": operations_dashboard(),
    }
