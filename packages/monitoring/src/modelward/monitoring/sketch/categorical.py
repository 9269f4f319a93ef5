"""The summary of a column of categories."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError
from modelward.core.metrics import Moments

TOP = 100
LEAST_COUNT = 5
LONGEST = 100


@dataclass(frozen=True, slots=True, eq=False)
class CategoricalSketch:
    """Counts of the most frequent categories, of all others together, and of what was missing.

    `counts` (shape `(k + 1,)`) holds one number for each of `categories` and, last, that of all
    others; a rare category, and one that comes up later, is among the others. Texts of more than
    100 characters are kept as their beginning and a digest, so that the size stays fixed. `lengths`
    are the moments of how many characters the texts have.
    """

    categories: tuple[str, ...]
    counts: npt.NDArray[np.int64]
    missing: int
    lengths: Moments = field(default_factory=Moments)

    @classmethod
    def fit(
        cls, values: npt.NDArray[Any] | Mapping[str, int], missing: int, *, top: int = TOP
    ) -> Self:
        """Choose the categories to count (the `top` most frequent) and count them.

        Those kept were seen five times at the least and, where some are left out, stand clear of
        the best of these by four standard errors of a count. To pick the winners among equals by
        this very sample would make each of them look rarer in every later one.
        """
        ranked = sorted(_count(values).items(), key=lambda item: (-item[1], item[0]))
        best_left_out = ranked[top][1] if len(ranked) > top else 0
        least = max(LEAST_COUNT, best_left_out + 4 * math.sqrt(best_left_out))
        kept = [name for name, count in ranked[:top] if count >= least]
        return cls.over(kept).add(values, missing)

    @classmethod
    def over(cls, categories: Iterable[str]) -> Self:
        """Give a sketch of nothing over categories of your own."""
        names = tuple(sorted({_label(name) for name in categories}))
        return cls(names, np.zeros(len(names) + 1, dtype=np.int64), 0)

    def add(self, values: npt.NDArray[Any] | Mapping[str, int], missing: int) -> Self:
        """Give the sketch with a chunk of values added, given one by one or counted already."""
        lengths = self.lengths + _lengths(values)
        seen = _count(values)
        known = [seen.pop(name, 0) for name in self.categories]
        counts = self.counts + np.array([*known, seen.total()], dtype=np.int64)
        return replace(self, counts=counts, missing=self.missing + missing, lengths=lengths)

    def empty(self) -> Self:
        """Give a sketch of nothing, over the same categories."""
        return replace(self, counts=np.zeros_like(self.counts), missing=0, lengths=Moments())

    def same_cells(self, other: CategoricalSketch) -> bool:
        """Tell whether both count the same categories, so that they can be added and compared."""
        return self.categories == other.categories

    def __add__(self, other: CategoricalSketch) -> Self:
        if not self.same_cells(other):
            raise DataError(
                "expected two sketches over the same categories, got different ones",
                hint="sketch the window with reference.empty().add(frame).",
            )
        return replace(
            self,
            counts=self.counts + other.counts,
            missing=self.missing + other.missing,
            lengths=self.lengths + other.lengths,
        )

    @property
    def n(self) -> int:
        """How many values were counted."""
        return int(self.counts.sum())

    @property
    def rows(self) -> int:
        """How many rows were seen, missing ones included."""
        return self.n + self.missing

    def to_dict(self) -> dict[str, Any]:
        """Give the state as plain JSON content."""
        return {
            "categories": list(self.categories),
            "counts": self.counts.tolist(),
            "missing": self.missing,
            "lengths": self.lengths.to_dict(),
        }

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Self:
        """Rebuild a sketch. Raises `DataError` when the parts do not fit each other."""
        categories = tuple(str(name) for name in state["categories"])
        counts = np.asarray(state["counts"], dtype=np.int64)
        if counts.shape != (len(categories) + 1,) or (counts < 0).any():
            raise DataError(
                f"expected {len(categories) + 1} counts >= 0 for {len(categories)} categories, "
                f"got {counts.tolist()}"
            )
        lengths = Moments(**state.get("lengths", {}))
        return cls(categories, counts, int(state["missing"]), lengths)


def _count(values: npt.NDArray[Any] | Mapping[str, int]) -> Counter[str]:
    counted: Counter[str] = Counter()
    seen = values if isinstance(values, Mapping) else Counter(values.tolist())
    for text, count in seen.items():
        counted[_label(text)] += count
    return counted


def _lengths(values: npt.NDArray[Any] | Mapping[str, int]) -> Moments:
    if isinstance(values, Mapping):
        sizes, counts = np.array([len(text) for text in values]), np.array([*values.values()])
    else:
        sizes = np.array([len(text) for text in values.tolist()])
        counts = np.ones_like(sizes)
    n = int(counts.sum())
    if n == 0:
        return Moments()
    mean = float(counts @ sizes) / n
    return Moments(n, mean, float(counts @ np.square(sizes - mean)))


def _label(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    mark = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{text[: LONGEST - 18]} #{mark}"
