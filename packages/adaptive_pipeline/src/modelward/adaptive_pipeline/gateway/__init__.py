"""The gateway: answers requests by the plan, and records each."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.gateway.app import create_app
    from modelward.adaptive_pipeline.gateway.gateway import Answer, Gateway
    from modelward.adaptive_pipeline.gateway.serving import Serving

__all__ = ["Answer", "Gateway", "Serving", "create_app"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {"Answer": "gateway", "Gateway": "gateway", "Serving": "serving", "create_app": "app"},
)
