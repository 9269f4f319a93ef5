"""Grafana: dashboards of a fleet as files, and all that serves them."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.monitoring.outputs.grafana.boards import dashboards
    from modelward.monitoring.outputs.grafana.checks import check_dashboards
    from modelward.monitoring.outputs.grafana.export import export_grafana

__all__ = ["check_dashboards", "dashboards", "export_grafana"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {"check_dashboards": "checks", "dashboards": "boards", "export_grafana": "export"},
)
