"""Training a detector on a set of images that fits in memory."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from modelward.adversarial.data.base import DetectionData, Sample, Target
from modelward.adversarial.detectors.base import Detector, Outputs
from modelward.core.errors import DataError

if TYPE_CHECKING:
    from modelward.adversarial.attacks.base import Attack

logger = logging.getLogger(__name__)


class Trainable(Detector, Protocol):
    """A detector with a network whose raw outputs know the loss it is trained with."""

    name: str
    network: nn.Module

    def outputs(self, images: Tensor) -> Outputs:
        """Give the raw outputs in the network's present mode."""
        ...


def train_detector(
    detector: Trainable,
    data: DetectionData,
    *,
    steps: int = 1000,
    batch: int = 16,
    rate: float = 4e-3,
    seed: int = 0,
    adversary: Attack | None = None,
) -> None:
    """Train a detector in place on square images of one size, and leave it in eval mode.

    AdamW under one rise and fall of the learning rate up to `rate`; every batch is turned and
    mirrored as a whole, one of eight ways. With an `adversary`, every second image of a batch is first
    attacked as the detector then stands. The order, the turns and the attacks follow from `seed`.

    Source: adversarial training: Madry et al., arXiv 1706.06083, section 2; on clean and attacked
    images alike: Kurakin et al., arXiv 1611.01236, section 3.

    Raises `DataError` when the set has fewer images than a batch.
    """
    if len(data) < batch:
        raise DataError(f"expected at least {batch} images to train on, got {len(data)}")
    rng = np.random.default_rng(seed)
    samples = [data[i] for i in range(len(data))]
    network = detector.network.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps, pct_start=0.15
    )
    order: list[int] = []
    with tqdm(total=steps, desc=f"training {detector.name}", disable=None) as bar:
        for step in range(steps):
            if len(order) < batch:
                order = rng.permutation(len(samples)).tolist()
            images, targets = _turned([samples[order.pop()] for _ in range(batch)], rng)
            if adversary is not None:
                images[::2] = adversary(
                    detector,
                    images[::2],
                    targets[::2],
                    seed=seed,
                    ids=range(step * batch, step * batch + batch, 2),
                )
            targets = [target.to(detector.device) for target in targets]
            loss = detector.outputs(images).training_loss(targets).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            bar.update()
            if step % 50 == 0:
                bar.set_postfix(loss=f"{loss.item():.2f}")
    network.eval()
    logger.info("trained %s in %d steps, last loss %.2f", detector.name, steps, loss.item())


def _turned(samples: list[Sample], rng: np.random.Generator) -> tuple[Tensor, list[Target]]:
    """Stack a batch `(N, 3, S, S)`, turned and mirrored as a whole."""
    images = torch.stack([sample.image for sample in samples])
    boxes = [sample.target.boxes for sample in samples]
    size = images.shape[-1]
    if rng.random() < 0.5:
        images = images.transpose(2, 3)
        boxes = [b[:, [1, 0, 3, 2]] for b in boxes]
    if rng.random() < 0.5:
        images = images.flip(3)
        boxes = [torch.stack([size - b[:, 2], b[:, 1], size - b[:, 0], b[:, 3]], 1) for b in boxes]
    if rng.random() < 0.5:
        images = images.flip(2)
        boxes = [torch.stack([b[:, 0], size - b[:, 3], b[:, 2], size - b[:, 1]], 1) for b in boxes]
    return images, [Target(b, s.target.labels) for b, s in zip(boxes, samples, strict=True)]
