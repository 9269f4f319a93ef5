"""A network that speaks torchvision's interface: a list of images in, a dictionary for each out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from modelward.adversarial.detectors.base import Outputs
from modelward.adversarial.detectors.torchvision_family import TorchvisionDetector

_SURE = 20.0
"""A logit that stands for certainty."""


class ListingDetector(TorchvisionDetector):
    """Any `nn.Module` with torchvision's interface, whatever is inside it.

    In eval mode it maps a list of images to a list of dictionaries of `boxes`, `scores` and `labels`; in
    training mode, with targets, to a dictionary of losses. An attack sees the detections alone, after
    the network's own thresholds: what it has dropped gives no gradient, so that a low threshold makes
    for a stronger attack. Where torchvision's own classes fit, `wrap` takes those instead, which see
    everything.

    Raises `DataError` for numbers that do not fit the classes.

    >>> class One(nn.Module):
    ...     def forward(self, images, targets=None):
    ...         return [{"boxes": torch.tensor([[0.0, 0.0, 9.0, 9.0]]), "labels": torch.tensor([1]),
    ...                  "scores": image.mean()[None]} for image in images]
    >>> detector = ListingDetector(network=One(), classes=("thing",))
    >>> detector.predict(torch.ones(1, 3, 16, 16))[0].scores
    tensor([1.])
    """

    parts = ()
    builders = ()
    heads = ()

    def __init__(
        self,
        *,
        network: nn.Module,
        classes: Sequence[str],
        numbers: Sequence[int] | None = None,
        name: str = "listing",
        device: str | torch.device = "cpu",
    ) -> None:
        super().__init__(
            network=network, classes=classes, numbers=numbers, name=name, device=device
        )

    @property
    def labels(self) -> int:
        """As many labels as it is said to have: it cannot be asked."""
        return max(self.numbers) + 1

    @property
    def last_step(self) -> Any:
        """Nothing: its thresholds are its own."""
        return _Nothing()

    @property
    def settings(self) -> dict[str, Any]:
        """No thresholds: they are the network's own."""
        return {}

    def outputs(self, images: Tensor) -> Outputs:
        """Give what was detected as places; images with fewer are padded."""
        found = self.network(list(images.to(self.device).float()))
        index = {number: k for k, number in enumerate(self.numbers)}
        boxes, objectness, classes = [], [], []
        for each in found:
            keep = [i for i, number in enumerate(each["labels"].tolist()) if number in index]
            score = each["scores"][keep].clamp(1e-6, 1 - 1e-6)
            own = [index[int(each["labels"][i])] for i in keep]
            sure = score.new_full((len(keep), len(self.classes)), -_SURE)
            sure[torch.arange(len(keep)), own] = _SURE
            boxes.append(each["boxes"][keep])
            objectness.append(torch.logit(score))
            classes.append(sure)
        most = max(1, *(len(each) for each in boxes))
        present = torch.zeros(len(boxes), most, dtype=torch.bool, device=self.device)
        for row, each in zip(present, boxes, strict=True):
            row[: len(each)] = True
        # Where nothing was found there is no gradient, and yet a loss must have one: of 0.
        idle = images.to(self.device).flatten(1).sum(dim=1)[:, None] * 0
        return Outputs(
            boxes=_padded(boxes, most, 0.0),
            objectness=_padded(objectness, most, -_SURE) + idle,
            class_logits=_padded(classes, most, -_SURE),
            training_loss=lambda targets: torch.stack(
                [self._loss_of(i, t) for i, t in zip(images, targets, strict=True)]
            ),
            present=present,
        )

    def _loss_of(self, image: Tensor, target: Any) -> Tensor:
        before = self.network.training
        self.network.training = True  # itself alone: what is below stays as in use
        try:
            losses = self.network([image.to(self.device).float()], [self.wanted(target)])
        finally:
            self.network.training = before
        return torch.stack([value.sum() for value in losses.values()]).sum()


class _Nothing:
    """Takes any setting, and does nothing with it."""


def _padded(rows: Sequence[Tensor], most: int, fill: float) -> Tensor:
    return torch.stack(
        [torch.cat([row, row.new_full((most - len(row), *row.shape[1:]), fill)]) for row in rows]
    )
