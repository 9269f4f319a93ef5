"""The small detectors: compact ones of three families, for drawn shapes."""

from __future__ import annotations

import logging
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from modelward.adversarial.data.shapes import Shapes
from modelward.adversarial.zoo.cache import cache_folder, keep, restore
from modelward.core.errors import ConfigError
from modelward.core.evidence import digest

if TYPE_CHECKING:
    from modelward.adversarial.attacks.base import Attack
    from modelward.adversarial.zoo.training import Trainable

logger = logging.getLogger(__name__)

SMALL = {
    "yolo3": "YOLOv3 of two scales, as its tiny form has",
    "yolo5": "YOLOv5 of size n, with prior boxes for small images",
    "ssdlite": "SSD with separable heads on three maps",
}
"""The families that have a small detector."""

STEPS = {"yolo3": 1000, "yolo5": 600, "ssdlite": 1000}
RATES = {"yolo3": 4e-3, "yolo5": 4e-3, "ssdlite": 4e-3}

RECIPE = 3
"""Raised when drawing, network or training change, so that old weights are not taken for new."""

TRAINING_SEED = 1_000_000
"""Added to the seed of the training images, so that small seeds stay free for fresh test sets."""


def small_detector(
    family: str = "yolo3",
    *,
    cache: str | Path | None = None,
    seed: int = 0,
    steps: int | None = None,
    images: int = 2000,
    size: int = 96,
    width: int = 16,
    adversary: Attack | None = None,
) -> Any:
    """Give a compact detector that truly detects circles, squares and triangles.

    `family` is `yolo3`, `yolo5` or `ssdlite`. Trained from scratch the first time (about a minute on one
    CPU core with the default settings, to AP50 above .8 on fresh images) and kept in `cache`, by default
    `cache_folder()`, in a file named by the digest of all settings; later calls load it. `images` of
    `size` pixels are drawn to train on, from a seed no test set of a small seed shares. With an
    `adversary`, half of each batch is attacked by it while training. Weights and training follow from
    `seed`; torch's global generator is left as it was. Raises `ConfigError` for another family.
    """
    from modelward.adversarial.zoo.training import train_detector

    if family not in SMALL:
        near = get_close_matches(family, SMALL, n=1)
        raise ConfigError(
            f"expected a small detector of {', '.join(SMALL)}, got {family!r}",
            hint=f"did you mean {near[0]!r}?" if near else "",
        )
    steps = STEPS[family] if steps is None else steps
    settings = {
        "recipe": RECIPE,
        "family": family,
        "seed": seed,
        "steps": steps,
        "images": images,
        "size": size,
        "width": width,
        "adversary": None if adversary is None else repr(adversary),
    }
    name = digest(settings).removeprefix("sha256:")[:16]
    path = Path(cache_folder() if cache is None else cache) / f"small-{family}-{name}.pt"
    detector = _untrained(family, seed=seed, size=size, width=width)
    if not restore(detector.network, path):
        detector = _untrained(family, seed=seed, size=size, width=width)  # it may be half read
        logger.info("training the small detector; the result is kept in %s", path)
        data = Shapes(n=images, size=size, seed=TRAINING_SEED + seed)
        train_detector(
            detector, data, steps=steps, rate=RATES[family], seed=seed, adversary=adversary
        )
        keep(detector.network, path)
    if adversary is not None:
        detector.name += "-robust"
    detector.network.eval()
    return detector


def _untrained(family: str, *, seed: int, size: int, width: int) -> Trainable:
    from modelward.adversarial.zoo.networks import NETWORKS

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made: Trainable = NETWORKS[family](Shapes.classes, size, width)
        return made
