"""Data: images with the objects on them, and the sets they come from."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adversarial.data.base import DetectionData, Sample, Target, batches
    from modelward.adversarial.data.shapes import Shapes

__all__ = ["DetectionData", "Sample", "Shapes", "Target", "batches"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "DetectionData": "base",
        "Sample": "base",
        "Shapes": "shapes",
        "Target": "base",
        "batches": "base",
    },
)
