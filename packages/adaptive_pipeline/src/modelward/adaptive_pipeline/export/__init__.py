"""Export: the loop's numbers for Prometheus, and the configuration of what watches them."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.export.configuration import export_config
    from modelward.adaptive_pipeline.export.metrics import pipeline_metrics
    from modelward.adaptive_pipeline.export.rules import Limits

__all__ = ["Limits", "export_config", "pipeline_metrics"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {"Limits": "rules", "export_config": "configuration", "pipeline_metrics": "metrics"},
)
