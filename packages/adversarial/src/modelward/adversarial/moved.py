"""How far an attack moved a set of images, and what it took."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from modelward.adversarial.kept import Made


@dataclass(frozen=True, slots=True)
class Moved:
    """Figures over a set of images: the largest move of a pixel, mean length, likeness and queries.

    `ssim` and `queries` are None where an image has none; `seconds` is the sum.
    """

    linf: float
    l2: float
    ssim: float | None
    queries: float | None
    seconds: float

    @classmethod
    def of(cls, made: Iterable[Made]) -> Moved:
        """Sum up what was made, one image in memory at a time."""
        rows = [(m.linf, m.l2, m.ssim, m.queries, m.seconds) for m in made]
        linf, l2, ssim, queries, seconds = zip(*rows, strict=True)
        return cls(
            linf=max(linf),
            l2=sum(l2) / len(rows),
            ssim=_mean(ssim),
            queries=_mean(queries),
            seconds=sum(s for s in seconds if not math.isnan(s)),
        )

    def figures(self) -> dict[str, Any]:
        """Give the figures by name."""
        return {name: getattr(self, name) for name in self.__slots__}


def _mean(values: tuple[float, ...]) -> float | None:
    mean = sum(values) / len(values)
    return None if math.isnan(mean) else mean
