"""The dashboard: the fleet as pages and as JSON, without Grafana."""

from modelward.monitoring.outputs.dashboard.app import create_app, serve
from modelward.monitoring.outputs.dashboard.settings import Settings

__all__ = ["Settings", "create_app", "serve"]
