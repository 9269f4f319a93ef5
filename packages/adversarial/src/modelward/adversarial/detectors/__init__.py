"""Detectors: one protocol, and the families that speak it."""

from typing import TYPE_CHECKING

from modelward.core.optional import lazy_exports

if TYPE_CHECKING:
    from modelward.adversarial.detectors.base import Detections, Detector, Outputs
    from modelward.adversarial.detectors.state import evaluating, state_digest
    from modelward.adversarial.detectors.yolo3 import Yolo3, Yolo3Network
    from modelward.adversarial.detectors.yolo_head import Scale

__all__ = [
    "Detections",
    "Detector",
    "Outputs",
    "Scale",
    "Yolo3",
    "Yolo3Network",
    "evaluating",
    "state_digest",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "Detections": "base",
        "Detector": "base",
        "Outputs": "base",
        "Scale": "yolo_head",
        "Yolo3": "yolo3",
        "Yolo3Network": "yolo3",
        "evaluating": "state",
        "state_digest": "state",
    },
)
