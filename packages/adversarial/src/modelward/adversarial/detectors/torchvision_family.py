"""What torchvision's detectors share: their own resizing, numbered labels, and weights by name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detections, Outputs, check_images
from modelward.adversarial.detectors.checkpoint import read_checkpoint
from modelward.adversarial.detectors.state import evaluating, frozen, state_digest
from modelward.adversarial.objectives import Objective
from modelward.core.errors import ConfigError, DataError


class TorchvisionDetector(ABC):
    """Base of the families torchvision has; the network resizes and normalises images itself.

    Labels of the network count from 1, 0 being the background: class k of `classes` is its label
    `numbers[k]`, by default k + 1. Raises `DataError` for a network of other parts, or numbers that do
    not fit the classes.
    """

    parts: ClassVar[tuple[str, ...]]
    """Attributes the network must have."""
    builders: ClassVar[tuple[str, ...]]
    """Names of the functions of torchvision that build such networks; the first is the default."""
    heads: ClassVar[tuple[tuple[str, int], ...]]
    """In which tensor of a state_dict the classes are, and how many anchors share its rows."""

    def __init__(
        self,
        *,
        network: nn.Module,
        classes: Sequence[str],
        numbers: Sequence[int] | None = None,
        name: str = "",
        score_threshold: float = 0.001,
        nms_threshold: float = 0.6,
        limit: int = 100,
        device: str | torch.device = "cpu",
    ) -> None:
        kind = type(self).__name__
        lacking = [p for p in self.parts if not hasattr(network, p)]
        if lacking:
            raise DataError(
                f"expected a {kind} of torchvision, got one without {', '.join(lacking)}",
                hint="bring another network in with ModuleDetector.",
            )
        self.device = torch.device(device)
        self.network: Any = network.to(self.device)
        self.numbers = tuple(range(1, len(classes) + 1)) if numbers is None else tuple(numbers)
        if len(self.numbers) != len(classes) or max(self.numbers) >= self.labels:
            raise DataError(
                f"expected a number below {self.labels} for each of {len(classes)} classes, "
                f"got {len(self.numbers)}",
                hint="the network has one output more than classes: the background.",
            )
        self.classes = tuple(classes)
        self.name = name or kind.lower()
        self.score_threshold = score_threshold
        self.nms_threshold = nms_threshold
        self.limit = limit
        last: Any = self.last_step
        last.score_thresh, last.nms_thresh = score_threshold, nms_threshold
        last.detections_per_img = limit

    @property
    @abstractmethod
    def labels(self) -> int:
        """How many labels the network knows, the background among them."""

    @property
    def last_step(self) -> Any:
        """The part that holds the thresholds."""
        return self.network

    @classmethod
    def from_weights(
        cls,
        weights: str | Path,
        *,
        kind: str | None = None,
        classes: Sequence[str],
        numbers: Sequence[int] | None = None,
        **settings: Any,
    ) -> Self:
        """Build one of torchvision's networks and fill it from a file of a `state_dict`.

        `weights` may also be a name torchvision has for published weights (`COCO_V1`, `DEFAULT`),
        which it downloads once and keeps. Nothing in a file is run. The number of outputs is that of
        the file. Raises `ConfigError` for another kind or name, and `DataError` for a file that does
        not fit it, naming what differs.
        """
        import torchvision

        kind = cls.builders[0] if kind is None else kind
        if kind not in cls.builders:
            raise ConfigError(f"expected a kind of {', '.join(cls.builders)}, got {kind!r}")
        path = Path(weights)
        state = _published(kind, str(weights)) if _is_name(path) else read_checkpoint(path)
        outputs = _outputs(state, cls.heads)
        if outputs is None:
            raise DataError(
                f"expected the state_dict of a {cls.__name__} in {path.name}, got another",
                hint="save it with torch.save(network.state_dict(), path).",
            )
        build = getattr(torchvision.models.detection, kind)
        network = build(weights=None, weights_backbone=None, num_classes=outputs)
        try:
            network.load_state_dict(state)
        except RuntimeError as error:
            raise DataError(
                f"expected weights of {kind} in {path.name}, got: {str(error)[:300]}"
            ) from error
        settings = {"name": kind if _is_name(path) else path.stem} | settings
        return cls(network=network.eval(), classes=classes, numbers=numbers, **settings)

    def __repr__(self) -> str:
        settings = ", ".join(f"{k}={v!r}" for k, v in self.settings.items())
        kind = type(self).__name__
        return f"{kind}(name={self.name!r}, classes={len(self.classes)}, {settings})"

    @property
    def settings(self) -> dict[str, Any]:
        """The thresholds under which it predicts."""
        return {
            "score_threshold": self.score_threshold,
            "nms_threshold": self.nms_threshold,
            "limit": self.limit,
        }

    def digest(self) -> str:
        """Give the SHA-256 of all parameters and buffers."""
        return state_digest(self.network)

    @torch.no_grad()
    def predict(self, images: Tensor) -> list[Detections]:
        """Detect objects on images `(N, 3, H, W)` in [0, 1]: one `Detections` an image."""
        check_images(images)
        with evaluating(self.network):
            found = self.network(list(images.to(self.device).float()))
        index = {number: k for k, number in enumerate(self.numbers)}
        results = []
        for each in found:
            known = [i for i, number in enumerate(each["labels"].tolist()) if number in index]
            labels = [index[int(each["labels"][i])] for i in known]
            results.append(
                Detections(
                    each["boxes"][known].cpu(),
                    each["scores"][known].cpu(),
                    torch.tensor(labels, dtype=torch.int64),
                )
            )
        return results

    def loss(self, images: Tensor, targets: Sequence[Target], objective: Objective) -> Tensor:
        """Give the objective of each image `(N,)`, differentiable to the pixels."""
        if len(targets) != len(images):
            raise DataError(f"expected {len(images)} targets, one an image, got {len(targets)}")
        check_images(images)
        targets = [target.to(self.device) for target in targets]
        with frozen(self.network):
            return objective(self.outputs(images), targets)

    @abstractmethod
    def outputs(self, images: Tensor) -> Outputs:
        """Give the raw outputs on images `(N, 3, H, W)`, in the network's present mode."""

    def wanted(self, target: Target, scale: Tensor | None = None) -> dict[str, Tensor]:
        """Give true objects in the network's own form, its boxes times `scale` `(4,)`."""
        numbers = torch.tensor(self.numbers, device=self.device)
        boxes = target.boxes if scale is None else target.boxes * scale
        return {"boxes": boxes, "labels": numbers[target.labels]}


def _is_name(path: Path) -> bool:
    """Whether it is the name of published weights: such as no file has."""
    return not path.suffix and len(path.parts) == 1 and not path.exists()


def _published(kind: str, name: str) -> Any:
    from torchvision.models import get_model_weights

    known = get_model_weights(kind)
    if name not in known.__members__:
        raise ConfigError(
            f"expected a file, or weights of {', '.join(known.__members__)} for {kind}, got {name!r}"
        )
    return known[name].get_state_dict(progress=False, weights_only=True)


def _outputs(state: Any, heads: Sequence[tuple[str, int]]) -> int | None:
    if isinstance(state, dict):
        for name, anchors in heads:
            if isinstance(state.get(name), Tensor):
                return len(state[name]) // anchors
    return None
