"""The modes create, transfer and assess: a configuration in, images and results out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tqdm.auto import tqdm

from modelward.adversarial.assessment import assess
from modelward.adversarial.attacks.ensemble import Ensemble, members
from modelward.adversarial.configuration import AttackConfig, attack_of
from modelward.adversarial.data.adversarial_set import AdversarialSet
from modelward.adversarial.data.base import DetectionData, Sample
from modelward.adversarial.data.files import FileData
from modelward.adversarial.data.folder import SeenByDetector
from modelward.adversarial.data.survey import Survey, survey
from modelward.adversarial.detectors.base import Detections, Detector
from modelward.adversarial.kept import Kept
from modelward.adversarial.making import make, predict
from modelward.adversarial.results import Assessment
from modelward.adversarial.scoring.matching import ImageBootstrap, match
from modelward.adversarial.strength import judge_share
from modelward.core.errors import ConfigError, DataError
from modelward.core.files import write_whole
from modelward.core.metrics import DetectionMatches, Estimate


def run(config: AttackConfig) -> Created | Transferred | Assessed:
    """Do what `task.type` says."""
    if config.task.type == "create":
        return create(config)
    return transferred(config) if config.task.type == "transfer" else assessed(config)


@dataclass(frozen=True, slots=True)
class Created:
    """What `create` made: the file, and clean and adversarial mAP of the source itself."""

    images: AdversarialSet
    clean: Estimate
    adversarial: Estimate

    def __str__(self) -> str:
        return (
            f"{len(self.images)} images in {self.images.path}: mAP of the source {self.clean} on "
            f"clean images, {self.adversarial} on adversarial ones"
        )


@dataclass(frozen=True, slots=True)
class Transferred:
    """What `transfer` measured; `path` is the result file."""

    content: dict[str, Any]
    path: Path

    def __str__(self) -> str:
        return json.dumps(self.content, indent=2)


@dataclass(frozen=True, slots=True)
class Assessed:
    """What `assess` measured; `page` is the report, beside it figures and record."""

    result: Assessment
    page: Path

    def __str__(self) -> str:
        return f"{self.result}\nreport {self.page}"


def create(config: AttackConfig) -> Created:
    """Make adversarial images of a random sample of the data set, and keep them in one file.

    Several detectors (`together-with`) are attacked as one; the figures are of the first.

    Cut off, it goes on at the next call where it stood; the same configuration gives the same bytes.
    Raises `ConfigError` and `DataError` as its parts do.
    """
    chosen = config.create
    if chosen is None:
        raise ConfigError("expected create-attack in the configuration, got none")
    detector = chosen.load(chosen.base_model)
    others = [each.load(each.base_model) for each in chosen.together_with]
    source = Ensemble([detector, *others]) if others else detector
    attack = attack_of(chosen.algorithm, chosen.settings)
    whole = _data(config, detector)
    data = _truth(whole.sample(chosen.sample_size, seed=chosen.seed), detector, config)
    known = survey(data, batch=chosen.batch)
    made_from = {
        "source": source.name,
        "family": chosen.base_model,
        "eps": attack.eps,
        "sha256": source.digest(),
        "detector": repr(source),
        **({"members": [each.digest() for each in members(source)]} if others else {}),
        "attack": repr(attack),
        "data_sha256": known.sha256,
        "seed": chosen.seed,
    }
    kept = Kept(chosen.out.parent / ".made", made_from | {"batch": chosen.batch})
    with tqdm(total=len(known.ids), desc=attack.label, disable=None) as bar:
        for part in known.parts:
            if kept.missing("made", part.ids):
                make(source, attack, part.samples(data), seed=chosen.seed, kept=kept)
            bar.update(len(part.ids))
    images = AdversarialSet.write(
        chosen.out,
        _made(kept, known),
        classes=tuple(detector.classes),
        config=made_from,
        stored=chosen.stored,
    )
    clean, adversarial = _scores(detector, data, images)
    return Created(images, clean[0], adversarial[0])


def transferred(config: AttackConfig) -> Transferred:
    """Show adversarial images to a detector; score it on them and on their clean originals.

    Raises `DataError` when an original is not in the data set, or the classes differ.
    """
    chosen = config.transfer
    if chosen is None:
        raise ConfigError("expected transfer in the configuration, got none")
    images = AdversarialSet.load(chosen.source_images)
    detector = chosen.load(chosen.target_model)
    if tuple(images.classes) != tuple(detector.classes):
        raise DataError(
            f"expected adversarial images of the classes of '{detector.name}', got others",
            hint="a label is an index into the class names: their order matters.",
        )
    data = _truth(_data(config, detector), detector, config)
    clean, adversarial = _scores(detector, data, images)
    verdict, warnings = _verdict(clean[0], adversarial[0], images, detector)
    content = {
        "source_images": str(chosen.source_images),
        "target_base_model": chosen.target_model,
        "target_model_location": str(chosen.saved_model),
        "mAp_on_clean_images": clean[0].value,
        "mAp_on_adversarial_images": adversarial[0].value,
        "n": len(images),
        "clean": {"ap": clean[0].to_dict(), "ap50": clean[1].to_dict()},
        "adversarial": {"ap": adversarial[0].to_dict(), "ap50": adversarial[1].to_dict()},
        "made_from": dict(images.config),
        "source_images_sha256": images.sha256,
        "target_sha256": detector.digest(),
        "target": repr(detector),
        "attack_strength": verdict,
        "warnings": warnings,
    }
    write_whole(chosen.out, json.dumps(content, indent=2) + "\n")
    return Transferred(content, chosen.out)


def assessed(config: AttackConfig) -> Assessed:
    """Run a matrix, and write page, figures and record into its folder; it goes on where it stood.

    Raises `ConfigError` and `DataError` as its parts do.
    """
    chosen = config.assess
    if chosen is None:
        raise ConfigError("expected assess in the configuration, got none")
    attacks = [attack_of(each.algorithm, each.settings) for each in chosen.attacks]
    models = {name: model.load(model.base_model) for name, model in chosen.models.items()}
    groups = {
        name: Ensemble([models[each] for each in names]) for name, names in chosen.ensembles.items()
    }
    able: dict[str, Detector] = {**models, **groups}
    sources = {name: able[name] for name in chosen.sources or able}
    targets = {name: models[name] for name in chosen.targets or models}
    first = next(iter(targets.values()))
    whole = _data(config, first).sample(chosen.sample_size, seed=chosen.seed)
    result = assess(
        sources,
        attacks,
        _truth(whole, first, config),
        targets=targets,
        eps=chosen.eps,
        folder=chosen.out / ".kept",
        batch=chosen.batch,
        jobs=chosen.jobs,
        resamples=chosen.resamples,
        level=chosen.level,
        control_images=chosen.control_images,
        seed=chosen.seed,
    )
    return Assessed(result, result.save(chosen.out))


def _data(config: AttackConfig, detector: Detector) -> FileData:
    return config.dataset.read(tuple(detector.classes))


def _truth(data: FileData, detector: Detector, config: AttackConfig) -> DetectionData:
    """Give the data, or where it has no labels, what the detector sees on it."""
    return SeenByDetector(data, detector) if config.dataset.format == "folder" else data


def _made(kept: Kept, known: Survey) -> Iterator[Sample]:
    for number, target in zip(known.ids, known.targets, strict=True):
        made = kept.made(number)
        if made is None:
            raise DataError(f"expected what was made of image {number}, got none")
        yield Sample(number, made.image, target)


_Pair = tuple[Estimate, Estimate]


def _scores(detector: Detector, data: DetectionData, images: AdversarialSet) -> tuple[_Pair, _Pair]:
    """Score a detector on the clean originals and on the adversarial images."""
    files = data.data if isinstance(data, SeenByDetector) else data
    index = {entry.id: i for i, entry in enumerate(cast("FileData", files).entries)}
    lacking = [number for number in images.ids if number not in index]
    if lacking:
        raise DataError(
            f"expected the originals of all adversarial images in {data!r}, "
            f"got none of {lacking[:5]}",
            hint="dataset must be the one the images were made from.",
        )
    clean: list[Detections] = []
    adversarial: list[Detections] = []
    truths = []
    for i in tqdm(range(len(images)), desc=f"scoring {detector.name}", disable=None):
        moved, original = images[i], data[index[images.ids[i]]]
        if moved.image.shape != original.image.shape:
            raise DataError(
                f"expected image {moved.id} of {tuple(original.image.shape)}, "
                f"got {tuple(moved.image.shape)}",
                hint="dataset must be the one the images were made from.",
            )
        clean += predict(detector, original.image[None])
        adversarial += predict(detector, moved.image[None])
        truths.append(original.target)
    intervals = ImageBootstrap(resamples=400)

    def pair(seen: list[Detections]) -> _Pair:
        matches: DetectionMatches = match(seen, truths, classes=tuple(detector.classes))
        return intervals.estimate(matches, "ap"), intervals.estimate(matches, "ap50")

    return pair(clean), pair(adversarial)


def _verdict(
    clean: Estimate, adversarial: Estimate, images: AdversarialSet, detector: Detector
) -> tuple[str, list[str]]:
    """Say whether the attack was strong, and what speaks against reading the figures as robustness."""
    found = []
    verdict = "not examined"
    known = {images.config.get("sha256"), *images.config.get("members", ())}
    if detector.digest() in known:
        share = judge_share(clean.value, adversarial.value, eps=images.config.get("eps"))
        verdict = "not weak by its share" if share.passed else "weak"
        if not share.passed:
            found.append(
                f"the attack is weak: white box, and {share.words}; this says little of robustness "
                "(`modelward adversarial assess` holds it against controls)"
            )
    else:
        found.append(
            "one source, one attack: that these images do not transfer does not show that none would"
        )
    if clean.value < 0.2:
        found.append(f"the clean mAP is only {clean.value:.3f}: there is little to attack")
    return verdict, found
