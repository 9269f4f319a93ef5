"""Making adversarial images: batch by batch, kept as they come, the same whatever was cut off."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from modelward.adversarial.attacks.base import Attack
from modelward.adversarial.data.base import Sample
from modelward.adversarial.detectors.base import Detections, Detector
from modelward.adversarial.kept import Kept, Made
from modelward.adversarial.scoring.similarity import ssim
from modelward.core.errors import ServiceError

logger = logging.getLogger(__name__)


def make(
    source: Detector,
    attack: Attack,
    samples: Sequence[Sample],
    *,
    seed: int,
    kept: Kept | None = None,
) -> list[Made]:
    """Attack samples of one size; where `kept` holds all of them, none is made again.

    Where it holds some, the whole batch is made again, and what was kept stays: the last bits of a
    convolution may depend on the batch, and a run that was cut off must end with the bytes of one that
    was not. When memory runs out the batch is halved, and said so; a single image that does not fit
    raises `ServiceError`.
    """
    found: dict[int, Made] = {}
    if kept is not None:
        found = {s.id: m for s in samples if (m := kept.made(s.id)) is not None}
    if len(found) < len(samples):
        for made in _attacked(source, attack, samples, seed):
            if made.id not in found:
                found[made.id] = made
                if kept is not None:
                    kept.save_made(made)
    return [found[sample.id] for sample in samples]


def predict(detector: Detector, images: Tensor) -> list[Detections]:
    """Predict on images of one size; when memory runs out the batch is halved, as in `make`."""
    try:
        return detector.predict(images)
    except (MemoryError, RuntimeError) as error:
        if not _of_memory(error):
            raise
        _halving(len(images), images, error)
    # Outside of the handler: what was held by the attempt that failed is free again only here.
    middle = len(images) // 2
    return predict(detector, images[:middle]) + predict(detector, images[middle:])


def _attacked(
    source: Detector, attack: Attack, samples: Sequence[Sample], seed: int
) -> Iterator[Made]:
    images = torch.stack([sample.image for sample in samples])
    start = time.perf_counter()
    try:
        moved = attack(
            source,
            images,
            [sample.target for sample in samples],
            seed=seed,
            ids=[sample.id for sample in samples],
        )
        each = (time.perf_counter() - start) / len(samples)
        asked = float(getattr(attack, "queries", math.nan))
        made = list(_measured(samples, images, moved, asked, each))
    except (MemoryError, RuntimeError) as error:
        if not _of_memory(error):
            raise
        _halving(len(samples), images, error)
        made = []
    if made:
        yield from made
        return
    middle = len(samples) // 2  # outside of the handler, as in `predict`
    yield from _attacked(source, attack, samples[:middle], seed)
    yield from _attacked(source, attack, samples[middle:], seed)


def _of_memory(error: BaseException) -> bool:
    """Whether memory ran out: on a CPU torch says so in a plain `RuntimeError`."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(
        each in str(error)
        for each in ("DefaultCPUAllocator", "not enough memory", "could not create a primitive")
    )


def _halving(count: int, images: Tensor, error: BaseException) -> None:
    if count == 1:
        raise ServiceError(
            f"expected memory for one image of {tuple(images.shape[-2:])}, got: {error}",
            hint="use a smaller detector, smaller images, or another device.",
        ) from error
    logger.warning("out of memory with %d images at once: going on with %d", count, count // 2)


def _measured(
    samples: Sequence[Sample], images: Tensor, moved: Tensor, queries: float, seconds: float
) -> Iterator[Made]:
    step = (moved - images).flatten(1)
    linf, l2 = step.abs().amax(dim=1), step.norm(dim=1)
    large = min(images.shape[-2:]) >= 11  # the window of structural similarity
    alike = ssim(images, moved) if large else torch.full((len(samples),), math.nan)
    for i, sample in enumerate(samples):
        yield Made(
            sample.id, moved[i], float(linf[i]), float(l2[i]), float(alike[i]), queries, seconds
        )
