"""The study: asks for points, is told results, and knows at every moment what is proven."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from modelward.core.errors import ConfigError, DataError, StateError
from modelward.validation.acquisition import Straddle, sobol
from modelward.validation.certainty import Audit, Certificate, certify
from modelward.validation.competition import Standing
from modelward.validation.domain import Domain, Feature, Floats, Output, check_names
from modelward.validation.models.base import Surrogate
from modelward.validation.panel import Panel
from modelward.validation.proposer import Proposer
from modelward.validation.runbook import Point, RunBook
from modelward.validation.runs import Run

if TYPE_CHECKING:
    import pandas as pd

    from modelward.validation.result import StudyResult

VOLUME = 4096
"""Sobol points by which shares of the domain are measured; their error is below half a percent."""


class Study:
    """Find where a system fails with few runs, and say what is proven of the answer.

    `features` are varied, `outputs` must keep their limits; a point fails when any output does. The
    first `initial` points are a Sobol sample (default: 4 for each feature, at least 8). After that
    the surrogates propose points near the boundary; an even share `explore` continues the Sobol
    sample; and a share `audit` is drawn uniformly from the domain whatever the models think, on
    which alone the certificate rests, at confidence `level`. `models` compete for each output
    (default: one Gaussian process). The same `seed` and results give the same proposals.

    Raises `ConfigError` for doubled names and settings out of range.

    >>> from modelward.validation.domain import FeatureContinuous
    >>> study = Study([FeatureContinuous("x", 0, 1)], [Output("y", threshold=0.5)], seed=1)
    >>> result = study.run(lambda x: x * x, budget=25)
    >>> study.predict([{"x": 0.70}, {"x": 0.72}])["fails"].tolist()
    [False, True]
    """

    def __init__(
        self,
        features: Sequence[Feature],
        outputs: Sequence[Output],
        *,
        name: str = "study",
        models: Sequence[Surrogate] | None = None,
        seed: int = 0,
        initial: int | None = None,
        explore: float = 0.1,
        audit: float = 0.15,
        level: float = 0.95,
    ) -> None:
        if models is None:
            from modelward.validation.models.gaussian_process import GaussianProcess

            models = [GaussianProcess()]
        if seed < 0 or not 0 < level < 1:
            raise ConfigError(f"expected seed >= 0 and 0 < level < 1, got {seed} and {level}")
        self.domain = Domain(features)
        self.outputs = tuple(outputs)
        check_names("output", [output.name for output in outputs])
        check_names("column", [*self.domain.names, *(output.name for output in outputs)])
        self.name, self.seed, self.level = name, seed, level
        self.panel = Panel(outputs, models)
        self.proposer = Proposer(
            domain=self.domain,
            seed=seed,
            initial=max(8, 4 * len(self.domain)) if initial is None else initial,
            explore=explore,
            audit=audit,
            acquisition=Straddle(),
        )
        self.stopped = "the study goes on"
        self._book = RunBook(self.domain, self.outputs)
        self._trained: tuple[int, ...] = ()
        self._frozen: tuple[int, ...] | None = None
        self._share = 0.0

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs in the order they were proposed."""
        return tuple(self._book.runs)

    @property
    def told(self) -> tuple[Run, ...]:
        """The runs whose outcome is known."""
        return self._book.told

    @property
    def pending(self) -> tuple[Run, ...]:
        """The runs that were asked and not yet told."""
        return self._book.pending

    @property
    def frozen(self) -> bool:
        """Whether the surrogates have stopped learning (`freeze`)."""
        return self._frozen is not None

    def ask(self, n: int = 1) -> tuple[Run, ...]:
        """Propose n points to run, or as many as the domain still has; pending until told.

        None repeats an earlier one (but audit points are independent draws, which may coincide in a
        domain of few whole numbers). Raises `DataError` for n < 1, `StateError` when the domain
        has no new point.
        """
        if n < 1:
            raise DataError(f"expected n >= 1 points to ask, got {n}")
        self._learn()
        first = len(self._book.runs)
        for _ in range(n):
            try:
                self._book.runs.append(self._propose())
            except StateError:
                if len(self._book.runs) == first:
                    raise
                break
        return tuple(self._book.runs[first:])

    def tell(self, points: Sequence[Point] | Point, results: Any) -> None:
        """Tell the result of each point: a number, numbers by output name, or None for a crash.

        `points` are runs from `ask`, or mappings by feature name for field data that was measured
        elsewhere. To tell the same again changes nothing. Either all are taken or none.

        Raises `DataError` for results that do not fit, `StateError` for a run of another study or
        told otherwise before.
        """
        if isinstance(points, Run | Mapping):
            points, results = [points], [results]
        if len(points) != len(results):
            raise DataError(f"expected {len(points)} results, one a point, got {len(results)}")
        self._record([self._book.outcome(p, r) for p, r in zip(points, results, strict=True)])

    def tell_crash(self, run: Run, reason: str) -> None:
        """Tell that the system gave no answer, and why; this counts as failing."""
        self._record([replace(self._book.find(run), crash=reason or "no answer", results=None)])

    def run(
        self, function: Callable[..., Any], *, budget: int, batch: int = 1, stop_early: bool = True
    ) -> StudyResult:
        """Run a function `budget` times, `batch` proposals at a time, and give the result.

        `function(**values)` gives a number or numbers by output name. An exception, or an answer
        that is not a finite number, is a crash of the system, recorded with its reason. With
        `stop_early` the run ends when the strictest certainty target of the outputs is proven.

        Raises `DataError` for a budget or batch below 1, `StateError` when the first runs all
        crash, which is more likely a mistake in the function.
        """
        from modelward.validation.loop import evaluate

        until = max(o.certainty_target for o in self.outputs) if stop_early else None
        self.stopped = evaluate(self, function, budget=budget, batch=batch, until=until)
        return self.result()

    def certify(self, function: Callable[..., Any], *, n: int, batch: int = 1) -> StudyResult:
        """Freeze the surrogates, audit them with n independent runs, and give the result.

        The certificate then speaks of the very surrogates that are delivered. Arguments and errors
        as in `run`.
        """
        from modelward.validation.loop import evaluate

        self.freeze()
        evaluate(self, function, budget=n, batch=batch, until=None)
        self.stopped = f"the audit of {n} runs is done"
        return self.result()

    def freeze(self) -> None:
        """Let the surrogates learn no more: from now on every proposal is an audit point.

        Raises `StateError` when nothing has been told.
        """
        if self._frozen is None:
            self.surrogates()
            self._frozen = self._trained

    def predict(self, points: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
        """Say of each point whether it fails: columns `p_fail` (self-assessed) and `fails`.

        Raises `StateError` when nothing has been told, `DataError` for points that do not fit.
        """
        import pandas as pd

        panel, unit = self.surrogates(), self.domain.to_unit(points)
        return pd.DataFrame({"p_fail": panel.p_fail(unit), "fails": panel.fails(unit)})

    def surrogates(self) -> Panel:
        """Give the surrogates, trained on all that is told (unless frozen).

        Raises `StateError` when nothing has been told.
        """
        self._learn()
        if not self._trained:
            raise StateError("expected told results, got none", hint="call run, or ask and tell.")
        return self.panel

    def certificate(self) -> Certificate:
        """Give what the audit points prove at this moment; valid at every moment.

        Audit points count in the order they were drawn, up to the first whose result is not told,
        so that results which come late, or never, cannot flatter.
        """
        drawn = (r for r in self._book.runs if r.kind == "audit" and r.frozen == self.frozen)
        audits = [
            Audit(run.verdict, run.predicted_share, run.failed(self.outputs))
            for run in takewhile(lambda run: run.told, drawn)
        ]
        return certify(audits, level=self.level, frozen=self.frozen)

    def standings(self) -> dict[str, tuple[Standing, ...]]:
        """Give the standings of the competing models by output, the best first."""
        return self.panel.standings()

    def result(self, *, hold: Mapping[str, float] | None = None) -> StudyResult:
        """Sum up the study as it stands. `hold` fixes features on the boundary map.

        Raises `StateError` when nothing has been told.
        """
        from modelward.validation.summary import summarise

        return summarise(self, hold=hold or {})

    def to_frame(self) -> pd.DataFrame:
        """Give all runs as a table: features, outputs, `kind`, `failed`, `crash`; index `run`."""
        from modelward.validation.frames import to_frame

        return to_frame(self)

    def tell_frame(self, frame: pd.DataFrame) -> None:
        """Tell field data: columns of features and outputs, a row a point.

        Raises `DataError` for missing columns and values that do not fit.
        """
        from modelward.validation.frames import tell_frame

        tell_frame(self, frame)

    def save(self, path: str | Path) -> Path:
        """Write the study to a JSON file, whole or not at all, and give its path."""
        from modelward.validation.storage import save

        return save(self, path)

    @classmethod
    def load(cls, path: str | Path, *, models: Sequence[Surrogate] | None = None) -> Self:
        """Read a study from a file; it goes on as if it had never stopped.

        `models` must be those it was made with, where these were not the default. Raises
        `DataError` for a file that is not a saved study.
        """
        from modelward.validation.storage import load

        return load(cls, path, models=models)

    @cached_property
    def volume(self) -> Floats:
        """The Sobol points by which shares of the domain are measured, shape (4096, d)."""
        return self.domain.snap(sobol(VOLUME, len(self.domain), seed=self.seed))

    def _propose(self) -> Run:
        panel = self.panel if self._trained else None
        kind, unit = self.proposer.choose(self._book.runs, panel, frozen=self.frozen)
        values = self.domain.points(unit[None, :])[0]
        run = Run(len(self._book.runs), kind, values, frozen=self.frozen)
        if panel is None:
            return run
        x = self.domain.to_unit([values])
        run = replace(run, forecasts=panel.forecast(x))
        if kind != "audit":
            return run
        # The verdict is fixed now: one made later could have learnt from where this point lies.
        return replace(run, verdict=bool(panel.fails(x)[0]), predicted_share=self._share)

    def _learn(self) -> None:
        """Train on what is told, in the order of asking: the order of telling must not matter."""
        told = tuple(run.id for run in self.told)
        told = told if self._frozen is None else self._frozen
        if told == self._trained:
            return
        runs = [self._book.runs[i] for i in told]
        self.panel.fit(self.domain.to_unit([r.values for r in runs]), runs, seed=self.seed)
        self._trained = told
        self._share = float(self.panel.fails(self.volume).mean())

    def _record(self, outcomes: Sequence[Run]) -> None:
        for run in self._book.record(outcomes):
            self.panel.score(run)
