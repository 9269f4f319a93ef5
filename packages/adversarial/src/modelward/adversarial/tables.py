"""The tables of an assessment, for pages, notebooks and pandas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelward.adversarial.results import Assessment, Cell
from modelward.core.metrics import Estimate
from modelward.core.pages import Table

if TYPE_CHECKING:
    import pandas as pd

RATES = {
    "success_rate": "images with a loss",
    "disappearance_rate": "disappeared",
    "mislabelling_rate": "mislabelled",
    "shift_rate": "moved",
    "confidence_drop": "score lost",
    "ghosts_per_image": "ghosts an image",
}
LOST = ("missed", "mislabelled", "moved", "ghosts", "other")


def frame(result: Assessment) -> pd.DataFrame:
    """Give a row for each target on clean images, then one for each cell."""
    from modelward.core.optional import require

    pandas = require("pandas", feature="a table of results", install="pandas")
    rows: list[dict[str, Any]] = [
        {"source": None, "target": name, "attack": "clean", "eps": 0.0, **_scores(scores)}
        for name, scores in result.clean.items()
    ]
    rows += [
        {
            "source": c.source,
            "target": c.target,
            "attack": c.attack,
            "eps": c.eps,
            **_scores(c.scores),
            "drop": c.drop.value,
            "left": None if c.left is None else c.left.value,
            "left_low": None if c.left is None else c.left.low,
            "left_high": None if c.left is None else c.left.high,
            **{name: rate.value for name, rate in c.rates.items()},
            **{f"lost_to_{name}": value for name, value in c.lost_to.items()},
            "linf": c.linf,
            "l2": c.l2,
            "ssim": c.ssim,
            "queries": c.queries,
            "seconds": c.seconds,
        }
        for c in result.cells
    ]
    found: pd.DataFrame = pandas.DataFrame(rows)
    return found


def _scores(scores: Any) -> dict[str, float | None]:
    sizes = {f"ap_{name}": value for name, value in scores.by_size.items()}
    ap = {"ap": scores.ap.value, "ap_low": scores.ap.low, "ap_high": scores.ap.high}
    return {**ap, "ap50": scores.ap50.value, "ap75": scores.ap75, **sizes}


def cells_table(result: Assessment) -> Table:
    """Give the figures: a row for each target on clean images, then one for each cell."""
    several = len({*result.sources, *result.targets}) > 1
    rows: list[list[Any]] = [
        ["clean", *(["–", name] if several else []), *_aps(scores), None, None, None, None, None]
        for name, scores in result.clean.items()
    ]
    rows += [
        [
            c.attack,
            *([c.source, c.target] if several else []),
            *_aps(c.scores),
            percent(c.left),
            c.linf * 255,
            c.l2,
            c.ssim,
            c.seconds,
        ]
        for c in result.cells
    ]
    return Table(
        f"Average precision, intervals of {result.config['level']:.0%}",
        [
            "images",
            *(["made on", "shown to"] if several else []),
            *("AP", "interval", "AP50", "AP50 left", "max step /255", "mean L2", "SSIM", "seconds"),
        ],
        rows,
    )


def _aps(scores: Any) -> list[Any]:
    return [_three(scores.ap.value), interval(scores.ap), _three(scores.ap50.value)]


def parts_table(result: Assessment, target: str) -> Table:
    """Give AP by size and by class: a row for clean images, and one for each attack on a target."""
    clean = result.clean[target]
    classes = _fallen_most(result, target)
    rows = [("clean", clean)] + [
        (name(result, c), c.scores) for c in result.cells if c.target == target
    ]
    return Table(
        f"AP of {target} by size and class"
        + (
            f" ({len(classes)} classes that fell most)"
            if len(classes) < len(clean.per_class)
            else ""
        ),
        ["images", "small", "medium", "large", *classes],
        [
            [label, *(_three(v) for v in s.by_size.values()), *(_of(s, k) for k in classes)]
            for label, s in rows
        ],
    )


def _of(scores: Any, label: str) -> str | None:
    return _three(scores.per_class[label]) if label in scores.per_class else None


def _fallen_most(result: Assessment, target: str, *, most: int = 8) -> list[str]:
    clean = result.clean[target].per_class
    own = [c for c in result.cells if c.target == target]

    def left(label: str) -> float:
        return min((c.scores.per_class.get(label, 0.0) for c in own), default=0.0)

    worst = sorted(clean, key=lambda label: left(label) - clean[label])[:most]
    return [label for label in clean if label in worst]


def fates_table(result: Assessment) -> Table:
    """Give what became of the objects: a row for each cell."""
    return Table(
        "What became of the objects that were right on the clean image, at scores from .5",
        ["images", *RATES.values()],
        [
            [name(result, c), *(_percent(c.rates.get(rate), rate) for rate in RATES)]
            for c in result.cells
        ],
    )


def lost_table(result: Assessment) -> Table:
    """Give where the lost AP went: a row for each cell."""
    return Table(
        "Where the lost AP went: what each kind of error took more than on clean images",
        ["images", "AP lost", *LOST],
        [
            [name(result, c), _three(c.drop.value), *(_three(c.lost_to.get(kind)) for kind in LOST)]
            for c in result.cells
        ],
    )


def _percent(rate: Estimate | None, name_: str) -> str:
    if rate is None:
        return "–"
    return (
        f"{rate.value:.2f}"
        if name_ in {"ghosts_per_image", "confidence_drop"}
        else f"{rate.value:.0%}"
    )


def name(result: Assessment, cell: Cell) -> str:
    """Name a cell on one line, without its detector where there is only one."""
    if not cell.white_box:
        return f"{cell.attack}, {cell.source} → {cell.target}"
    several = len({*result.sources, *result.targets}) > 1
    return f"{cell.attack} on {cell.target}" if several else cell.attack


def percent(share: Estimate | None) -> str:
    """Write a share with its interval, in percent."""
    if share is None:
        return "n/a"
    if share.low is None or share.high is None:
        return f"{share.value:.0%}"
    return f"{share.value:.0%} [{share.low:.0%}, {share.high:.0%}]"


def interval(estimate: Estimate) -> str:
    """Write an interval."""
    if estimate.low is None or estimate.high is None:
        return ""
    return f"[{estimate.low:.3f}, {estimate.high:.3f}]"


def _three(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:.3f}"  # noqa: PLR0124 - NaN
