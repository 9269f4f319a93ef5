"""A detector that counts what it is asked, and answers no more than it is allowed."""

from __future__ import annotations

import torch
from torch import Tensor

from modelward.adversarial.detectors.base import Detections, Detector
from modelward.core.errors import StateError


class Counted:
    """Lets only `predict` through to a detector, and counts the images asked about.

    What stands behind is a black box: there is no `loss`. Past `budget` images in all it answers no
    more. Raises `StateError` then.

    >>> from modelward.adversarial import Shapes, Yolo3, Yolo3Network
    >>> box = Counted(Yolo3(network=Yolo3Network(classes=3, width=4), classes=Shapes.classes), budget=3)
    >>> _ = box.predict(torch.zeros(2, 3, 32, 32))
    >>> box.count
    2
    """

    def __init__(self, detector: Detector, *, budget: int | None = None) -> None:
        self.detector = detector
        self.budget = budget
        self.count = 0

    def __repr__(self) -> str:
        return f"Counted({self.detector!r}, budget={self.budget})"

    @property
    def name(self) -> str:
        """The detector's own name."""
        return self.detector.name

    @property
    def classes(self) -> tuple[str, ...]:
        """The detector's own classes."""
        return tuple(self.detector.classes)

    @property
    def device(self) -> torch.device:
        """Where the detector computes."""
        return self.detector.device

    def predict(self, images: Tensor) -> list[Detections]:
        """Detect, and count."""
        if self.budget is not None and self.count + len(images) > self.budget:
            raise StateError(
                f"expected at most {self.budget} images to be asked about, "
                f"got {self.count + len(images)}",
                hint="give the attack fewer queries, or the detector a larger budget.",
            )
        self.count += len(images)
        return self.detector.predict(images)

    def digest(self) -> str:
        """Give the detector's own digest."""
        return self.detector.digest()
