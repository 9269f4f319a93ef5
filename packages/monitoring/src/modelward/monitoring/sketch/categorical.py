"""The summary of a column of categories."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError

TOP = 100


@dataclass(frozen=True, slots=True, eq=False)
class CategoricalSketch:
    """Counts of the most frequent categories, of all others together, and of what was missing.

    `counts` (shape `(k + 1,)`) holds one number for each of `categories` and, last, that of all
    others; a category that comes up later is among the others.
    """

    categories: tuple[str, ...]
    counts: npt.NDArray[np.int64]
    missing: int

    @classmethod
    def fit(cls, values: npt.NDArray[Any], missing: int, *, top: int = TOP) -> Self:
        """Choose the categories to count (the `top` most frequent) and count them."""
        ranked = sorted(Counter(values.tolist()).items(), key=lambda item: (-item[1], item[0]))
        kept = tuple(sorted(name for name, _ in ranked[:top]))
        return cls(kept, np.zeros(len(kept) + 1, dtype=np.int64), 0).add(values, missing)

    def add(self, values: npt.NDArray[Any], missing: int) -> Self:
        """Give the sketch with a chunk of values added."""
        seen = Counter(values.tolist())
        known = [seen.pop(name, 0) for name in self.categories]
        counts = self.counts + np.array([*known, seen.total()], dtype=np.int64)
        return replace(self, counts=counts, missing=self.missing + missing)

    def empty(self) -> Self:
        """Give a sketch of nothing, over the same categories."""
        return replace(self, counts=np.zeros_like(self.counts), missing=0)

    def __add__(self, other: CategoricalSketch) -> Self:
        if self.categories != other.categories:
            raise DataError(
                "expected two sketches over the same categories, got different ones",
                hint="sketch the window with reference.empty().add(frame).",
            )
        return replace(
            self, counts=self.counts + other.counts, missing=self.missing + other.missing
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
        return cls(categories, counts, int(state["missing"]))
