"""The book of runs: what was asked, what was told, and that no outcome is told twice in two ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from modelward.core.errors import StateError
from modelward.validation.domain import Domain, Output
from modelward.validation.runs import Run, read_results

Point = Run | Mapping[str, Any]


class RunBook:
    """Runs in the order they were proposed; a run's `id` is its place."""

    def __init__(self, domain: Domain, outputs: Sequence[Output]) -> None:
        self.domain, self.outputs = domain, tuple(outputs)
        self.runs: list[Run] = []

    @property
    def told(self) -> tuple[Run, ...]:
        """The runs whose outcome is known."""
        return tuple(run for run in self.runs if run.told)

    @property
    def pending(self) -> tuple[Run, ...]:
        """The runs that were asked and not yet told."""
        return tuple(run for run in self.runs if not run.told)

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
            self.domain.to_unit([point])  # checks it
            run = Run(-1, "field", {name: point[name] for name in self.domain.names})
        if results is None:
            return replace(run, crash="no answer", results=None)
        return replace(run, results=read_results(results, self.outputs), crash=None)

    def record(self, outcomes: Sequence[Run]) -> list[Run]:
        """Enter outcomes, all or none, and give those that were new.

        Raises `StateError` when a run was told otherwise before.
        """
        known = {run.id: run for run in self.told}
        for new in outcomes:
            old = known.setdefault(new.id, new) if new.id >= 0 else new
            if (old.results, old.crash) != (new.results, new.crash):
                raise StateError(
                    f"expected one outcome for run {new.id}, got {new.results or new.crash} after "
                    f"{old.results or old.crash} was told"
                )
        entered = []
        for new in outcomes:
            if new.id < 0:
                self.runs.append(replace(new, id=len(self.runs)))
            elif self.runs[new.id].told:
                continue
            else:
                self.runs[new.id] = new
            entered.append(new)
        return entered
