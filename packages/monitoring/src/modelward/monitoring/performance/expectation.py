"""A metric without labels: its expected value, and draws of the value labels would give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from modelward.monitoring.performance.confusion import OF_CONFUSION, expected_confusion
from modelward.monitoring.performance.counts import draw_counts
from modelward.monitoring.performance.ranking import RocAuc, expected_roc_auc

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

OF_ONE_CLASS = ("precision", "recall", "f1", "roc_auc")
SUPPORTED = (*OF_CONFUSION, "roc_auc", "brier", "log_loss")
DRAWS = 2_000
_MOST_LABELS = 20_000_000
_LEAST = np.finfo(np.float64).eps


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """Rows without labels: what the model said `(n, C)` and `(n,)`, and which class counts."""

    probability: Floats
    predicted: Codes
    positive: int

    def __len__(self) -> int:
        return len(self.predicted)

    def against_rest(self) -> Unlabelled:
        """Give the same rows with two classes: the positive one against all others."""
        return Unlabelled(
            one_against_rest(self.probability, self.positive),
            (self.predicted == self.positive).astype(np.int64),
            1,
        )


def one_against_rest(chance: Floats, positive: int) -> Floats:
    """Put all classes but one together: `(n, C)` to `(n, 2)`."""
    return np.stack([1 - chance[:, positive], chance[:, positive]], axis=1)


def expected(metric: str, rows: Unlabelled, chance: Floats) -> float:
    """Expect the metric from calibrated chances `(n, C)`; NaN where it is undefined.

    Metrics of the confusion matrix are those of the expected matrix; losses are means of the
    expected loss of a row.
    """
    if metric in OF_ONE_CLASS:
        chance, rows = one_against_rest(chance, rows.positive), rows.against_rest()
    if metric == "roc_auc":
        return expected_roc_auc(rows.probability[:, 1], chance[:, 1])
    if metric in OF_CONFUSION:
        return float(OF_CONFUSION[metric](expected_confusion(chance, rows.predicted)))
    return float((chance * _losses(metric, rows)).sum(axis=1).mean())


def drawn(
    metric: str, rows: Unlabelled, chances: Sequence[Floats], rng: np.random.Generator
) -> Floats:
    """Draw values the metric would take once the labels come, about the mean over `chances`.

    `chances` are equally likely calibrations `(n, C)`: the spread between them is that of the
    calibration, the spread within them that of the labels, each drawn from its chance. Counts are
    drawn from their law, without labels, where the metric follows from one or two of them.

    Source: Kivimaki, Bialek, Kuberski and Nurminen, arXiv 2505.05295.
    """
    if metric in OF_ONE_CLASS:
        chances = [one_against_rest(chance, rows.positive) for chance in chances]
        rows = rows.against_rest()
    each = max(1, round(DRAWS / len(chances)))
    if metric == "accuracy":
        right = np.stack([chance[np.arange(len(rows)), rows.predicted] for chance in chances])
        return (draw_counts(right, each, rng) / len(rows)).ravel()
    if metric in OF_CONFUSION and chances[0].shape[1] == 2:
        formula = OF_CONFUSION[metric]
        return formula(_matrices(rows.predicted, chances, each, rng))
    each = int(np.clip(_MOST_LABELS / (len(rows) * len(chances)), 3, each))
    return np.concatenate([_of_labels(metric, rows, chance, each, rng) for chance in chances])


def _matrices(
    predicted: Codes, chances: Sequence[Floats], each: int, rng: np.random.Generator
) -> Floats:
    """Draw confusion matrices of two classes: the positives among either prediction are counts."""
    positive = np.stack([chance[:, 1] for chance in chances])
    yes = predicted == 1
    hits = draw_counts(positive[:, yes], each, rng).ravel()
    missed = draw_counts(positive[:, ~yes], each, rng).ravel()
    rows = [[(~yes).sum() - missed, yes.sum() - hits], [missed, hits]]
    return np.moveaxis(np.array(rows, dtype=np.float64), -1, 0)


def _of_labels(
    metric: str, rows: Unlabelled, chance: Floats, draws: int, rng: np.random.Generator
) -> Floats:
    found = []
    area = RocAuc(rows.probability[:, 1]) if metric == "roc_auc" else None
    losses = None if area is not None or metric in OF_CONFUSION else _losses(metric, rows)
    for labels in _labels(chance, draws, rng):
        if area is not None:
            found.append(area(labels))
        elif losses is not None:
            found.append(losses[np.arange(len(rows)), labels].mean(axis=1))
        else:
            found.append(OF_CONFUSION[metric](_confusion(labels, rows.predicted, chance.shape[1])))
    return np.concatenate(found)


def _labels(chance: Floats, draws: int, rng: np.random.Generator) -> Iterator[Codes]:
    """Draw labels `(some, n)`, a block of draws at a time."""
    n, classes = chance.shape
    upper = np.cumsum(chance, axis=1)[:, :-1]
    block = max(1, 2_000_000 // (n * max(1, classes - 1)))
    for start in range(0, draws, block):
        even = rng.random((min(block, draws - start), n))
        yield (even[:, :, None] > upper).sum(axis=2)


def _confusion(labels: Codes, predicted: Codes, classes: int) -> Floats:
    cells = labels * classes + predicted + classes * classes * np.arange(len(labels))[:, None]
    counts = np.bincount(cells.ravel(), minlength=len(labels) * classes * classes)
    return counts.reshape(len(labels), classes, classes).astype(np.float64)


def _losses(metric: str, rows: Unlabelled) -> Floats:
    """Give the loss each row would have with each class for its label, `(n, C)`."""
    if metric == "brier":
        said = rows.probability[:, 1]
        return np.stack([np.square(said), np.square(1 - said)], axis=1)
    return np.asarray(-np.log(np.clip(rows.probability, _LEAST, 1 - _LEAST)))
