"""A detector behind a defence."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from modelward.adversarial.data.base import Target
from modelward.adversarial.defences.base import Defence
from modelward.adversarial.defences.random_resize import Moved, RandomResize
from modelward.adversarial.detectors.base import Detections, Detector
from modelward.adversarial.objectives import Objective
from modelward.core.errors import ConfigError


class Defended:
    """A detector that sees images through a defence; an attack on it goes through the defence, too.

    `predict` applies the defence as it is in use; chance in it follows from `seed` and the image's own
    pixels. `loss` goes through its differentiable form, and for a defence with chance averages over
    `samples` draws (expectation over transformation), new ones at each call, so that every attack with
    gradients becomes an adaptive one. The draws of an attack follow from the images, so that the same
    attack gives the same bytes.

    Raises `ConfigError` for fewer than one sample.

    >>> from modelward.adversarial import Shapes, Yolo3, Yolo3Network
    >>> from modelward.adversarial.defences import JPEG
    >>> bare = Yolo3(network=Yolo3Network(classes=3, width=4), classes=Shapes.classes)
    >>> Defended(bare, JPEG(quality=60)).name
    'yolo3 behind JPEG(quality=60)'

    Source: the adaptive attack: Athalye, Carlini and Wagner, arXiv 1802.00420, section 4; Tramèr et al.,
    On Adaptive Attacks to Adversarial Example Defenses, arXiv 2002.08347.
    """

    def __init__(
        self, detector: Detector, defence: Defence, *, samples: int = 4, seed: int = 0
    ) -> None:
        if samples < 1:
            raise ConfigError(f"expected samples >= 1, got {samples}")
        self.detector = detector
        self.defence = defence
        self.samples = samples if defence.random else 1
        self.seed = seed

    def __repr__(self) -> str:
        return f"Defended({self.detector!r}, {self.defence!r}, samples={self.samples})"

    @property
    def name(self) -> str:
        """The detector's name and the defence."""
        return f"{self.detector.name} behind {self.defence!r}"

    @property
    def classes(self) -> tuple[str, ...]:
        """The detector's own classes."""
        return tuple(self.detector.classes)

    @property
    def device(self) -> torch.device:
        """Where the detector computes."""
        return self.detector.device

    def predict(self, images: Tensor) -> list[Detections]:
        """Detect through the defence."""
        shown, moves = [], []
        for image in images:
            one, move = self._seen(image[None], self._rng(image), plain=True)
            shown.append(one)
            moves.append(move)
        found = self.detector.predict(torch.cat(shown)) if shown else []
        size = (images.shape[-2], images.shape[-1])
        return [_back(each, move, size) for each, move in zip(found, moves, strict=True)]

    def loss(self, images: Tensor, targets: Sequence[Target], objective: Objective) -> Tensor:
        """Give the objective of each image `(N,)` through the defence, averaged over its chance."""
        rngs = [self._rng(image) for image in images]
        total: Any = 0
        for _ in range(self.samples):
            shown, moved = [], []
            for image, target, rng in zip(images, targets, rngs, strict=True):
                one, move = self._seen(image[None], rng, plain=False)
                shown.append(one)
                boxes = target.boxes if move is None else move.there(target.boxes)
                moved.append(Target(boxes, target.labels))
            total = total + self.detector.loss(torch.cat(shown), moved, objective)
        averaged: Tensor = total / self.samples
        return averaged

    def digest(self) -> str:
        """Give the SHA-256 of detector and defence."""
        return hashlib.sha256(f"{self.detector.digest()} {self.defence!r}".encode()).hexdigest()

    def _seen(
        self, image: Tensor, rng: np.random.Generator, *, plain: bool
    ) -> tuple[Tensor, Moved | None]:
        if isinstance(self.defence, RandomResize):
            (move,) = self.defence.drawn(1, (image.shape[-2], image.shape[-1]), rng)
            return self.defence.shown(image, [move]).clamp(0, 1), move
        if plain:
            with torch.no_grad():
                return self.defence(image, rng), None
        return self.defence.differentiable(image, rng), None

    def _rng(self, image: Tensor) -> np.random.Generator:
        """Give the generator of an image: by its pixels, so that each look at another draws anew."""
        if not self.defence.random:
            return np.random.default_rng(self.seed)
        content = image.detach().cpu().contiguous().numpy().tobytes()
        number = int.from_bytes(hashlib.sha256(content).digest()[:8], "big")
        return np.random.default_rng((self.seed, number))


def _back(found: Detections, move: Moved | None, size: tuple[int, int]) -> Detections:
    if move is None:
        return found
    edge = found.boxes.new_tensor([size[1], size[0]] * 2)
    boxes = torch.minimum(move.back(found.boxes).clamp(min=0), edge)
    return Detections(boxes, found.scores, found.labels)
