"""The page of the loop, and its pictures."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.page.evidence import plot_evidence
    from modelward.adaptive_pipeline.page.loss import plot_loss
    from modelward.adaptive_pipeline.page.page import page

__all__ = ["page", "plot_evidence", "plot_loss"]

__getattr__, __dir__ = lazy_exports(
    __name__, {"page": "page", "plot_evidence": "evidence", "plot_loss": "loss"}
)
