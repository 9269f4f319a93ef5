"""Rows that hang together: how many independent rows they are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from modelward.core.errors import DataError
from modelward.monitoring.decisions.autoregression import of_column
from modelward.monitoring.decisions.laws import chi_square_tail
from modelward.monitoring.decisions.stacking import Floats, Ints
from modelward.monitoring.decisions.tables import Homogeneity
from modelward.monitoring.drift.base import ColumnSketch
from modelward.monitoring.sketch.categorical import CategoricalSketch
from modelward.monitoring.sketch.table import Sketch
from modelward.monitoring.sources.frames import columns
from modelward.monitoring.sources.tables import as_pandas

if TYPE_CHECKING:
    import pandas as pd

BLOCKS = 25
LEAST_BLOCKS = 5
_LEAST_LENGTH = 8
_BANDS = ((0.05, 0.35), (0.35, 0.65), (0.65, 0.95))
_CATEGORIES = 10
_LEAST_ROWS = 20


@dataclass(frozen=True, slots=True)
class Dependence:
    """By how much rows that follow each other make each feature's shares less sure.

    `values` gives for each feature how many rows count as one independent row (>= 1): the variance of
    the shares over what it would be with independent rows; `missing` the same of the share missing.
    Both are estimates with so many `degrees` of freedom, which the p-values take into account.

    From the sketches of consecutive blocks (`of`, `of_frame`), it is the variance between blocks
    that tells, with one degree less than there are blocks. For numbers, shares are those at or below
    each edge of the grid; those in the lower, middle and upper part are averaged, and the part that
    is least sure counts. A block must be long against the time over which rows remember each other:
    with autocorrelation rho and blocks of b rows, the variance is too small by a share of about
    2 rho / ((1 - rho^2) b). From rows themselves (`autoregressive`), the autocorrelations tell
    more, where they die out within twenty rows.

    >>> rng = np.random.default_rng(0)
    >>> import pandas as pd
    >>> walk = rng.normal(size=5000)
    >>> for i in range(1, 5000):
    ...     walk[i] += 0.5 * walk[i - 1]
    >>> frame = pd.DataFrame({"hanging": walk, "free": rng.normal(size=5000)})
    >>> found = Dependence.of_frame(frame, blocks=50)
    >>> {name: round(value) for name, value in found.values.items()}
    {'hanging': 2, 'free': 1}

    Source: batch means, Carlstein (1986), Annals of Statistics 14; design effects of shares, Rao and
    Scott (1981), Journal of the American Statistical Association 76.
    """

    values: Mapping[str, float]
    missing: Mapping[str, float]
    degrees: float

    @classmethod
    def of(cls, blocks: Sequence[Sketch]) -> Self:
        """Estimate from the sketches of consecutive blocks of about equal length, all on one grid.

        Hours kept for a week are such blocks. Raises `DataError` for fewer than five, and for
        sketches on different grids.
        """
        if len(blocks) < LEAST_BLOCKS:
            raise DataError(
                f"expected at least {LEAST_BLOCKS} blocks of rows, got {len(blocks)}",
                hint="keep the sketches of shorter windows, or of more of them.",
            )
        for other in blocks[1:]:
            blocks[0].require_cells_of(other)
        columns = {name: [block.columns[name] for block in blocks] for name in blocks[0].columns}
        return cls(
            values={name: _of_values(parts) for name, parts in columns.items()},
            missing={name: _of_missing(parts) for name, parts in columns.items()},
            degrees=len(blocks) - 1.0,
        )

    @classmethod
    def of_frame(
        cls, frame: pd.DataFrame, schema: Sketch | None = None, *, blocks: int = BLOCKS
    ) -> Self:
        """Estimate from rows in the order of time, parted into blocks; `schema` gives the grids.

        Raises `DataError` for too few rows to make five blocks of eight.
        """
        blocks = min(blocks, len(frame) // _LEAST_LENGTH)
        empty = (Sketch.fit(frame) if schema is None else schema).empty()
        cuts = np.linspace(0, len(frame), blocks + 1).astype(int) if blocks > 0 else np.array([0])
        return cls.of([empty.add(frame.iloc[a:b]) for a, b in pairwise(cuts)])

    @classmethod
    def autoregressive(cls, frame: pd.DataFrame) -> Self:
        """Estimate from the autocorrelations of rows in the order of time.

        Raises `DataError` for fewer than 20 rows.
        """
        frame = as_pandas(frame)
        if len(frame) < _LEAST_ROWS:
            raise DataError(f"expected at least {_LEAST_ROWS} rows, got {len(frame)}")
        values, missing, degrees = {}, {}, [float(len(frame))]
        for column in columns(frame):
            found = of_column(column.values, categorical=column.kind == "categorical")
            if found is not None:
                values[column.name] = found.inflation
                degrees.append(found.degrees)
            if column.missing:
                gone = frame.iloc[:, list(frame.columns.astype(str)).index(column.name)].isna()
                holes = of_column(gone.to_numpy().astype(float), categorical=False)
                missing[column.name] = 1.0 if holes is None else holes.inflation
        return cls(values, missing, min(degrees))

    def effective_rows(self, rows: int) -> dict[str, float]:
        """Give how many independent rows so many rows are worth, by feature."""
        return {name: rows / each for name, each in self.values.items()}

    def to_dict(self) -> dict[str, Any]:
        """Give the content as plain JSON."""
        return {"values": dict(self.values), "missing": dict(self.missing), "degrees": self.degrees}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`. Raises `DataError` for what is not such."""
        try:
            parts = [
                {str(k): float(v) for k, v in content[name].items()}
                for name in ("values", "missing")
            ]
            return cls(parts[0], parts[1], float(content["degrees"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"expected a kept dependence, got one without {error}") from error


@dataclass(frozen=True, slots=True)
class Inflation:
    """`Dependence` of both sides of many columns, laid out flat: all arrays of shape `(k,)`."""

    before: Floats
    after: Floats
    degrees_before: Floats
    degrees_after: Floats
    missing_before: Floats
    missing_after: Floats

    @classmethod
    def of(
        cls, sides: Sequence[tuple[Dependence, Dependence]], names: Sequence[Sequence[str]]
    ) -> Self:
        """Lay out the dependence of each model's two sides, for its features in order.

        A feature of which nothing is known counts as the least sure of its model does.
        """
        parts: list[list[float]] = [[], [], [], [], [], []]
        for pair, features in zip(sides, names, strict=True):
            for side, each in enumerate(pair):
                worst = max(each.values.values(), default=1.0)
                parts[side] += [each.values.get(name, worst) for name in features]
                parts[2 + side] += [each.degrees] * len(features)
                parts[4 + side] += [each.missing.get(name, worst) for name in features]
        return cls(*(np.array(part, dtype=np.float64) for part in parts))

    def at(self, where: Ints) -> Inflation:
        """Give that of some of the columns."""
        return Inflation(*(getattr(self, name)[where] for name in self.__slots__))

    def of_missing(self) -> Inflation:
        """Give that of the share missing, in the place of that of the values."""
        missing = self.missing_before, self.missing_after
        return Inflation(*missing, self.degrees_before, self.degrees_after, *missing)

    def degrees(self, before: Floats, after: Floats) -> Floats:
        """Give the degrees of freedom of the variance of a difference of two shares.

        `before` and `after` are the effective rows. Source: Satterthwaite (1946), Biometrics 2.
        """
        one, two = 1 / np.maximum(before, 1e-9), 1 / np.maximum(after, 1e-9)
        found = np.square(one + two) / (
            np.square(one) / self.degrees_before + np.square(two) / self.degrees_after
        )
        return np.asarray(found, dtype=np.float64)

    def chi_square(self, found: Homogeneity, n: Ints, m: Ints) -> Floats:
        """Give the p-values of tables of counts whose rows hang together; exact ones stay the least."""
        ours, theirs = np.maximum(n, 1) / self.before, np.maximum(m, 1) / self.after
        plain = 1 / np.maximum(n, 1) + 1 / np.maximum(m, 1)
        value = found.value * plain / (1 / ours + 1 / theirs)
        tail = chi_square_tail(value, found.degrees, self.degrees(ours, theirs))
        return np.maximum(np.where(found.value > 0, tail, 1.0), found.p_value)


def _of_values(parts: Sequence[ColumnSketch]) -> float:
    counts = np.stack([part.counts for part in parts]).astype(np.float64)
    if isinstance(parts[0], CategoricalSketch):
        often = np.argsort(-counts.sum(axis=0), kind="stable")[:_CATEGORIES]
        shares, expected = _spread(counts[:, often], counts.sum(axis=1))
        held = expected > 0
        return max(1.0, float((shares[held] / expected[held]).max(initial=1.0)))
    total = counts.sum(axis=1)
    shares, expected = _spread(np.cumsum(counts, axis=1)[:, :-1], total)
    widest = float(expected.max(initial=0.0))
    if widest <= 0:
        return 1.0
    middle = np.cumsum(counts.sum(axis=0))[:-1] / total.sum()
    bands = [(middle >= low) & (middle <= high) for low, high in _BANDS]
    bands = [band for band in bands if band.any()] or [expected == widest]
    return max(
        1.0,
        *(float(shares[b].sum() / expected[b].sum() * expected[b].max() / widest) for b in bands),
    )


def _of_missing(parts: Sequence[ColumnSketch]) -> float:
    rows = np.array([part.rows for part in parts], dtype=np.float64)
    gone = rows - np.array([part.n for part in parts])
    shares, expected = _spread(gone[:, None], rows)
    return max(1.0, float(shares[0] / expected[0])) if expected[0] > 0 else 1.0


def _spread(counts: Floats, total: Floats) -> tuple[Floats, Floats]:
    """Give the variance of shares between blocks, per row, and that of independent rows."""
    share = counts.sum(axis=0) / max(total.sum(), 1.0)
    gaps = counts / np.maximum(total, 1.0)[:, None] - share
    between = (total[:, None] * np.square(gaps)).sum(axis=0) / (total.size - 1)
    return between, share * (1 - share)
