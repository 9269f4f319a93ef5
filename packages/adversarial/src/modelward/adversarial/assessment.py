"""The assessment: attacks on one detector, scored on the same images."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from tqdm.auto import tqdm

from modelward.adversarial.attacks.base import Attack
from modelward.adversarial.data.base import DetectionData, Sample, Target, batches
from modelward.adversarial.detectors.base import Detections, Detector
from modelward.adversarial.results import Assessment, Attacked, Example
from modelward.adversarial.scoring import ImageBootstrap, match
from modelward.adversarial.trust import warnings_on
from modelward.core.errors import DataError, StateError
from modelward.core.metrics import DetectionMatches

__all__ = ["Assessment", "Attacked", "assess"]

logger = logging.getLogger(__name__)


def assess(
    detector: Detector,
    attacks: Attack | Sequence[Attack],
    data: DetectionData,
    *,
    batch: int = 16,
    resamples: int = 400,
    level: float = 0.95,
    examples: int = 3,
    seed: int = 0,
) -> Assessment:
    """Attack a detector in several ways, and score clean and adversarial images alike.

    The detector predicts on every clean image and on what each attack made of it, `batch` images at
    a time; no more are held in memory, but for the first `examples`, which the report shows.
    Intervals are of coverage `level`: a bootstrap (BCa) over images, which are matched once and
    accumulated anew for each of `resamples` draws; for `drop`, clean and attacked figures of an
    image stay together. All follows from `seed`, whatever the batch.

    Raises `DataError` when the classes of detector and data differ or no attack is given, and
    `StateError` when the detector's parameters or buffers are not the same bytes afterwards.

    >>> from modelward.adversarial import FGSM, Shapes, Yolo3, Yolo3Network
    >>> detector = Yolo3(network=Yolo3Network(classes=3, width=4), classes=Shapes.classes)
    >>> result = assess(detector, FGSM(), Shapes(n=4, size=64), resamples=100)
    >>> result.n, result["FGSM"].linf <= 8 / 255 + 1e-6
    (4, True)
    """
    attacks = [attacks] if isinstance(attacks, Attack) else list(attacks)
    _check(detector, attacks, data)
    intervals = ImageBootstrap(resamples=resamples, level=level, seed=seed)
    sha256 = detector.digest()
    clean = _Track()
    tracks = [_Track() for _ in attacks]
    targets: list[Target] = []
    hasher = hashlib.sha256()
    with tqdm(total=len(data) * (len(attacks) + 1), desc="assessing", disable=None) as bar:
        for samples in batches(data, batch=batch):
            images = _stack(samples, hasher)
            truth = [sample.target for sample in samples]
            ids = [sample.id for sample in samples]
            targets.extend(truth)
            seen = detector.predict(images)
            clean.detections.extend(seen)
            bar.update(len(samples))
            for attack, track in zip(attacks, tracks, strict=True):
                bar.set_postfix_str(attack.label)
                start = time.perf_counter()
                moved = attack(detector, images, truth, seed=seed, ids=ids)
                track.seconds += time.perf_counter() - start
                found = detector.predict(moved)
                track.add(images, moved, found)
                for i in range(min(len(samples), examples - len(track.examples))):
                    track.examples.append(
                        Example(images[i].clone(), moved[i].clone(), truth[i], seen[i], found[i])
                    )
                bar.update(len(samples))
    if detector.digest() != sha256:
        raise StateError(
            f"expected the detector '{detector.name}' unchanged by the attacks, got other "
            "parameters or buffers",
            hint="its predict or loss changes state: keep batch norm in eval mode there.",
        )
    if not any(len(target.labels) for target in targets):
        raise DataError(
            f"expected objects on the images, got {len(targets)} images without one",
            hint="average precision needs true boxes.",
        )
    clean_matches = match(clean.detections, targets, classes=data.classes)
    results = tuple(
        _attacked(
            attack,
            track,
            clean_matches,
            match(track.detections, targets, classes=data.classes),
            intervals,
        )
        for attack, track in zip(attacks, tracks, strict=True)
    )
    ap = intervals.estimate(clean_matches, "ap")
    doubts = warnings_on(ap, results)
    for warning in doubts:
        logger.warning("%s", warning)
    return Assessment(
        detector=detector.name,
        detector_sha256=sha256,
        device=str(detector.device),
        data=repr(data) if len(repr(data)) <= 120 else type(data).__name__,
        data_sha256=hasher.hexdigest(),
        n=len(targets),
        ap=ap,
        ap50=intervals.estimate(clean_matches, "ap50"),
        per_class={data.classes[k]: v for k, v in clean_matches.score().per_class.items()},
        attacks=results,
        warnings=doubts,
        config={
            "attacks": [repr(attack) for attack in attacks],
            "detector": repr(detector),
            "interval": "bca bootstrap over images",
            "level": level,
            "resamples": resamples,
            "threads": torch.get_num_threads(),
        },
        seed=seed,
    )


@dataclass(slots=True)
class _Track:
    """What is gathered while the batches go by."""

    detections: list[Detections] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    linf: float = 0.0
    l2: float = 0.0
    seconds: float = 0.0

    def add(self, images: Tensor, moved: Tensor, found: list[Detections]) -> None:
        """Count in a batch: what was seen on `moved`, and how far it lies from `images`."""
        self.detections.extend(found)
        step = (moved - images).flatten(1)
        self.linf = max(self.linf, float(step.abs().max()))
        self.l2 += float(step.norm(dim=1).sum())


def _attacked(
    attack: Attack,
    track: _Track,
    clean: DetectionMatches,
    matches: DetectionMatches,
    intervals: ImageBootstrap,
) -> Attacked:
    return Attacked(
        label=attack.label,
        name=attack.name,
        eps=attack.eps,
        settings=attack.settings,
        uses_gradient=attack.uses_gradient,
        ap=intervals.estimate(matches, "ap"),
        ap50=intervals.estimate(matches, "ap50"),
        drop=intervals.drop(clean, matches),
        linf=track.linf,
        l2=track.l2 / matches.n,
        seconds=track.seconds,
        examples=tuple(track.examples),
    )


def _check(detector: Detector, attacks: Sequence[Attack], data: DetectionData) -> None:
    if len(data) == 0:
        raise DataError("expected at least one image, got an empty data set")
    if not attacks:
        raise DataError("expected at least one attack, got none", hint="e.g. PGD(eps=8/255).")
    if tuple(detector.classes) != tuple(data.classes):
        raise DataError(
            f"expected data of the detector's classes {detector.classes}, got {data.classes}",
            hint="a label is an index into the class names: their order matters.",
        )


def _stack(samples: Sequence[Sample], hasher: hashlib._Hash) -> Tensor:
    """Stack a batch, and add it to the digest of the data."""
    shapes = {tuple(sample.image.shape) for sample in samples}
    if len(shapes) > 1:
        raise DataError(
            f"expected images of one size in a batch, got {sorted(shapes)}",
            hint="resize them, or use batch=1.",
        )
    for sample in samples:
        target = sample.target
        hasher.update(f"{sample.id} {tuple(sample.image.shape)} {len(target.labels)}\n".encode())
        for part in (sample.image, target.boxes, target.labels):
            hasher.update(part.cpu().contiguous().numpy().tobytes())
    return torch.stack([sample.image for sample in samples])
