"""A run: a proposed point, what was predicted of it, and what came back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modelward.core.errors import DataError
from modelward.validation.domain import Floats, Output

KINDS = ("initial", "boundary", "explore", "audit", "field")
"""Why a point was asked; `field` points were told without having been asked."""


@dataclass(frozen=True, slots=True)
class Run:
    """One point of the domain on its way through the study.

    `values` by feature name. `forecasts` (output -> model -> P(fail)) were made when the point was
    proposed. Audit points also keep the `verdict` and the `predicted_share` of failures of the
    surrogate then in force, and whether it was `frozen`. `results` by output name; `crash` says why
    there are none.
    """

    id: int
    kind: str
    values: dict[str, float]
    forecasts: dict[str, dict[str, float]] = field(default_factory=dict, repr=False)
    verdict: bool = field(default=False, repr=False)
    predicted_share: float = field(default=0.0, repr=False)
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


def read_results(results: Any, outputs: Sequence[Output]) -> dict[str, float]:
    """Read what a system gave: a number for a single output, or numbers by output name.

    Raises `DataError` naming the output that is missing, unknown, or not a finite number.
    """
    if not isinstance(results, Mapping):
        if len(outputs) != 1:
            raise DataError(
                f"expected results by output name ({[o.name for o in outputs]}), got {results!r}"
            )
        results = {outputs[0].name: results}
    names = {output.name for output in outputs}
    if set(results) != names:
        raise DataError(f"expected results for {sorted(names)}, got {sorted(results)}")
    return {output.name: _finite(output.name, results[output.name]) for output in outputs}


def margins(runs: Sequence[Run], output: Output) -> Floats:
    """Give the margin of each told run, shape (n,); a crash takes the worst that was seen.

    A crash has no margin, yet the models must learn that the system fails there: it gets the lowest
    margin of the others, and at least one of their spreads below the limit.
    """
    values = [np.nan if run.results is None else run.results[output.name] for run in runs]
    margin = output.margin(np.array(values, dtype=np.float64))
    crashed = np.isnan(margin)
    if crashed.any():
        seen = margin[~crashed]
        spread = float(seen.std()) if len(seen) > 1 and seen.std() > 0 else 1.0
        margin[crashed] = min(-spread, float(seen.min()) if len(seen) else -1.0)
    return margin


def _finite(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if isinstance(value, str) or not np.isfinite(number):
        raise DataError(
            f"expected a finite number for output '{name}', got {value!r}",
            hint="tell None where the system gave no answer: it is recorded as a crash, which fails.",
        )
    return number
