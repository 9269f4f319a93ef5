"""The results of an assessment: frozen, printed in one screen, handed on as evidence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from torch import Tensor

from modelward.adversarial.data.base import Target
from modelward.adversarial.detectors.base import Detections
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
class Attacked:
    """What one attack did.

    `ap` and `ap50` are those left, with intervals over images; `drop` is clean AP minus `ap` on the
    same images, resampled together. `linf` is the largest move of a pixel, `l2` the mean Euclidean
    length of the perturbations; `seconds` the time of the attack alone.
    """

    label: str
    name: str
    eps: float
    settings: dict[str, Any]
    uses_gradient: bool
    ap: Estimate
    ap50: Estimate
    drop: Estimate
    linf: float
    l2: float
    seconds: float
    examples: tuple[Example, ...] = field(default=(), repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Assessment:
    """How a detector fares under attacks, all on the same `n` images.

    `ap` and `ap50` are the clean figures; `attacks` what each attack left; `warnings` says in
    plain sentences where the numbers should not be trusted. `detector_sha256` and `data_sha256`
    name what was attacked, byte for byte.
    """

    detector: str
    detector_sha256: str
    device: str
    data: str
    data_sha256: str
    n: int
    ap: Estimate
    ap50: Estimate
    per_class: dict[str, float]
    attacks: tuple[Attacked, ...]
    warnings: tuple[str, ...]
    config: dict[str, Any]
    seed: int

    def __getitem__(self, name: str) -> Attacked:
        """Give the first attack of that label or name. Raises `KeyError` naming those there are."""
        for attacked in self.attacks:
            if name in {attacked.label, attacked.name}:
                return attacked
        raise KeyError(f"expected an attack of {[a.label for a in self.attacks]}, got {name!r}")

    def __str__(self) -> str:
        lines = [
            f"{self.detector} on {self.n} images of {self.data}",
            f"  {'clean':<26} AP {self.ap}  AP50 {self.ap50.value:.3f}",
        ]
        lines += [
            f"  {a.label:<26} AP {a.ap}  AP50 {a.ap50.value:.3f}  {a.seconds:.1f} s"
            for a in self.attacks
        ]
        return "\n".join(lines + [f"  ! {warning}" for warning in self.warnings])

    def to_dict(self) -> dict[str, Any]:
        """Give everything but the pictures as plain values."""
        return {
            "detector": self.detector,
            "detector_sha256": self.detector_sha256,
            "device": self.device,
            "data": self.data,
            "data_sha256": self.data_sha256,
            "n": self.n,
            "ap": self.ap.to_dict(),
            "ap50": self.ap50.to_dict(),
            "per_class": dict(self.per_class),
            "attacks": [_attacked_dict(a) for a in self.attacks],
            "warnings": list(self.warnings),
            "config": dict(self.config),
            "seed": self.seed,
        }

    def to_json(self) -> str:
        """Write `to_dict` as indented JSON."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def to_frame(self) -> pd.DataFrame:
        """Give a table with a row for the clean images and one for each attack."""
        from modelward.core.optional import require

        pandas = require("pandas", feature="a table of results", install="pandas")
        clean = {"attack": "clean", "eps": 0.0, **_columns(self.ap), "ap50": self.ap50.value}
        rows = [
            {
                "attack": a.label,
                "eps": a.eps,
                **_columns(a.ap),
                "ap50": a.ap50.value,
                "drop": a.drop.value,
                "linf": a.linf,
                "l2": a.l2,
                "seconds": a.seconds,
            }
            for a in self.attacks
        ]
        frame: pd.DataFrame = pandas.DataFrame([clean, *rows])
        return frame

    def to_evidence(self, *, artifacts: Sequence[Artifact] = ()) -> Evidence:
        """Give the sealed record `adversarial.assessment`; figures of an attack carry its label."""
        from modelward.adversarial.report import evidence

        return evidence(self, artifacts=artifacts)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw AP against eps: one line for each attack, from the clean AP, with intervals."""
        from modelward.adversarial.report import curve

        return curve(self, ax)

    def to_page(self) -> Page:
        """Give the report: figures, warnings, curve, and pictures clean | adversarial | difference."""
        from modelward.adversarial.report import assessment_page

        return assessment_page(self)

    def _repr_html_(self) -> str:
        from modelward.adversarial.report import table, warning_blocks
        from modelward.core.pages import notebook

        return notebook(*warning_blocks(self), table(self))


def _columns(ap: Estimate) -> dict[str, float | None]:
    return {"ap": ap.value, "ap_low": ap.low, "ap_high": ap.high}


def _attacked_dict(a: Attacked) -> dict[str, Any]:
    return {
        "label": a.label,
        "name": a.name,
        "eps": a.eps,
        "settings": {
            k: v if isinstance(v, int | float) else repr(v) for k, v in a.settings.items()
        },
        "ap": a.ap.to_dict(),
        "ap50": a.ap50.to_dict(),
        "drop": a.drop.to_dict(),
        "linf": a.linf,
        "l2": a.l2,
        "seconds": a.seconds,
    }
