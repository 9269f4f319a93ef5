"""Whether a defence helps: against an attack that does not know it, and against one that does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from tqdm.auto import tqdm

from modelward.adversarial.attacks.base import Attack
from modelward.adversarial.data.base import DetectionData, Target, batches
from modelward.adversarial.defences.base import Defence
from modelward.adversarial.defences.defended import Defended
from modelward.adversarial.detectors.base import Detections, Detector
from modelward.adversarial.scoring.matching import ImageBootstrap, match
from modelward.core.errors import StateError
from modelward.core.metrics import Estimate

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from modelward.core.evidence import Evidence

ROWS = ("clean", "clean_defended", "bare", "unaware", "adaptive")
_TITLES = {
    "clean": "clean, no defence",
    "clean_defended": "clean, defended",
    "bare": "attacked, no defence",
    "unaware": "defended, attack unaware",
    "adaptive": "defended, adaptive attack",
}


@dataclass(frozen=True, slots=True)
class DefenceResult:
    """AP with and without a defence, clean and attacked, on the same `n` images.

    `bare` is the attack on the detector alone; `unaware` shows its images to the defended one; `adaptive`
    attacks through the defence. `verdict` says in a sentence what the defence is worth.
    """

    detector: str
    detector_sha256: str
    defence: str
    attack: str
    n: int
    clean: Estimate
    clean_defended: Estimate
    bare: Estimate
    unaware: Estimate
    adaptive: Estimate
    seed: int

    @property
    def masks(self) -> bool:
        """Whether most of the gain is lost when the attack knows the defence."""
        gain = self.unaware.value - self.bare.value
        return gain > 0.02 and self.adaptive.value - self.bare.value < gain / 2

    @property
    def verdict(self) -> str:
        """What the defence is worth."""
        gain, kept = (each.value - self.bare.value for each in (self.unaware, self.adaptive))
        cost = self.clean.value - self.clean_defended.value
        if gain <= 0.02:
            said = "no gain even against an attack that does not know it"
        elif self.masks:
            said = (
                f"the gain of {gain:.3f} AP is a masked gradient: an attack through the defence "
                f"leaves {max(kept, 0):.3f} of it"
            )
        else:
            said = f"a gain of {kept:.3f} AP stands against an attack that knows the defence"
        return f"{said}; on clean images it costs {cost:.3f} AP"

    def __str__(self) -> str:
        lines = [f"{self.detector} behind {self.defence}, {self.attack}, {self.n} images"]
        lines += [f"  {_TITLES[row]:<26} AP {getattr(self, row)}" for row in ROWS]
        return "\n".join([*lines, f"  {self.verdict}"])

    def to_dict(self) -> dict[str, Any]:
        """Give all as plain values."""
        estimates = {row: getattr(self, row).to_dict() for row in ROWS}
        head = {"detector": self.detector, "defence": self.defence, "attack": self.attack}
        tail = {"masks": self.masks, "verdict": self.verdict, "seed": self.seed}
        return {**head, "n": self.n, **estimates, **tail}

    def to_json(self) -> str:
        """Write `to_dict` as indented JSON."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def to_frame(self) -> pd.DataFrame:
        """Give a table with a row for each figure."""
        from modelward.core.optional import require

        pandas = require("pandas", feature="a table of results", install="pandas")
        rows = [
            {"case": _TITLES[row], "ap": e.value, "ap_low": e.low, "ap_high": e.high}
            for row in ROWS
            for e in [getattr(self, row)]
        ]
        frame: pd.DataFrame = pandas.DataFrame(rows)
        return frame

    def to_evidence(self) -> Evidence:
        """Give the sealed record `adversarial.defence`."""
        from modelward.core.evidence import Evidence, Metric, Subject

        return Evidence.create(
            kind="adversarial.defence",
            subject=Subject(name=self.detector, sha256=self.detector_sha256),
            tool="modelward-adversarial",
            config={"attack": self.attack, "defence": self.defence},
            seed=self.seed,
            metrics=[
                Metric.of("ap", getattr(self, row), slice=_TITLES[row], higher_is_better=True)
                for row in ROWS
            ],
            findings=[self.verdict],
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw AP of each case, with intervals."""
        import matplotlib.pyplot as plt

        ax = ax or plt.subplots(figsize=(7, 3), layout="constrained")[1]
        for at, row in enumerate(reversed(ROWS)):
            each: Estimate = getattr(self, row)
            low = each.value if each.low is None else each.low
            high = each.value if each.high is None else each.high
            ax.barh(at, each.value, color="#9ab6d3" if row.startswith("clean") else "#c44e52")
            ax.plot([low, high], [at, at], color="black", linewidth=1.5)
        ax.set_yticks(range(len(ROWS)), [_TITLES[row] for row in reversed(ROWS)])
        ax.set_xlabel("AP, with interval")
        ax.set_title(self.defence)
        return ax

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><td>{_TITLES[row]}</td><td>{escape(str(getattr(self, row)))}</td></tr>"
            for row in ROWS
        )
        return f"<table>{rows}</table><p>{escape(self.verdict)}</p>"


def assess_defence(
    detector: Detector,
    defence: Defence,
    attack: Attack,
    data: DetectionData,
    *,
    samples: int = 4,
    batch: int = 8,
    resamples: int = 400,
    level: float = 0.95,
    seed: int = 0,
) -> DefenceResult:
    """Attack a detector without and through a defence, and say what the defence is worth.

    The attack runs twice: on the bare detector, whose images the defended one is then shown, and on
    `Defended`, through a differentiable form of the defence averaged over `samples` draws of its chance.
    Only the second says anything of an enemy who knows of it. Of both images the worse one counts as
    the adaptive attack's for each picture: who knows the defence may also ignore it. Raises `StateError`
    when the detector is not the same bytes afterwards, and as attacks do.

    >>> from modelward.adversarial import PGD, Shapes, Yolo3, Yolo3Network
    >>> from modelward.adversarial.defences import BitDepth
    >>> bare = Yolo3(network=Yolo3Network(classes=3, width=4), classes=Shapes.classes)
    >>> data = Shapes(n=2, size=64)
    >>> assess_defence(bare, BitDepth(bits=3), PGD(steps=1), data, resamples=100).n
    2
    """
    from modelward.adversarial.scoring.harmed import harm

    guarded = Defended(detector, defence, samples=samples, seed=seed)
    before = detector.digest()
    seen: dict[str, list[Detections]] = {row: [] for row in ROWS}
    truth: list[Target] = []
    with tqdm(total=2 * len(data), desc=f"behind {defence!r}", disable=None) as bar:
        for part in batches(data, batch=batch):
            images = torch.stack([sample.image for sample in part])
            targets = [sample.target for sample in part]
            ids = [sample.id for sample in part]
            truth += targets
            seen["clean"] += detector.predict(images)
            seen["clean_defended"] += guarded.predict(images)
            moved = attack(detector, images, targets, seed=seed, ids=ids)
            seen["bare"] += detector.predict(moved)
            unaware = guarded.predict(moved)
            seen["unaware"] += unaware
            bar.update(len(part))
            aware = guarded.predict(attack(guarded, images, targets, seed=seed, ids=ids))
            seen["adaptive"] += [
                one if harm(one, target) >= harm(other, target) else other
                for one, other, target in zip(aware, unaware, targets, strict=True)
            ]
            bar.update(len(part))
    if detector.digest() != before:
        raise StateError(
            f"expected the detector '{detector.name}' unchanged, got other parameters or buffers",
            hint="its predict or loss changes state: keep batch norm in eval mode there.",
        )
    intervals = ImageBootstrap(resamples=resamples, level=level, seed=seed)
    return DefenceResult(
        detector=detector.name,
        detector_sha256=before,
        defence=repr(defence),
        attack=attack.label,
        n=len(truth),
        seed=seed,
        **{row: _ap(intervals, found, truth, data.classes) for row, found in seen.items()},
    )


def _ap(
    intervals: ImageBootstrap,
    found: Sequence[Detections],
    truth: Sequence[Target],
    classes: tuple[str, ...],
) -> Estimate:
    return intervals.estimate(match(list(found), list(truth), classes=classes), "ap")
