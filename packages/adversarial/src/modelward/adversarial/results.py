"""The results of an assessment: frozen, printed in one screen, handed on as evidence."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detections
from modelward.adversarial.strength import Strength
from modelward.core.errors import DataError
from modelward.core.metrics import Estimate

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from modelward.core.evidence import Artifact, Evidence
    from modelward.core.pages import Page


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One image kept for the report: clean, adversarial, and what was seen on both."""

    image: Tensor
    adversarial: Tensor
    target: Target
    seen: Detections
    seen_adversarial: Detections


@dataclass(frozen=True, slots=True)
class Scores:
    """COCO's figures of one detector on one set of images, each in [0, 1].

    `ap` and `ap50` with intervals over images; objects are sorted into sizes by the area of their box.
    `ap75`, `small`, `medium` and `large` None where there is
    no such object; `per_class` is `ap` of each class that has objects.
    """

    ap: Estimate
    ap50: Estimate
    ap75: float | None
    small: float | None
    medium: float | None
    large: float | None
    per_class: dict[str, float]

    @property
    def by_size(self) -> dict[str, float | None]:
        """`ap` of small, medium and large objects."""
        return {"small": self.small, "medium": self.medium, "large": self.large}

    def to_dict(self) -> dict[str, Any]:
        """Give the figures as plain values."""
        return {
            "ap": self.ap.to_dict(),
            "ap50": self.ap50.to_dict(),
            "ap75": self.ap75,
            **self.by_size,
            "per_class": dict(self.per_class),
        }


@dataclass(frozen=True, slots=True)
class Cell:
    """What one attack, made on `source`, did to `target`.

    `scores` are those left on the adversarial images; `drop` is clean AP minus AP and `left` AP50 as a
    share of clean AP50 (None where that is 0), both drawn on the same images. `rates` are those of
    `Outcomes.rates`; `lost_to` divides the lost AP among the kinds of errors, and adds up to `drop`. `linf` is the largest move of a pixel, `l2`
    the mean Euclidean length of the perturbations, `ssim` the mean likeness of the images (None for
    images below 11 pixels); `queries` the predictions a black-box attack asked for, a mean over images
    (None where it counts none); `seconds` the time of the attack alone, for all images.
    """

    source: str
    target: str
    attack: str
    name: str
    eps: float
    settings: dict[str, Any]
    uses_gradient: bool
    scores: Scores
    drop: Estimate
    left: Estimate | None
    rates: dict[str, Estimate]
    lost_to: dict[str, float]
    linf: float
    l2: float
    ssim: float | None
    queries: float | None
    seconds: float
    examples: tuple[Example, ...] = field(default=(), repr=False, compare=False)

    @property
    def ap(self) -> Estimate:
        """Average precision left."""
        return self.scores.ap

    @property
    def ap50(self) -> Estimate:
        """Average precision at IoU .5 left."""
        return self.scores.ap50

    @property
    def white_box(self) -> bool:
        """Whether source and target are the same detector."""
        return self.source == self.target

    def to_dict(self) -> dict[str, Any]:
        """Give everything but the pictures as plain values."""
        return {
            "source": self.source,
            "target": self.target,
            "attack": self.attack,
            "name": self.name,
            "eps": self.eps,
            "settings": dict(self.settings),
            "uses_gradient": self.uses_gradient,
            **self.scores.to_dict(),
            "drop": self.drop.to_dict(),
            "left": None if self.left is None else self.left.to_dict(),
            "rates": {name: rate.to_dict() for name, rate in self.rates.items()},
            "lost_to": dict(self.lost_to),
            "linf": self.linf,
            "l2": self.l2,
            "ssim": self.ssim,
            "queries": self.queries,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, slots=True)
class Assessment:
    """How detectors fare under attacks, all on the same `n` images.

    `clean` are the figures of each target on clean images, `cells` what each attack made on each source
    left of each target. `strength` judges the attacks of each source that is a target too, `warnings`
    says in plain sentences where figures should not be trusted, `left_out` names images that could not
    be read. `detectors` (name: sha256) and `data_sha256` name what was attacked, byte for byte.
    """

    clean: Mapping[str, Scores]
    cells: tuple[Cell, ...]
    detectors: Mapping[str, str]
    n: int
    data: str
    data_sha256: str
    strength: tuple[Strength, ...]
    warnings: tuple[str, ...]
    left_out: tuple[str, ...]
    config: dict[str, Any]
    seed: int

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources, in order."""
        return tuple(dict.fromkeys(cell.source for cell in self.cells))

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets, in order."""
        return tuple(self.clean)

    @property
    def attacks(self) -> tuple[str, ...]:
        """The labels of the attacks, in order."""
        return tuple(dict.fromkeys(cell.attack for cell in self.cells))

    @property
    def ap(self) -> Estimate:
        """Clean AP of the first target."""
        return next(iter(self.clean.values())).ap

    @property
    def ap50(self) -> Estimate:
        """Clean AP50 of the first target."""
        return next(iter(self.clean.values())).ap50

    def __getitem__(self, name: str) -> Cell:
        """Give the first cell of an attack, by label or name. Raises `KeyError` naming those there are."""
        for cell in self.cells:
            if name in {cell.attack, cell.name}:
                return cell
        raise KeyError(f"expected an attack of {list(self.attacks)}, got {name!r}")

    def cell(self, source: str, target: str, attack: str) -> Cell:
        """Give one cell. Raises `DataError` naming those there are."""
        for found in self.cells:
            if (found.source, found.target, found.attack) == (source, target, attack):
                return found
        raise DataError(
            f"expected a source of {self.sources}, a target of {self.targets} and an attack of "
            f"{self.attacks}, got {source!r}, {target!r} and {attack!r}"
        )

    def related(self, *, below: float = 0.25) -> tuple[str, ...]:
        """Say in words which detectors fall to each other's attacks as if they were one.

        Two that leave each other less than `below` of their AP50, by an attack with gradients, share
        weaknesses: one may be derived from the other, or trained as it was.
        """
        fallen = {
            (c.source, c.target)
            for c in self.cells
            if c.uses_gradient and c.left is not None and c.left.value < below
        }
        return tuple(
            f"{a} and {b} fall to each other's attacks: they share weaknesses, as relatives do"
            for a, b in sorted(fallen)
            if a < b and (b, a) in fallen
        )

    def __str__(self) -> str:
        lines = [f"{self.n} images of {self.data}"]
        for name, scores in self.clean.items():
            lines.append(f"  {'clean':<28} {name:<24} AP {scores.ap}  AP50 {scores.ap50.value:.3f}")
        for c in self.cells:
            by = c.target if c.white_box else f"{c.target} < {c.source}"
            lines.append(f"  {c.attack:<28} {by:<24} AP {c.ap}  AP50 {c.ap50.value:.3f}")
        lines += [f"  {strength}" for strength in self.strength]
        notes = [*self.warnings, *self.related(), *(f"left out: {text}" for text in self.left_out)]
        return "\n".join(lines + [f"  ! {note}" for note in notes])

    def to_dict(self) -> dict[str, Any]:
        """Give everything but the pictures as plain values."""
        return {
            "clean": {name: scores.to_dict() for name, scores in self.clean.items()},
            "cells": [cell.to_dict() for cell in self.cells],
            "detectors": dict(self.detectors),
            "n": self.n,
            "data": self.data,
            "data_sha256": self.data_sha256,
            "strength": [each.to_dict() for each in self.strength],
            "warnings": list(self.warnings),
            "related": list(self.related()),
            "left_out": list(self.left_out),
            "config": dict(self.config),
            "seed": self.seed,
        }

    def to_json(self) -> str:
        """Write `to_dict` as indented JSON."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def to_frame(self) -> pd.DataFrame:
        """Give a table: a row for each target on clean images, then one for each cell."""
        from modelward.adversarial.tables import frame

        return frame(self)

    def to_evidence(self, *, artifacts: Sequence[Artifact] = ()) -> Evidence:
        """Give the sealed record `adversarial.assessment`; figures of a cell carry its attack and source."""
        from modelward.adversarial.records import evidence

        return evidence(self, artifacts=artifacts)

    def log_to_mlflow(self, run_id: str, *, tracking_uri: str | None = None) -> None:
        """Log figures, record and page to a run of MLflow.

        Raises `MissingPackageError` without mlflow.
        """
        from modelward.adversarial.records import log_to_mlflow

        log_to_mlflow(self, run_id, tracking_uri=tracking_uri)

    def save(self, folder: str | Path) -> Path:
        """Write `assessment.json`, `.html`, `.evidence.json` and the pictures; give the page's path."""
        from modelward.adversarial.records import save

        return save(self, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> Assessment:
        """Read what `save` wrote. Raises `DataError` where that is not there, or is broken."""
        from modelward.adversarial.records import load

        return load(Path(folder))

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw AP against eps, the security curve: a line for each attack, from the clean AP."""
        from modelward.adversarial.plots import curve

        return curve(self, ax)

    def plot_transfer(self, ax: Axes | None = None, *, attack: str | None = None) -> Axes:
        """Draw what one attack (by default the first with gradients) leaves, as a heat map."""
        from modelward.adversarial.plots import heat_map

        return heat_map(self, attack, ax)

    def to_page(self) -> Page:
        """Give the report: verdicts, figures, curves, and pictures clean | adversarial | difference."""
        from modelward.adversarial.report import assessment_page

        return assessment_page(self)

    def _repr_html_(self) -> str:
        from modelward.adversarial.report import notices
        from modelward.adversarial.tables import cells_table
        from modelward.core.pages import notebook

        return notebook(*notices(self), cells_table(self))
