"""The controller: one state machine that decides, and goes on where it stood after a restart."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.controller.controller import Controller
    from modelward.adaptive_pipeline.controller.standing import Phase, Standing

__all__ = ["Controller", "Phase", "Standing"]

__getattr__, __dir__ = lazy_exports(
    __name__, {"Controller": "controller", "Phase": "standing", "Standing": "standing"}
)
