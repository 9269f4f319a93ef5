"""A run: a proposed point, what was predicted of it, and what came back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

import numpy as np

from modelward.core.errors import DataError
from modelward.validation.domain import Floats, Output, Value

KINDS = ("initial", "boundary", "explore", "audit", "field")
"""Why a point was asked; `field` points were told without having been asked."""
ANY = "*"
"""Stands for all outputs together: a point fails when any of them does."""
_HAIR = 1e-9


@dataclass(frozen=True, slots=True)
class Run:
    """One point of the domain on its way through the study.

    `values` by feature name. `forecasts` (output -> model -> P(fail), and under "*" the
    competition's own) were made when the point was proposed. Audit points also keep, by output and
    under "*" for any output, the `verdicts` and the `shares` of failures of the surrogates then in
    force, and whether they were `frozen`. `results` by output name; `crash` says why there are none.
    """

    id: int
    kind: str
    values: dict[str, Value]
    forecasts: dict[str, dict[str, float]] = field(default_factory=dict, repr=False)
    verdicts: dict[str, bool] = field(default_factory=dict, repr=False)
    shares: dict[str, float] = field(default_factory=dict, repr=False)
    frozen: bool = field(default=False, repr=False)
    results: dict[str, float] | None = None
    crash: str | None = None

    @property
    def told(self) -> bool:
        """Whether the outcome is known."""
        return self.results is not None or self.crash is not None

    def fails(self, output: Output) -> bool:
        """Tell whether one output is not correct; a crash fails every output."""
        if self.results is None:
            return True
        return bool(output.fails(np.array([self.results[output.name]]))[0])

    def failed(self, outputs: Sequence[Output]) -> bool:
        """Tell whether any output is not correct."""
        return any(self.fails(output) for output in outputs)

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as JSON can hold them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Make a run from what `to_dict` wrote. Raises `DataError` for anything else."""
        try:
            run = cls(**content)
        except TypeError as error:
            known = [f.name for f in fields(cls)]
            raise DataError(f"expected a run with {known}, got {sorted(content)}") from error
        if run.kind not in KINDS:
            raise DataError(f"expected a run of kind {KINDS}, got {run.kind!r}")
        return run


def read_results(results: Any, outputs: Sequence[Output]) -> dict[str, float]:
    """Read what a system gave: a number for a single output, or numbers by output name.

    Truth values count as 0 and 1. Raises `DataError` naming the output that is missing, unknown, or
    not a finite number.
    """
    if not isinstance(results, Mapping):
        if len(outputs) != 1:
            raise DataError(
                f"expected results by output name ({[o.name for o in outputs]}), got {results!r}"
            )
        results = {outputs[0].name: results}
    names = {output.name for output in outputs}
    if set(results) != names:
        raise DataError(f"expected results for {sorted(names)}, got {sorted(map(str, results))}")
    return {output.name: _finite(output.name, results[output.name]) for output in outputs}


def margins(runs: Sequence[Run], output: Output) -> Floats:
    """Give the margin of each told run, shape (n,), negative where it fails.

    A crash has no margin, yet the models must learn that the system fails there: it gets the lowest
    margin of the others, and at least one of their spreads below the limit. A result on the limit
    itself goes by a hair to the side where it belongs.
    """
    values = [np.nan if run.results is None else run.results[output.name] for run in runs]
    told = np.array(values, dtype=np.float64)
    margin = output.margin(told)
    crashed = np.isnan(margin)
    seen = margin[~crashed]
    size = float(np.abs(seen).max()) if len(seen) else 0.0
    spread = float(seen.std()) if len(seen) > 1 and seen.std() > 1e-9 * size else size or 1.0
    if crashed.any():
        margin[crashed] = min(-spread, float(seen.min()) if len(seen) else -1.0)
    failed = crashed | output.fails(np.where(crashed, 0.0, told))
    return np.where(failed, np.minimum(margin, -_HAIR * spread), np.maximum(margin, 0.0))


def _finite(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = np.nan
    if isinstance(value, str) or not np.isfinite(number):
        raise DataError(
            f"expected a finite number for output '{name}', got {value!r}",
            hint="tell None where the system gave no answer: it is recorded as a crash, which fails.",
        )
    return number
