"""Monitoring: what has changed in a model's data, and whether it is more than chance.

The path of the data: `sources` take tables apart, `Sketch` keeps a small mergeable summary, `drift`
measures how far two summaries lie apart, `compare` and `assess` decide with controlled false
alarms, `Fleet` keeps what is known of many models, `outputs` writes what others read. Beside it:
`quality` (what data must be like), `performance` (with labels and without), `infrastructure`
(workflows, machines, services).
"""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.monitoring.decisions.comparison import compare
    from modelward.monitoring.decisions.degradation import Degradation, degradation
    from modelward.monitoring.decisions.dependence import Dependence
    from modelward.monitoring.decisions.evidence import e_benjamini_hochberg, e_values
    from modelward.monitoring.decisions.hierarchy import hierarchical
    from modelward.monitoring.decisions.multiplicity import benjamini_hochberg, benjamini_yekutieli
    from modelward.monitoring.decisions.result import DriftResult, FeatureDrift
    from modelward.monitoring.decisions.thresholds import Thresholds
    from modelward.monitoring.drift.base import DriftMethod, Method, Statistic
    from modelward.monitoring.drift.registry import (
        METHODS,
        drift_method,
        stream_method,
        table_method,
    )
    from modelward.monitoring.drift.streams import StreamMethod
    from modelward.monitoring.drift.tables import TableMethod
    from modelward.monitoring.fleet.assessment import assess
    from modelward.monitoring.fleet.files import RecordedFiles
    from modelward.monitoring.fleet.fleet import Fleet
    from modelward.monitoring.fleet.records import (
        Event,
        Incident,
        Model,
        ModelStatus,
        Performance,
        Window,
    )
    from modelward.monitoring.fleet.registry import SyncReport
    from modelward.monitoring.fleet.result import FleetResult
    from modelward.monitoring.fleet.summary import FleetSummary, GroupSummary, StatusPage
    from modelward.monitoring.fleet.watch import Watch
    from modelward.monitoring.infrastructure.health import WorkflowHealth, workflow_health
    from modelward.monitoring.infrastructure.records import ResourceSample, WorkflowRun
    from modelward.monitoring.infrastructure.resources import sample_resources
    from modelward.monitoring.infrastructure.services import ServiceMetrics
    from modelward.monitoring.infrastructure.sources import (
        mlflow_runs,
        pipeline_events,
        pipeline_runs,
    )
    from modelward.monitoring.infrastructure.workflows import track_workflow
    from modelward.monitoring.outputs.alerts.alertmanager import alertmanager_config
    from modelward.monitoring.outputs.alerts.notifier import Notifier
    from modelward.monitoring.outputs.alerts.webhook import Webhook
    from modelward.monitoring.outputs.dashboard.app import create_app
    from modelward.monitoring.outputs.dashboard.settings import Settings
    from modelward.monitoring.outputs.evidently import FullReport, Reports
    from modelward.monitoring.outputs.exporter import DriftExporter, FleetExporter
    from modelward.monitoring.outputs.grafana.export import export_grafana
    from modelward.monitoring.outputs.mlflow import load_reference, log_reference, log_statuses
    from modelward.monitoring.performance.base import PerformanceEstimator
    from modelward.monitoring.performance.cbpe import CBPE
    from modelward.monitoring.performance.dle import DLE
    from modelward.monitoring.performance.history import PerformanceHistory
    from modelward.monitoring.performance.pape import PAPE
    from modelward.monitoring.performance.result import WindowPerformance
    from modelward.monitoring.quality.expectations import (
        ColumnExpectation,
        DuplicateExpectation,
        Expectations,
    )
    from modelward.monitoring.quality.result import QualityCheck, QualityResult
    from modelward.monitoring.sketch.table import Sketch
    from modelward.monitoring.study.result import StudyResult
    from modelward.monitoring.study.run import Study

__all__ = [
    "CBPE",
    "DLE",
    "METHODS",
    "PAPE",
    "ColumnExpectation",
    "Degradation",
    "Dependence",
    "DriftExporter",
    "DriftMethod",
    "DriftResult",
    "DuplicateExpectation",
    "Event",
    "Expectations",
    "FeatureDrift",
    "Fleet",
    "FleetExporter",
    "FleetResult",
    "FleetSummary",
    "FullReport",
    "GroupSummary",
    "Incident",
    "Method",
    "Model",
    "ModelStatus",
    "Notifier",
    "Performance",
    "PerformanceEstimator",
    "PerformanceHistory",
    "QualityCheck",
    "QualityResult",
    "RecordedFiles",
    "Reports",
    "ResourceSample",
    "ServiceMetrics",
    "Settings",
    "Sketch",
    "Statistic",
    "StatusPage",
    "StreamMethod",
    "Study",
    "StudyResult",
    "SyncReport",
    "TableMethod",
    "Thresholds",
    "Watch",
    "Webhook",
    "Window",
    "WindowPerformance",
    "WorkflowHealth",
    "WorkflowRun",
    "alertmanager_config",
    "assess",
    "benjamini_hochberg",
    "benjamini_yekutieli",
    "compare",
    "create_app",
    "degradation",
    "drift_method",
    "e_benjamini_hochberg",
    "e_values",
    "export_grafana",
    "hierarchical",
    "load_reference",
    "log_reference",
    "log_statuses",
    "mlflow_runs",
    "pipeline_events",
    "pipeline_runs",
    "sample_resources",
    "stream_method",
    "table_method",
    "track_workflow",
    "workflow_health",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "CBPE": "performance.cbpe",
        "ColumnExpectation": "quality.expectations",
        "DLE": "performance.dle",
        "Degradation": "decisions.degradation",
        "Dependence": "decisions.dependence",
        "DriftExporter": "outputs.exporter",
        "DriftMethod": "drift.base",
        "DriftResult": "decisions.result",
        "DuplicateExpectation": "quality.expectations",
        "Event": "fleet.records",
        "Expectations": "quality.expectations",
        "FeatureDrift": "decisions.result",
        "Fleet": "fleet.fleet",
        "FleetExporter": "outputs.exporter",
        "FleetResult": "fleet.result",
        "FleetSummary": "fleet.summary",
        "FullReport": "outputs.evidently",
        "GroupSummary": "fleet.summary",
        "Incident": "fleet.records",
        "METHODS": "drift.registry",
        "Method": "drift.base",
        "Model": "fleet.records",
        "ModelStatus": "fleet.records",
        "Notifier": "outputs.alerts.notifier",
        "PAPE": "performance.pape",
        "Performance": "fleet.records",
        "PerformanceEstimator": "performance.base",
        "PerformanceHistory": "performance.history",
        "QualityCheck": "quality.result",
        "QualityResult": "quality.result",
        "RecordedFiles": "fleet.files",
        "Reports": "outputs.evidently",
        "ResourceSample": "infrastructure.records",
        "ServiceMetrics": "infrastructure.services",
        "Settings": "outputs.dashboard.settings",
        "Sketch": "sketch.table",
        "Statistic": "drift.base",
        "StatusPage": "fleet.summary",
        "StreamMethod": "drift.streams",
        "Study": "study.run",
        "StudyResult": "study.result",
        "SyncReport": "fleet.registry",
        "TableMethod": "drift.tables",
        "Thresholds": "decisions.thresholds",
        "Watch": "fleet.watch",
        "Webhook": "outputs.alerts.webhook",
        "Window": "fleet.records",
        "WindowPerformance": "performance.result",
        "WorkflowHealth": "infrastructure.health",
        "WorkflowRun": "infrastructure.records",
        "alertmanager_config": "outputs.alerts.alertmanager",
        "assess": "fleet.assessment",
        "benjamini_hochberg": "decisions.multiplicity",
        "benjamini_yekutieli": "decisions.multiplicity",
        "compare": "decisions.comparison",
        "create_app": "outputs.dashboard.app",
        "degradation": "decisions.degradation",
        "drift_method": "drift.registry",
        "e_benjamini_hochberg": "decisions.evidence",
        "e_values": "decisions.evidence",
        "export_grafana": "outputs.grafana.export",
        "hierarchical": "decisions.hierarchy",
        "load_reference": "outputs.mlflow",
        "log_reference": "outputs.mlflow",
        "log_statuses": "outputs.mlflow",
        "mlflow_runs": "infrastructure.sources",
        "pipeline_events": "infrastructure.sources",
        "pipeline_runs": "infrastructure.sources",
        "sample_resources": "infrastructure.resources",
        "stream_method": "drift.registry",
        "table_method": "drift.registry",
        "track_workflow": "infrastructure.workflows",
        "workflow_health": "infrastructure.health",
    },
)
