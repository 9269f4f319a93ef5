"""The work of an assessment: every attack on every source, shown to every target, kept as it comes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from modelward.adversarial.attacks.base import Attack
from modelward.adversarial.data.base import DetectionData
from modelward.adversarial.data.survey import Part
from modelward.adversarial.detectors.base import Detections, Detector
from modelward.adversarial.kept import Kept, Made
from modelward.adversarial.making import make, predict
from modelward.core.errors import StateError

Task = tuple[str, Attack]
"""The name of a source, and an attack on it."""
Work = tuple[Task | None, Part]
"""A task, or None for the clean images, and the images it is done on."""


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """Detectors by name, the images, and the folder in which all that comes of them is kept.

    `digests` are those of the detectors before the first attack, `data_sha256` that of the images: files
    are named by them, so that the work of other detectors or images is never taken for this.
    """

    sources: Mapping[str, Detector]
    targets: Mapping[str, Detector]
    data: DetectionData
    data_sha256: str
    digests: Mapping[str, str]
    folder: Path
    seed: int

    def of(self, name: str) -> Matrix:
        """Give the part in which one detector is the only source and target."""
        one = {name: self.sources[name]}
        return replace(self, sources=one, targets=one)

    def run(self, tasks: Sequence[Task], parts: Sequence[Part], *, jobs: int, what: str) -> None:
        """Predict on clean images, then do every task on every part; what is kept is not done again.

        `jobs` processes by joblib, whose `parallel_config(backend="ray" | "dask")` moves them to a
        cluster. Each process computes on the devices its detectors are on.
        """
        from joblib import Parallel, delayed, effective_n_jobs
        from joblib.parallel import get_active_backend

        work: list[Work] = [(None, part) for part in parts]
        work += [(task, part) for task in tasks for part in parts]
        # Detectors are sent along with every piece: few pieces, yet enough that none waits long.
        processes = effective_n_jobs(jobs)
        size = 1 if processes == 1 else max(1, len(work) // (8 * processes))
        gives = getattr(get_active_backend()[0], "supports_return_generator", False)
        done: Iterable[int] = Parallel(
            n_jobs=jobs, return_as="generator_unordered" if gives or processes == 1 else "list"
        )(delayed(self._do_all)(work[at : at + size]) for at in range(0, len(work), size))
        images = sum(len(part.ids) for _, part in work)
        with tqdm(total=images, desc=what, unit="image", disable=None) as bar:
            for count in done:
                bar.update(count)

    def _do_all(self, work: Sequence[Work]) -> int:
        return sum(self._do(task, part) for task, part in work)

    def _do(self, task: Task | None, part: Part) -> int:
        kept = self.kept(task)
        lacking = {t: set(kept.missing(self._seen_by(t), part.ids)) for t in self.targets}
        unmade = kept.missing("made", part.ids) if task is not None else []
        if not any(lacking.values()) and not unmade:
            return len(part.ids)
        samples = part.samples(self.data)
        images = torch.stack([sample.image for sample in samples])
        if task is not None:
            name, attack = task
            made = make(self.sources[name], attack, samples, seed=self.seed, kept=kept)
            images = torch.stack([each.image for each in made])
        for target, detector in self.targets.items():
            if lacking[target]:
                for number, seen in zip(part.ids, predict(detector, images), strict=True):
                    if number in lacking[target]:
                        kept.save_seen(self._seen_by(target), number, seen)
        return len(part.ids)

    def seen(self, task: Task | None, target: str, ids: Sequence[int]) -> list[Detections]:
        """Give what a target saw on the images of a task, or on the clean ones."""
        kept = self.kept(task)
        found = [kept.seen(self._seen_by(target), number) for number in ids]
        lacking = [number for number, seen in zip(ids, found, strict=True) if seen is None]
        if lacking:
            raise StateError(
                f"expected what '{target}' saw on all images, got nothing for {lacking[:5]}",
                hint="a file of the folder was taken away or broken: run it again.",
            )
        return [seen for seen in found if seen is not None]

    def made(self, task: Task, ids: Sequence[int]) -> Iterator[Made]:
        """Give the adversarial images of a task, one at a time."""
        kept = self.kept(task)
        for number in ids:
            found = kept.made(number)
            if found is None:
                raise StateError(
                    f"expected the adversarial image {number} of {task[1].label}, got none",
                    hint="a file of the folder was taken away or broken: run it again.",
                )
            yield found

    def kept(self, task: Task | None) -> Kept:
        """Give the folder of a task, or of what is seen on clean images."""
        settings: dict[str, Any] = {"data": self.data_sha256, "clean": True}
        if task is not None:
            name, attack = task
            settings = {
                "data": self.data_sha256,
                "source": self.digests[name],
                "settings": _words(self.sources[name]),
                "attack": _words(attack),
                "seed": self.seed,
            }
        return Kept(self.folder, settings)

    def _seen_by(self, target: str) -> str:
        words = f"{self.digests[target]} {_words(self.targets[target])}"
        return f"seen-{hashlib.sha256(words.encode()).hexdigest()[:16]}"

    def check_unchanged(self) -> None:
        """Raise `StateError` unless every detector is the same bytes as before."""
        for name, detector in {**self.sources, **self.targets}.items():
            if detector.digest() != self.digests[name]:
                raise StateError(
                    f"expected the detector '{name}' unchanged by the attacks, got other parameters "
                    "or buffers",
                    hint="its predict or loss changes state: keep batch norm in eval mode there.",
                )


def _words(thing: object) -> str:
    """Write a thing's settings without the place it lies at in memory, which is another each time."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(thing))
