"""Detectors in order of what an attack leaves of them, with paired tests of whether they differ."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm.auto import tqdm

from modelward.adversarial.attacks.base import Attack
from modelward.adversarial.data.base import DetectionData, Target
from modelward.adversarial.data.survey import survey
from modelward.adversarial.detectors.base import Detections
from modelward.adversarial.matrix import Matrix
from modelward.adversarial.naming import Detectors, check, named
from modelward.adversarial.scoring.matching import ImageBootstrap, match
from modelward.core.errors import DataError
from modelward.core.metrics import Estimate

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from modelward.core.evidence import Artifact, Evidence


@dataclass(frozen=True, slots=True)
class Pair:
    """Two detectors: `difference` is AP of `better` minus AP of `worse`, on the same images.

    `p` is that of the permutation test, `p_adjusted` after Holm's correction over all pairs; `differs`
    says whether it is at most `alpha`.
    """

    better: str
    worse: str
    difference: Estimate
    p: float
    p_adjusted: float
    differs: bool


@dataclass(frozen=True, slots=True)
class Ranking:
    """Detectors, the one with most AP under attack first; each is attacked in white box.

    `clean` and `attacked` are AP by detector, `pairs` the paired tests. Detectors that no test tells
    apart stand in an order that may be chance.
    """

    clean: Mapping[str, Estimate]
    attacked: Mapping[str, Estimate]
    pairs: tuple[Pair, ...]
    attack: str
    detectors: Mapping[str, str]
    n: int
    data: str
    data_sha256: str
    alpha: float
    permutations: int
    seed: int

    @property
    def order(self) -> tuple[str, ...]:
        """The names, best first."""
        return tuple(self.attacked)

    def pair(self, one: str, other: str) -> Pair:
        """Give the test of two detectors. Raises `DataError` for others."""
        for pair in self.pairs:
            if {pair.better, pair.worse} == {one, other}:
                return pair
        raise DataError(f"expected two detectors of {self.order}, got {one!r} and {other!r}")

    def __str__(self) -> str:
        lines = [f"{self.attack} on {self.n} images of {self.data}"]
        lines += [
            f"  {place}. {name:<20} AP {ap}  (clean {self.clean[name].value:.3f})"
            for place, (name, ap) in enumerate(self.attacked.items(), start=1)
        ]
        lines += [
            f"  {p.better} {'beats' if p.differs else 'cannot be told from'} {p.worse}: "
            f"{p.difference}, adjusted p = {p.p_adjusted:.3g}"
            for p in self.pairs
        ]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values."""
        return {
            "order": list(self.order),
            "clean": {name: ap.to_dict() for name, ap in self.clean.items()},
            "attacked": {name: ap.to_dict() for name, ap in self.attacked.items()},
            "pairs": [asdict(pair) for pair in self.pairs],
            "attack": self.attack,
            "detectors": dict(self.detectors),
            "n": self.n,
            "data": self.data,
            "data_sha256": self.data_sha256,
            "alpha": self.alpha,
            "permutations": self.permutations,
            "seed": self.seed,
        }

    def to_json(self) -> str:
        """Write `to_dict` as indented JSON."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def to_frame(self) -> pd.DataFrame:
        """Give a table with a row for each pair."""
        from modelward.core.optional import require

        pandas = require("pandas", feature="a table of results", install="pandas")
        rows = [asdict(pair) | {"difference": pair.difference.value} for pair in self.pairs]
        frame: pd.DataFrame = pandas.DataFrame(rows)
        return frame

    def to_evidence(self, *, artifacts: Sequence[Artifact] = ()) -> Evidence:
        """Give the sealed record `adversarial.ranking`."""
        from modelward.core.evidence import Evidence, Input, Metric, Subject

        return Evidence.create(
            kind="adversarial.ranking",
            subject=Subject(name=", ".join(self.order)),
            tool="modelward-adversarial",
            config={"attack": self.attack, "alpha": self.alpha, "permutations": self.permutations},
            seed=self.seed,
            inputs=[
                Input(name=self.data, sha256=self.data_sha256, rows=self.n),
                *(Input(name=name, sha256=sha) for name, sha in self.detectors.items()),
            ],
            metrics=[
                Metric.of("ap", ap, slice=name, higher_is_better=True)
                for name, ap in self.attacked.items()
            ],
            findings=str(self).splitlines()[1:],
            artifacts=list(artifacts),
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw AP under attack and on clean images, best first, with intervals."""
        from modelward.core.pages import axes, plain

        ax = axes(ax, figsize=(7.2, 1.0 + 0.6 * len(self.attacked)))
        places = range(len(self.attacked))
        for label, figures, marker in (
            ("clean", self.clean, "o"),
            ("attacked", self.attacked, "s"),
        ):
            found = [figures[name] for name in self.order]
            low = [max(0.0, e.value - (e.value if e.low is None else e.low)) for e in found]
            high = [max(0.0, (e.value if e.high is None else e.high) - e.value) for e in found]
            values = [e.value for e in found]
            ax.errorbar(values, places, xerr=[low, high], fmt=marker, capsize=3, label=label)
        ax.set_yticks(list(places), [plain(name) for name in self.order])
        ax.invert_yaxis()
        ax.set_xlim(0, None)
        ax.set_xlabel("AP .50:.95")
        ax.legend()
        return ax

    def _repr_html_(self) -> str:
        from modelward.core.pages import Prose, Table, notebook

        rows = [
            (p.better, p.worse, str(p.difference), p.p_adjusted, "yes" if p.differs else "no")
            for p in self.pairs
        ]
        columns = ("better", "worse", "difference of AP", "adjusted p", "told apart")
        return notebook(Prose("\n\n".join(str(self).splitlines())), Table("Pairs", columns, rows))


def rank(
    detectors: Detectors,
    attack: Attack,
    data: DetectionData,
    *,
    alpha: float = 0.05,
    permutations: int = 999,
    folder: str | Path | None = None,
    batch: int = 8,
    jobs: int = 1,
    resamples: int = 400,
    level: float = 0.95,
    seed: int = 0,
) -> Ranking:
    """Attack each detector in white box, order them by the AP that is left, and test each pair.

    Raises `DataError` for fewer than two detectors, and as `assess` does.

    >>> from modelward.adversarial import FGSM, Shapes, Yolo3, Yolo3Network
    >>> nets = {f"w{w}": Yolo3(network=Yolo3Network(classes=3, width=w), classes=Shapes.classes)
    ...         for w in (4, 8)}
    >>> ranking = rank(nets, FGSM(), Shapes(n=4, size=64), resamples=100, permutations=99)
    >>> sorted(ranking.order)
    ['w4', 'w8']
    """
    several = named(detectors)
    if len(several) < 2 or not 0 < alpha < 1 or permutations < 99:
        raise DataError(
            "expected two detectors or more, 0 < alpha < 1 and permutations >= 99, got "
            f"{len(several)}, {alpha} and {permutations}"
        )
    check(several, several, data)
    known = survey(data, batch=batch)
    keep = TemporaryDirectory(prefix="modelward-") if folder is None else nullcontext(folder)
    clean: dict[str, list[Detections]] = {}
    attacked: dict[str, list[Detections]] = {}
    with keep as kept_in:
        matrix = Matrix(
            sources=several,
            targets=several,
            data=data,
            data_sha256=known.sha256,
            digests={name: detector.digest() for name, detector in several.items()},
            folder=Path(kept_in),
            seed=seed,
        )
        for name in several:
            own = matrix.of(name)
            own.run([(name, attack)], known.parts, jobs=jobs, what=f"attacking {name}")
            clean[name] = own.seen(None, name, known.ids)
            attacked[name] = own.seen((name, attack), name, known.ids)
        matrix.check_unchanged()
    intervals = ImageBootstrap(resamples=resamples, level=level, seed=seed)
    matches = {n: match(d, known.targets, classes=data.classes) for n, d in attacked.items()}
    order = sorted(several, key=lambda name: -matches[name].score().ap)
    pairs = list(combinations(order, 2))
    bar = tqdm(pairs, desc="testing", unit="pair", disable=None)
    p_values = [
        permutation_test(
            attacked[a],
            attacked[b],
            known.targets,
            classes=data.classes,
            permutations=permutations,
            seed=seed,
        )
        for a, b in bar
    ]
    adjusted = holm(p_values)
    return Ranking(
        clean={
            n: intervals.estimate(match(clean[n], known.targets, classes=data.classes), "ap")
            for n in order
        },
        attacked={n: intervals.estimate(matches[n], "ap") for n in order},
        pairs=tuple(
            Pair(a, b, intervals.drop(matches[a], matches[b]), p, q, q <= alpha)
            for (a, b), p, q in zip(pairs, p_values, adjusted, strict=True)
        ),
        attack=repr(attack),
        detectors=dict(matrix.digests),
        n=len(known.ids),
        data=repr(data) if len(repr(data)) <= 120 else type(data).__name__,
        data_sha256=known.sha256,
        alpha=alpha,
        permutations=permutations,
        seed=seed,
    )


def permutation_test(
    one: Sequence[Detections],
    other: Sequence[Detections],
    targets: Sequence[Target],
    *,
    classes: Sequence[str],
    permutations: int = 999,
    seed: int = 0,
) -> float:
    """Test whether two detectors differ in AP on the same images: the p-value, two-sided.

    Where they do not differ, what the two saw on an image may be exchanged. It is, at random for each
    image, and p is the share of such exchanges (the observed one among them) whose difference of AP is
    as large as that observed: exact for any number of images.

    Source: Fisher's permutation test on pairs; Phipson and Smyth, Permutation P-values Should Never Be
    Zero, arXiv 1603.05766.
    """
    n = len(targets)
    matches = match([*one, *other], [*targets, *targets], classes=classes)

    def difference(first: np.ndarray) -> float:
        second = (first + n) % (2 * n)
        return matches.score(first).ap - matches.score(second).ap

    own = np.arange(n)
    observed = abs(difference(own))
    rng = np.random.default_rng(seed)
    as_large = sum(
        abs(difference(own + n * rng.integers(2, size=n))) >= observed - 1e-12
        for _ in range(permutations)
    )
    return (1 + as_large) / (1 + permutations)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values so that the chance of one false finding among all is at most alpha.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]

    Source: Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of
    Statistics 6 (1979).
    """
    found = [1.0] * len(p_values)
    highest = 0.0
    for place, k in enumerate(sorted(range(len(p_values)), key=lambda k: p_values[k])):
        highest = max(highest, min(1.0, (len(p_values) - place) * p_values[k]))
        found[k] = highest
    return found
