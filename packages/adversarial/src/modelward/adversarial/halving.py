"""The smallest eps at which an attack takes half of a detector's AP."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from modelward.adversarial.attacks.base import Attack
from modelward.adversarial.data.base import DetectionData
from modelward.adversarial.data.survey import survey
from modelward.adversarial.detectors.base import Detector
from modelward.adversarial.matrix import Matrix
from modelward.adversarial.naming import check
from modelward.adversarial.scoring.matching import match
from modelward.adversarial.strength import varied
from modelward.core.errors import ConfigError, DataError
from modelward.core.metrics import DetectionMatches, Estimate, bootstrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from modelward.core.evidence import Artifact, Evidence


@dataclass(frozen=True, slots=True)
class Halving:
    """The smallest eps that leaves `share` of the clean AP, and the points of the search.

    `eps` has an interval over images, and is None where `largest`, the largest eps tried, leaves more.
    `points` are the AP at each eps that was tried, 0 for the clean images.
    """

    detector: str
    detector_sha256: str
    attack: str
    share: float
    eps: Estimate | None
    largest: float
    points: Mapping[float, float]
    n: int
    data: str
    data_sha256: str
    seed: int

    def __str__(self) -> str:
        what = (
            f"{self.attack} on {self.detector}, {self.n} images: {self.share:.0%} of the clean AP"
        )
        if self.eps is None:
            return f"{what} are not reached up to {self.largest * 255:g}/255"
        low, high = (b if b is not None else math.nan for b in (self.eps.low, self.eps.high))
        return (
            f"{what} are left at {self.eps.value * 255:.2f}/255 [{low * 255:.2f}, {high * 255:.2f}]"
        )

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values."""
        return {
            "detector": self.detector,
            "detector_sha256": self.detector_sha256,
            "attack": self.attack,
            "share": self.share,
            "eps": None if self.eps is None else self.eps.to_dict(),
            "largest": self.largest,
            "points": [{"eps": eps, "ap": ap} for eps, ap in sorted(self.points.items())],
            "n": self.n,
            "data": self.data,
            "data_sha256": self.data_sha256,
            "seed": self.seed,
        }

    def to_json(self) -> str:
        """Write `to_dict` as indented JSON."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def to_evidence(self, *, artifacts: tuple[Artifact, ...] = ()) -> Evidence:
        """Give the sealed record `adversarial.halving`."""
        from modelward.core.evidence import Evidence, Input, Metric, Subject

        metrics = (
            [] if self.eps is None else [Metric.of("halving_eps", self.eps, unit="pixel range")]
        )
        metrics += [
            Metric.of("ap", ap, slice=f"eps {eps * 255:g}/255", higher_is_better=True)
            for eps, ap in sorted(self.points.items())
        ]
        return Evidence.create(
            kind="adversarial.halving",
            subject=Subject(name=self.detector, sha256=self.detector_sha256),
            tool="modelward-adversarial",
            config={"attack": self.attack, "share": self.share, "largest": self.largest},
            seed=self.seed,
            inputs=[Input(name=self.data, sha256=self.data_sha256, rows=self.n)],
            metrics=metrics,
            findings=[str(self)],
            artifacts=list(artifacts),
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the points of the search, and the eps with its interval."""
        from modelward.core.pages import axes

        ax = axes(ax)
        eps = sorted(self.points)
        ax.plot([e * 255 for e in eps], [self.points[e] for e in eps], marker="o", label="AP")
        ax.axhline(self.share * self.points[0.0], linestyle=":", label=f"{self.share:.0%} of clean")
        if self.eps is not None and self.eps.low is not None and self.eps.high is not None:
            ax.axvspan(self.eps.low * 255, self.eps.high * 255, alpha=0.15, label="interval")
            ax.axvline(self.eps.value * 255, linestyle="--")
        ax.set_xlabel("eps (grey levels of 255)")
        ax.set_ylabel("AP .50:.95")
        ax.set_ylim(0, None)
        ax.legend()
        return ax

    def _repr_html_(self) -> str:
        from modelward.core.pages import Prose, Table, notebook

        rows = [(eps * 255, ap) for eps, ap in sorted(self.points.items())]
        return notebook(Prose(str(self)), Table("Tried", ("eps /255", "AP"), rows))


def halving_eps(
    detector: Detector,
    attack: Attack,
    data: DetectionData,
    *,
    share: float = 0.5,
    largest: float = 64 / 255,
    tolerance: float = 0.25 / 255,
    folder: str | Path | None = None,
    batch: int = 8,
    resamples: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> Halving:
    """Find the smallest eps at which an attack leaves `share` of the clean AP, by bisection.

    From the attack's own eps, the size is doubled or halved until the crossing is bracketed, then
    bisected to `tolerance`; between the last two points AP is taken to be linear. The interval is a
    bootstrap over images of where the curve through all points tried crosses. With a `folder` what was
    made is kept, and a second call goes on where the first stood.

    Raises `ConfigError` for settings out of range, and `DataError` as `assess` does, and where there is
    nothing to lose.

    >>> from modelward.adversarial import PGD, Noise, Shapes, small_detector
    >>> halving_eps(small_detector(), PGD(), Shapes(n=48, seed=1)) # doctest: +SKIP
    Halving(...)
    """
    if not 0 < share < 1 or not 0 < tolerance < largest or resamples < 100:
        raise ConfigError(
            "expected 0 < share < 1, 0 < tolerance < largest and resamples >= 100, got "
            f"{share}, {tolerance}, {largest} and {resamples}"
        )
    one = {detector.name: detector}
    check(one, one, data)
    known = survey(data, batch=batch)
    keep = TemporaryDirectory(prefix="modelward-") if folder is None else nullcontext(folder)
    with keep as kept_in:
        matrix = Matrix(
            sources=one,
            targets=one,
            data=data,
            data_sha256=known.sha256,
            digests={detector.name: detector.digest()},
            folder=Path(kept_in),
            seed=seed,
        )

        def at(eps: float) -> DetectionMatches:
            task = (detector.name, varied(attack, eps=eps)) if eps else None
            tasks = [] if task is None else [task]
            matrix.run(tasks, known.parts, jobs=1, what=f"eps {eps * 255:.3g}/255")
            seen = matrix.seen(task, detector.name, known.ids)
            return match(seen, known.targets, classes=data.classes)

        tried = {0.0: at(0.0)}
        if not tried[0.0].score().ap > 0:
            raise DataError("expected a detector that sees something on clean images, got AP 0")
        _search(tried, at, start=attack.eps, share=share, largest=largest, tolerance=tolerance)
        matrix.check_unchanged()
    found = _estimate(tried, share=share, resamples=resamples, level=level, seed=seed)
    return Halving(
        detector=detector.name,
        detector_sha256=matrix.digests[detector.name],
        attack=repr(attack),
        share=share,
        eps=found,
        largest=max(tried),
        points={eps: matches.score().ap for eps, matches in tried.items()},
        n=len(known.ids),
        data=repr(data) if len(repr(data)) <= 120 else type(data).__name__,
        data_sha256=known.sha256,
        seed=seed,
    )


def _search(
    tried: dict[float, DetectionMatches],
    at: Any,
    *,
    start: float,
    share: float,
    largest: float,
    tolerance: float,
) -> None:
    """Try sizes until the crossing lies between two that are `tolerance` apart."""
    goal = share * tried[0.0].score().ap

    def below(eps: float) -> bool:
        tried[eps] = at(eps)
        return tried[eps].score().ap <= goal

    low, high = 0.0, min(start, largest)
    while not below(high):
        if high >= largest:
            return
        low, high = high, min(2 * high, largest)
    while high - low > tolerance:
        middle = high / 2 if low == 0.0 and high > 4 * tolerance else (low + high) / 2
        if below(middle):
            high = middle
        else:
            low = middle


def crossing(eps: np.ndarray, ap: np.ndarray, share: float) -> float:
    """Give where AP first falls to a share of its first value, linear between points; NaN where never.

    >>> crossing(np.array([0.0, 1.0, 2.0]), np.array([0.8, 0.6, 0.2]), 0.5)
    1.5
    """
    goal = share * ap[0]
    below = np.flatnonzero(ap <= goal)
    if not ap[0] > 0 or not len(below):
        return math.nan
    i = int(below[0])
    part = (ap[i - 1] - goal) / (ap[i - 1] - ap[i])
    return float(eps[i - 1] + part * (eps[i] - eps[i - 1]))


def _estimate(
    tried: Mapping[float, DetectionMatches],
    *,
    share: float,
    resamples: int,
    level: float,
    seed: int,
) -> Estimate | None:
    sizes = np.array(sorted(tried))
    order = [tried[float(e)] for e in sizes]

    def statistic(rows: np.ndarray) -> float:
        ap = np.array([matches.score(rows).ap for matches in order])
        found = crossing(sizes, ap, share)
        # A draw that never falls so far does at a larger eps than any tried.
        return float(sizes[-1]) if math.isnan(found) and ap[0] > 0 else found

    whole = np.arange(order[0].n)
    if math.isnan(crossing(sizes, np.array([m.score(whole).ap for m in order]), share)):
        return None
    return bootstrap(
        statistic, whole, resamples=resamples, level=level, seed=seed, method="percentile"
    )
