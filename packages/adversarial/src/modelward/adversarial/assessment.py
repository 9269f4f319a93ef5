"""The assessment: attacks on detectors, shown to detectors, scored on the same images."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from tqdm.auto import tqdm

from modelward.adversarial.attacks.base import Attack
from modelward.adversarial.data.base import DetectionData
from modelward.adversarial.data.survey import Survey, survey
from modelward.adversarial.detectors.base import Detector
from modelward.adversarial.matrix import Matrix, Task
from modelward.adversarial.moved import Moved
from modelward.adversarial.naming import Detectors, check, labelled, named, shown
from modelward.adversarial.results import Assessment, Cell, Example, Scores
from modelward.adversarial.scoring.scorer import Scorer
from modelward.adversarial.trust import check_detector, warnings_on
from modelward.adversarial.verdicts import verdicts
from modelward.core.errors import DataError

logger = logging.getLogger(__name__)


def assess(
    sources: Detectors,
    attacks: Attack | Sequence[Attack],
    data: DetectionData,
    *,
    targets: Detectors | None = None,
    eps: Sequence[float] = (),
    folder: str | Path | None = None,
    batch: int = 8,
    jobs: int = 1,
    resamples: int = 400,
    level: float = 0.95,
    examples: int = 3,
    control_images: int = 8,
    seed: int = 0,
) -> Assessment:
    """Attack every source with every attack at every eps, and score every target on what came of it.

    One detector and one attack make the smallest matrix. `targets` are by default the sources, of an
    `Ensemble` its members; detectors go by their names, or by the keys of a mapping. `eps` gives each attack at each of these sizes;
    without it, attacks are run as they are. All cells are scored on the same images, before and after.

    With a `folder`, images and detections are kept one by one, and the same call after a kill goes on
    where it stood, to the same bytes. `batch` images are in memory at once. `jobs` runs so many
    processes by joblib, whose `parallel_config(backend="ray")` or `"dask"` moves them to a cluster.

    Intervals are of coverage `level`: a bootstrap (BCa, `resamples` draws) over images; in what is
    compared, clean and attacked figures of an image stay together. Of each source that is a target, the
    strongest attack is held against controls on the first `control_images` (0: it is not); `examples`
    images are kept for the report. All follows from `seed`.

    Raises `DataError` when classes of detectors and data differ, names repeat, or there is nothing to
    attack, `StateError` when a gradient does not reach the pixels or a detector is not the same bytes
    afterwards, and what `check_detector` raises.

    >>> from modelward.adversarial import FGSM, Shapes, Yolo3, Yolo3Network
    >>> detector = Yolo3(network=Yolo3Network(classes=3, width=4), classes=Shapes.classes)
    >>> result = assess(detector, FGSM(), Shapes(n=4, size=64), resamples=100)
    >>> result.n, result["FGSM"].linf <= 8 / 255 + 1e-6
    (4, True)
    """
    made_on = named(sources)
    shown_to = shown(made_on) if targets is None else named(targets)
    chosen = labelled(attacks, eps)
    check(made_on, shown_to, data)
    scorer = Scorer(data.classes, resamples=resamples, level=level, seed=seed)
    known = survey(data, batch=batch)
    if not any(len(target.labels) for target in known.targets):
        raise DataError(
            f"expected objects on the images, got {len(known.ids)} images without one",
            hint="average precision needs true boxes.",
        )
    doubts = _try_out(made_on, shown_to, list(chosen.values()), data, known)
    everyone = {**made_on, **shown_to}
    with _folder(folder) as keep_in:
        matrix = Matrix(
            sources=made_on,
            targets=shown_to,
            data=data,
            data_sha256=known.sha256,
            digests={name: detector.digest() for name, detector in everyone.items()},
            folder=Path(keep_in),
            seed=seed,
        )
        tasks = [(name, attack) for name in made_on for attack in chosen.values()]
        matrix.run(tasks, known.parts, jobs=jobs, what="attacking")
        clean, cells = _cells(matrix, chosen, known, scorer, examples)
        strength = verdicts(matrix, chosen, known, cells, n=control_images, jobs=jobs)
        matrix.check_unchanged()
    doubts += warnings_on(clean, cells)
    for doubt in doubts:
        logger.warning("%s", doubt)
    return Assessment(
        clean=clean,
        cells=cells,
        detectors=matrix.digests,
        n=len(known.ids),
        data=repr(data) if len(repr(data)) <= 120 else type(data).__name__,
        data_sha256=known.sha256,
        strength=strength,
        warnings=tuple(dict.fromkeys(doubts)),
        left_out=known.left_out,
        config={
            "attacks": [repr(attack) for attack in chosen.values()],
            "detectors": {name: repr(d) for name, d in everyone.items()},
            "devices": {name: str(d.device) for name, d in everyone.items()},
            "classes": list(data.classes),
            "interval": "bca bootstrap over images",
            "level": level,
            "resamples": resamples,
            "batch": batch,
            "control_images": control_images,
            "threads": torch.get_num_threads(),
        },
        seed=seed,
    )


def _folder(folder: str | Path | None) -> AbstractContextManager[str | Path]:
    return TemporaryDirectory(prefix="modelward-assess-") if folder is None else nullcontext(folder)


def _try_out(
    sources: Mapping[str, Detector],
    targets: Mapping[str, Detector],
    attacks: Sequence[Attack],
    data: DetectionData,
    known: Survey,
) -> list[str]:
    """Try every detector on the first image with objects."""
    index = next(
        index
        for part in known.parts
        for index, target in zip(part.indices, part.targets, strict=True)
        if len(target.labels)
    )
    sample = data[index]
    doubts: list[str] = []
    for name, detector in {**targets, **sources}.items():
        tried = attacks if name in sources else ()
        doubts += check_detector(detector, sample.image[None], [sample.target], tried)
    return doubts


def _cells(
    matrix: Matrix,
    attacks: Mapping[str, Attack],
    known: Survey,
    scorer: Scorer,
    examples: int,
) -> tuple[dict[str, Scores], tuple[Cell, ...]]:
    """Score the targets on the clean images, and every cell."""
    clean = {
        target: scorer.score(matrix.seen(None, target, known.ids), known.targets)
        for target in matrix.targets
    }
    pairs = [(source, label) for source in matrix.sources for label in attacks]
    cells = []
    bar = tqdm(pairs, desc="scoring", unit="attack", disable=None)
    for source, label in bar:
        task = (source, attacks[label])
        moved = Moved.of(matrix.made(task, known.ids))
        shows = source if source in matrix.targets else next(iter(matrix.targets))
        shown = _examples(matrix, task, shows, known, examples)
        for target in matrix.targets:
            attacked = scorer.score(matrix.seen(task, target, known.ids), known.targets)
            cells.append(
                Cell(
                    source=source,
                    target=target,
                    attack=label,
                    name=attacks[label].name,
                    eps=attacks[label].eps,
                    settings=plain_settings(attacks[label]),
                    uses_gradient=attacks[label].uses_gradient,
                    scores=attacked.scores,
                    drop=scorer.drop(clean[target], attacked),
                    left=scorer.left(clean[target], attacked),
                    rates=scorer.rates(clean[target], attacked),
                    lost_to=scorer.lost_to(clean[target], attacked),
                    **moved.figures(),
                    examples=shown if target == shows else (),
                )
            )
    return {name: scored.scores for name, scored in clean.items()}, tuple(cells)


def _examples(
    matrix: Matrix, task: Task, target: str, known: Survey, count: int
) -> tuple[Example, ...]:
    """Give the first images with what a target saw on them, clean and adversarial."""
    index = [i for part in known.parts for i in part.indices][:count]
    ids = known.ids[:count]
    return tuple(
        Example(sample.image, moved.image, sample.target, seen, seen_moved)
        for sample, moved, seen, seen_moved in zip(
            [matrix.data[i] for i in index],
            matrix.made(task, ids),
            matrix.seen(None, target, ids),
            matrix.seen(task, target, ids),
            strict=True,
        )
    )


def plain_settings(attack: Attack) -> dict[str, Any]:
    """Give an attack's settings as plain values."""
    return {
        k: v if isinstance(v, int | float | str) else repr(v) for k, v in attack.settings.items()
    }
