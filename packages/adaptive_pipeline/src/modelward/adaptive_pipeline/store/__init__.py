"""The store: one database that holds every event, decision and state of a pipeline."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.store.store import Store

__all__ = ["Store"]

__getattr__, __dir__ = lazy_exports(__name__, {"Store": "store"})
