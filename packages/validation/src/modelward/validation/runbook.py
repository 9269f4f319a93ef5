"""The book of runs: what was asked, what was told, and that no outcome is told twice in two ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from modelward.core.errors import DataError, StateError
from modelward.validation.domain import Domain, Floats, Output
from modelward.validation.runs import Run, read_results

Point = Run | Mapping[str, Any]


class RunBook:
    """Runs in the order they were proposed; a run's `id` is its place."""

    def __init__(self, domain: Domain, outputs: Sequence[Output]) -> None:
        self.domain, self.outputs = domain, tuple(outputs)
        self.runs: list[Run] = []
        self._unit = np.empty((0, len(domain)))
        self._told = 0

    @property
    def told(self) -> tuple[Run, ...]:
        """The runs whose outcome is known."""
        return tuple(run for run in self.runs if run.told)

    @property
    def told_ids(self) -> tuple[int, ...]:
        """The numbers of the runs whose outcome is known."""
        return tuple(run.id for run in self.runs if run.told)

    @property
    def n_told(self) -> int:
        """How many outcomes are known."""
        return self._told

    @property
    def pending(self) -> tuple[Run, ...]:
        """The runs that were asked and not yet told."""
        return tuple(run for run in self.runs if not run.told)

    @property
    def unit(self) -> Floats:
        """Where the runs lie in the unit cube, shape (n, d)."""
        missing = self.runs[len(self._unit) :]
        if missing:
            new = self.domain.to_unit([run.values for run in missing])
            self._unit = np.vstack([self._unit, new])
        return self._unit

    def append(self, run: Run) -> None:
        """Enter a run that was asked, or told without having been asked."""
        self.runs.append(run)
        self._told += run.told

    def find(self, run: Run) -> Run:
        """Give a run as it stands. Raises `StateError` for one that is not in the book."""
        if not 0 <= run.id < len(self.runs) or self.runs[run.id].values != run.values:
            raise StateError(
                f"expected a run that this study asked, got run {run.id} of another",
                hint="tell field data as a mapping of feature values.",
            )
        return self.runs[run.id]

    def outcome(self, point: Point, results: Any) -> Run:
        """Join a point and what came back (None: a crash); a mapping becomes a `field` run.

        Raises `DataError` for values or results that do not fit.
        """
        if isinstance(point, Run):
            run = self.find(point)
        else:
            self.domain.check(point)
            unit = self.domain.to_unit([point])
            run = Run(-1, "field", self.domain.points(unit)[0])
        if results is None:
            return replace(run, crash="no answer", results=None)
        return replace(run, results=read_results(results, self.outputs), crash=None)

    def record(self, outcomes: Sequence[Run]) -> list[Run]:
        """Enter outcomes, all or none, and give those that were new.

        Raises `StateError` when a run was told otherwise before.
        """
        known: dict[int, Run] = {}
        for new in outcomes:
            if new.id < 0:
                continue
            before = self.runs[new.id] if self.runs[new.id].told else new
            old = known.setdefault(new.id, before)
            if (old.results, old.crash) != (new.results, new.crash):
                raise StateError(
                    f"expected one outcome for run {new.id}, got {new.results or new.crash} after "
                    f"{old.results or old.crash} was told"
                )
        entered = []
        for new in outcomes:
            if new.id < 0:
                self.append(replace(new, id=len(self.runs)))
            elif self.runs[new.id].told:
                continue
            else:
                self.runs[new.id] = new
                self._told += 1
            entered.append(new)
        return entered

    def restore(self, runs: Sequence[Run]) -> None:
        """Take runs for the whole book. Raises `DataError` for runs that do not fit."""
        if [run.id for run in runs] != list(range(len(runs))):
            raise DataError("expected runs numbered in order from 0, got others")
        outcomes = [run.results for run in runs if run.results is not None]
        for results in outcomes:
            read_results(results, self.outputs)
        self._unit = np.empty((0, len(self.domain)))
        self.runs = list(runs)
        self._told = sum(run.told for run in runs)
        _ = self.unit  # checks the values
