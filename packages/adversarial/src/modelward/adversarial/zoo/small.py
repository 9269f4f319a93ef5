"""The small detector: a compact YOLOv3 for drawn shapes."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from modelward.adversarial.data.shapes import Shapes
from modelward.adversarial.detectors.yolo3 import Yolo3, Yolo3Network
from modelward.adversarial.zoo.cache import cache_folder, keep, restore
from modelward.adversarial.zoo.training import train_detector
from modelward.core.evidence import digest

logger = logging.getLogger(__name__)

RECIPE = 1
"""Raised when drawing, network or training change, so that old weights are not taken for new."""

TRAINING_SEED = 1_000_000
"""Added to the seed of the training images, so that small seeds stay free for fresh test sets."""


def small_detector(
    *,
    cache: str | Path | None = None,
    seed: int = 0,
    steps: int = 1000,
    images: int = 2000,
    size: int = 96,
    width: int = 16,
) -> Yolo3:
    """Give a compact YOLOv3 that truly detects circles, squares and triangles.

    Trained from scratch the first time (under a minute on one CPU core with the default settings,
    to AP50 above .8 on fresh images) and kept in `cache`, by default `cache_folder()`, in a file
    named by the digest of all settings; later calls load it. `images` of `size` pixels are drawn to
    train on, from a seed no test set of a small seed shares. Weights and training follow from
    `seed`; torch's global generator is left as it was.
    """
    settings = {
        "recipe": RECIPE,
        "seed": seed,
        "steps": steps,
        "images": images,
        "size": size,
        "width": width,
    }
    name = digest(settings).removeprefix("sha256:")[:16]
    path = Path(cache_folder() if cache is None else cache) / f"small-detector-{name}.pt"
    detector = _untrained(seed=seed, width=width)
    if not restore(detector.network, path):
        detector = _untrained(seed=seed, width=width)  # a broken file may have been half read
        logger.info("training the small detector; the result is kept in %s", path)
        data = Shapes(n=images, size=size, seed=TRAINING_SEED + seed)
        train_detector(detector, data, steps=steps, seed=seed)
        keep(detector.network, path)
    detector.network.eval()
    return detector


def _untrained(*, seed: int, width: int) -> Yolo3:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Yolo3Network(classes=len(Shapes.classes), width=width)
    return Yolo3(network=network, classes=Shapes.classes, name="small-yolo3")
