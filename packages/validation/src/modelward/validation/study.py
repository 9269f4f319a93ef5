"""The study: asks for points, is told results, and knows at every moment what is proven."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from modelward.core.errors import DataError, StateError
from modelward.validation.acquisition import Acquisition
from modelward.validation.auditing import audit_share, judged
from modelward.validation.candidates import sobol
from modelward.validation.certainty import Audit, Certificate, certify
from modelward.validation.competition import Standing
from modelward.validation.domain import Distribution, Domain, Feature, Floats, Output, check_names
from modelward.validation.domain.constraints import Constraint
from modelward.validation.models.base import Surrogate
from modelward.validation.panel import MIXTURE, Panel
from modelward.validation.proposer import Proposer
from modelward.validation.reduction import ErrorReduction
from modelward.validation.remaining import Certainty, certainty
from modelward.validation.runbook import Point, RunBook
from modelward.validation.runs import ANY, Run
from modelward.validation.settings import StudySettings
from modelward.validation.stopping import Steadiness, StopRule

if TYPE_CHECKING:
    import pandas as pd

    from modelward.core.pages import Page
    from modelward.validation.result import StudyResult

VOLUME = 4_096
"""Points of the operational distribution by which shares of the space are measured."""


class Study:
    """Find where a system fails with few runs, and say what is proven of the answer.

    `features` are varied, within `constraints`; in operation they occur by `distribution` (default:
    uniform). `outputs` must keep their limits; a point fails when any output does. `settings` are
    the fields of `StudySettings`: how the runs are divided between the start, the models' proposals
    near the boundary, an even share that looks afar, and the audit, on which alone the certificate
    rests. `models` compete for each output (default: a population of several families). The same
    `seed` and results give the same proposals.

    Raises `ConfigError` for doubled names, settings out of range and constraints nothing meets.

    >>> from modelward.validation.domain import FeatureContinuous
    >>> study = Study([FeatureContinuous("x", 0, 1)], [Output("y", threshold=0.5)], seed=1)
    >>> result = study.run(lambda x: x * x, budget=25)
    >>> study.predict([{"x": 0.69}, {"x": 0.73}])["fails"].tolist()
    [False, True]
    """

    def __init__(
        self,
        features: Sequence[Feature],
        outputs: Sequence[Output],
        *,
        name: str = "study",
        constraints: Sequence[Constraint | str] = (),
        distribution: Distribution | None = None,
        models: Sequence[Surrogate] | None = None,
        acquisition: Acquisition | None = None,
        **settings: Any,
    ) -> None:
        self.settings = StudySettings.from_dict(settings)
        self.domain = Domain(features, constraints, distribution)
        self.outputs = tuple(outputs)
        check_names("output", [output.name for output in outputs])
        check_names("column", [*self.domain.names, *(output.name for output in outputs)])
        if models is None:
            from modelward.validation.models.population import population

            models = population(self.settings.number_of_instances)
        self.name = name
        self.panel = Panel(
            self.domain,
            outputs,
            models,
            patience=self.settings.min_instance_predictions_before_deletion,
        )
        self.proposer = Proposer(
            domain=self.domain, settings=self.settings, acquisition=acquisition or ErrorReduction()
        )
        self.stopped = "the study goes on"
        self._book = RunBook(self.domain, self.outputs)
        self._trained: tuple[int, ...] = ()
        self._frozen: tuple[int, ...] | None = None
        self._volume: Floats | None = None
        self._p_volume: tuple[tuple[int, ...], dict[str, Floats]] | None = None
        self._steadiness = Steadiness()

    @classmethod
    def of(
        cls,
        domain: Domain,
        outputs: Sequence[Output],
        settings: StudySettings | None = None,
        **others: Any,
    ) -> Self:
        """Make a study of a domain that is already made."""
        return cls(
            domain.features,
            outputs,
            constraints=domain.constraints,
            distribution=domain.distribution,
            **others,
            **(settings or StudySettings()).to_dict(),
        )

    @property
    def seed(self) -> int:
        """The seed of everything random."""
        return self.settings.seed

    @property
    def level(self) -> float:
        """The confidence of the certificates."""
        return self.settings.level

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs in the order they were proposed; a run's `id` is its place."""
        return tuple(self._book.runs)

    @property
    def told(self) -> tuple[Run, ...]:
        """The runs whose outcome is known."""
        return self._book.told

    @property
    def n_told(self) -> int:
        """How many outcomes are known."""
        return self._book.n_told

    @property
    def pending(self) -> tuple[Run, ...]:
        """The runs that were asked and not yet told."""
        return self._book.pending

    @property
    def frozen(self) -> bool:
        """Whether the surrogates have stopped learning (`freeze`)."""
        return self._frozen is not None

    @property
    def volume(self) -> Floats:
        """Points by which shares of the operational volume are measured, shape (m, d)."""
        if self._volume is None:
            acceptance = self.domain.acceptance
            n = min(int(VOLUME / acceptance), 2**16)
            drawn = self.domain.operational(sobol(n, len(self.domain), seed=self.seed))
            few = len(drawn) < VOLUME / 4
            self._volume = (
                self.domain.draw(VOLUME, np.random.default_rng(self.seed)) if few else drawn
            )
        return self._volume

    def ask(self, n: int = 1) -> tuple[Run, ...]:
        """Propose n points to run, or as many as the domain still has; pending until told.

        None repeats an earlier one (but audit points are independent draws, which may coincide in a
        domain of few values). Raises `DataError` for n < 1, `StateError` when the domain has no
        new point.
        """
        if n < 1:
            raise DataError(f"expected n >= 1 points to ask, got {n}")
        self.learn()
        panel = self.panel if self._trained else None
        proposals = self.proposer.propose(
            self._book.runs,
            n,
            panel,
            unit=self._book.unit,
            frozen=self.frozen,
            audit=self._audit_share(),
        )
        first = len(self._book.runs)
        points = self.domain.points(np.array([proposal.unit for proposal in proposals]))
        asked = [
            Run(first + i, proposal.kind, values, frozen=self.frozen)
            for i, (proposal, values) in enumerate(zip(proposals, points, strict=True))
        ]
        for run in self._foreseen(asked):
            self._book.append(run)
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
        self,
        function: Callable[..., Any],
        *,
        budget: int,
        batch: int = 1,
        executor: Any = None,
        stop: StopRule | None = None,
        stop_early: bool = True,
        watch: Callable[[Study], None] | None = None,
        pending: bool = False,
    ) -> StudyResult:
        """Run a function `budget` times, `batch` proposals at a time, and give the result.

        `function(**values)` gives a number or numbers by output name. An exception, or an answer
        that is not a finite number, is a crash of the system, recorded with its reason. With an
        `executor` (anything with `submit`, as in `concurrent.futures`, or a `joblib.Parallel`)
        `batch` points are under way at once. The run ends early when a rule of `stop` is met
        (default: every output's certainty target is proven); never with `stop_early=False`.
        `watch` is called with the study after each result. With `pending`, points that were asked
        before and never told come first.

        Raises `DataError` for a budget or batch below 1, `StateError` when the first runs all
        crash, which is more likely a mistake in the function.
        """
        from modelward.validation.loop import evaluate

        rule = (stop or StopRule()) if stop_early else None
        self.stopped = evaluate(
            self,
            function,
            budget=budget,
            batch=batch,
            rule=rule,
            executor=executor,
            watch=watch,
            pending=pending,
        )
        return self.result()

    def certify(
        self,
        function: Callable[..., Any],
        *,
        n: int,
        batch: int = 1,
        executor: Any = None,
        watch: Callable[[Study], None] | None = None,
    ) -> StudyResult:
        """Freeze the surrogates, audit them with n independent runs, and give the result.

        The certificate then speaks of the very surrogates that are delivered. Arguments and errors
        as in `run`.
        """
        from modelward.validation.loop import evaluate

        self.freeze()
        evaluate(
            self,
            function,
            budget=n,
            batch=batch,
            rule=None,
            executor=executor,
            watch=watch,
        )
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
        self.learn()
        if not self._trained:
            raise StateError("expected told results, got none", hint="call run, or ask and tell.")
        return self.panel

    def learn(self) -> None:
        """Train on what is told, in the order of asking: the order of telling must not matter."""
        told = self._book.told_ids if self._frozen is None else self._frozen
        if told == self._trained:
            return
        runs = [self._book.runs[i] for i in told]
        self.panel.fit(self._book.unit[list(told)], runs, seed=self.seed)
        self._trained = told

    def audits(self, output: str = ANY) -> list[Audit]:
        """Give the audit points of an output (default: of all together) that have been told.

        They count in the order they were drawn, up to the first whose result is not told, so that
        results which come late, or never, cannot flatter. Those drawn before anything was learnt
        have no verdict and do not count.
        """
        drawn = (
            r
            for r in self._book.runs
            if r.kind == "audit" and r.frozen == self.frozen and r.verdicts
        )
        by_name = {o.name: o for o in self.outputs}
        found = []
        for run in takewhile(lambda run: run.told, drawn):
            failed = run.failed(self.outputs) if output == ANY else run.fails(by_name[output])
            p = 0.5 if output == ANY else run.forecasts[output].get(MIXTURE, 0.5)
            found.append(Audit(run.verdicts[output], run.shares[output], failed, p))
        return found

    def certificate(self, output: str = ANY) -> Certificate:
        """Give what the audit points prove at this moment; valid at every moment."""
        return certify(self.audits(output), level=self.level, frozen=self.frozen)

    def proven(self) -> bool:
        """Tell whether the audit proves every output's certainty target."""
        return all(self.certificate(o.name).certainty >= o.certainty_target for o in self.outputs)

    def certainty(self) -> dict[str, Certainty]:
        """Give where the verdicts on each output stand.

        Raises `StateError` when nothing has been told.
        """
        self.surrogates()
        p_fails = self.p_volume()
        return {
            o.name: certainty(
                o.name,
                self.audits(o.name),
                self.certificate(o.name),
                p_fails[o.name],
                target=o.certainty_target,
            )
            for o in self.outputs
        }

    def failure_probability(self, *, n: int = 2**17) -> float:
        """Estimate the probability that a point of the operational distribution fails.

        The surrogates judge n points of it (fewer where results are many).
        Raises `StateError` when nothing has been told.
        """
        panel = self.surrogates()
        n = min(n, max(2**13, int(4e7) // max(1, self.n_told)))
        points = self.domain.operational(sobol(n, len(self.domain), seed=self.seed))
        return float(panel.fails(points).mean())

    def unchanged(self) -> int:
        """Tell for how many runs the verdicts have not changed.

        Raises `StateError` when nothing has been told.
        """
        self.surrogates()
        verdicts = np.any([p > 0.5 for p in self.p_volume().values()], axis=0)
        return self._steadiness.update(self.n_told, verdicts)

    def stop_reason(self, rule: StopRule | None = None, *, seconds: float = 0.0) -> str | None:
        """Say which rule is met (default: the certainty targets); None when the study goes on."""
        return (rule or StopRule()).met(self, seconds=seconds)

    def standings(self) -> dict[str, tuple[Standing, ...]]:
        """Give the standings of the competing models by output, the best first."""
        return self.panel.standings()

    def explain(self) -> dict[str, Any]:
        """Say where it fails, what matters, and what is not known, as JSON can hold it.

        Raises `StateError` when nothing has been told.
        """
        from modelward.validation.explain import explain

        return explain(self).to_dict()

    def result(self, *, hold: Mapping[str, Any] | None = None) -> StudyResult:
        """Sum up the study as it stands. `hold` fixes features on the boundary map.

        Raises `StateError` when nothing has been told.
        """
        from modelward.validation.summary import summarise

        return summarise(self, hold=hold or {})

    def to_page(self) -> Page:
        """Give the whole report: the result, and what explains it.

        Raises `StateError` when nothing has been told.
        """
        from modelward.validation.explain import explain

        return self.result().to_page(explain(self))

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

    def state(self) -> dict[str, Any]:
        """Give what the models have learnt beyond the results, as JSON can hold it."""
        return {"panel": self.panel.state(), "trained": list(self._trained)}

    def restore(self, runs: Sequence[Run], state: Mapping[str, Any] | None = None) -> None:
        """Take back the runs (in order of `id`) and the state of a study made with these settings.

        Without a state the models are trained anew and scored by the forecasts in the runs.

        Raises `DataError` for runs that do not fit.
        """
        self._book.restore(runs)
        if state is None:
            for run in self.told:
                self.panel.score(run)
            return
        trained = tuple(int(i) for i in state["trained"])
        known = [self._book.runs[i] for i in trained]
        self.panel.restore(state["panel"], self._book.unit[list(trained)], known, self.seed)
        self._trained = trained

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

    def p_volume(self) -> dict[str, Floats]:
        """Give the probability that each output fails over `volume`, shape (m,) each."""
        if self._p_volume is None or self._p_volume[0] != self._trained:
            self._p_volume = (self._trained, self.panel.p_fails(self.volume))
        return self._p_volume[1]

    def _foreseen(self, runs: list[Run]) -> list[Run]:
        """Fix what the surrogates say of points before their results are known."""
        if not self._trained:
            return runs
        forecasts = self.panel.forecast(self.domain.to_unit([run.values for run in runs]))
        foreseen = [replace(r, forecasts=f) for r, f in zip(runs, forecasts, strict=True)]
        return [judged(r, self.p_volume()) if r.kind == "audit" else r for r in foreseen]

    def _audit_share(self) -> float:
        if not self._trained or self.n_told < 2 * self.proposer.start:
            return self.settings.audit
        return audit_share(self.settings, self.outputs, self.p_volume(), proven=self.proven)

    def _record(self, outcomes: Sequence[Run]) -> None:
        for run in self._book.record(outcomes):
            self.panel.score(run)
