"""The result of a study: frozen, printed in one screen, handed on as evidence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modelward.core.metrics import Estimate
from modelward.validation.boundary import Boundary, draw
from modelward.validation.certainty import Certificate
from modelward.validation.competition import Standing
from modelward.validation.remaining import Certainty
from modelward.validation.rules import Rule

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from modelward.core.evidence import Artifact, Evidence
    from modelward.core.pages import Page
    from modelward.validation.explain import Explanation


@dataclass(frozen=True, slots=True)
class StudyResult:
    """What a study found of the system `name`, what is proven of it, and what is not known.

    `rules` say where it fails, `safe` where it holds. `failure_share` is the probability that a
    point of the operational distribution fails, by the surrogates, with the audit's interval;
    `certificate` is what the audit proves, `certainty` the same and more for each output.
    `self_assessed` is the surrogates' own mean certainty, which proves nothing. `unknown` says in
    plain sentences what remains open, `stopped` why the study ended. `runs` holds every told run as
    a row; `config` features, outputs and settings.
    """

    name: str
    seed: int
    rules: tuple[Rule, ...]
    safe: tuple[Rule, ...]
    failure_share: Estimate
    certificate: Certificate
    certainty: dict[str, Certainty]
    self_assessed: float
    standings: dict[str, tuple[Standing, ...]]
    unknown: tuple[str, ...]
    stopped: str
    config: dict[str, Any] = field(repr=False)
    boundary: Boundary = field(repr=False)
    runs: tuple[dict[str, Any], ...] = field(repr=False)

    @property
    def n(self) -> int:
        """How many runs were told."""
        return len(self.runs)

    @property
    def failures(self) -> int:
        """How many runs failed, crashes included."""
        return sum(bool(run["failed"]) for run in self.runs)

    def to_dict(self) -> dict[str, Any]:
        """Give everything as plain values that JSON can hold."""
        return {
            "name": self.name,
            "seed": self.seed,
            "n": self.n,
            "failures": self.failures,
            "rules": [rule.to_dict() for rule in self.rules],
            "safe": [rule.to_dict() for rule in self.safe],
            "failure_share": self.failure_share.to_dict(),
            "certificate": self.certificate.to_dict(),
            "certainty": {name: c.to_dict() for name, c in self.certainty.items()},
            "self_assessed": self.self_assessed,
            "standings": {
                name: [s.to_dict() for s in rows] for name, rows in self.standings.items()
            },
            "unknown": list(self.unknown),
            "stopped": self.stopped,
            "config": self.config,
            "runs": [dict(run) for run in self.runs],
        }

    def to_json(self) -> str:
        """Write `to_dict` as indented JSON."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    def to_frame(self) -> pd.DataFrame:
        """Give the told runs as a table: features, outputs, `kind`, `failed`, `crash`."""
        import pandas as pd

        return pd.DataFrame(list(self.runs)).set_index("run")

    def to_evidence(self, *, artifacts: Sequence[Artifact] = ()) -> Evidence:
        """Give the sealed record of kind `validation.job`."""
        from modelward.validation.report import evidence

        return evidence(self, artifacts=artifacts)

    def to_page(self, explanation: Explanation | None = None) -> Page:
        """Give the page of the result; with an explanation, also what matters and single cases."""
        from modelward.validation.report import page

        return page(self, explanation)

    def log_to_mlflow(self, run_id: str, *, tracking_uri: str | None = None) -> None:
        """Log the record with its figures, the page and the runs to a run of MLflow.

        Raises `MissingPackageError` without mlflow.
        """
        from modelward.validation.report import log_to_mlflow

        log_to_mlflow(self, run_id, tracking_uri=tracking_uri)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the boundary map with the runs."""
        return draw(self.boundary, list(self.runs), ax)

    def _repr_html_(self) -> str:
        from modelward.core.pages import notebook
        from modelward.validation.report import summary_blocks

        return notebook(*summary_blocks(self))

    def __repr__(self) -> str:
        where = [f"  fails where {rule}" for rule in self.rules] or ["  no failing region found"]
        return "\n".join(
            [
                f"Validation of {self.name}: {self.n} runs, {self.failures} failed; {self.stopped}",
                *where,
                *(f"  holds where {rule}" for rule in self.safe),
                f"  failing share of the space {self.failure_share}",
                f"  proven: {self.certificate.in_words()}",
                *(f"  not known: {sentence}" for sentence in self.unknown),
            ]
        )
