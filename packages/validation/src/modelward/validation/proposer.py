"""The streams of proposals: where to start, where the boundary is, where to look afar, the audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modelward.core.errors import StateError
from modelward.validation.acquisition import Acquisition
from modelward.validation.candidates import candidates, fresh, grid, sobol
from modelward.validation.competition import Competitor
from modelward.validation.domain import Domain, Floats
from modelward.validation.models.base import Belief, Covariant
from modelward.validation.panel import Panel
from modelward.validation.reduction import LooksAhead
from modelward.validation.runs import Run
from modelward.validation.settings import StudySettings

_AUDIT, _BOUNDARY, _SPREAD = 1, 2, 3
"""Names of the random streams; none may share numbers with another."""
_GOLDEN = 0.6180339887498949
_MOST_GRID, _MOST_PENDING = 256, 100
_SPACE = 2_048, 8_192, 1e6
"""The fewest and the most points that stand for the space, and the product with results allowed."""
_LEAD = 3
"""Of so many proposals of the models, all but one are the leader's."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A point of the unit cube, shape (d,), and the stream it comes from."""

    kind: str
    unit: Floats


class Proposer:
    """Give each proposal to one of four streams.

    The start is a regular grid, if one is set, and a scrambled Sobol sequence, which a share
    `explore` of the later points continues. A share `audit` are independent draws of the
    operational distribution. The rest are proposals of the competing models: two of three the
    leader's, the third another's, drawn by the weights of the competition.
    """

    def __init__(
        self, *, domain: Domain, settings: StudySettings, acquisition: Acquisition, n: int = 2_000
    ) -> None:
        self.domain, self.settings, self.acquisition, self.n = domain, settings, acquisition, n
        self._grid: Floats | None = None
        self._sequence = np.empty((0, len(domain)))

    @property
    def start(self) -> int:
        """How many points come before the models have a say."""
        return len(self.grid) + self.settings.start(self.domain.encoded)

    @property
    def grid(self) -> Floats:
        """The regular grid that starts the study, shape (m, d)."""
        if self._grid is None:
            per_feature = self.settings.number_of_regular_grid_points
            self._grid = (
                grid(self.domain, per_feature, most=_MOST_GRID, seed=self.settings.seed)
                if per_feature
                else np.empty((0, len(self.domain)))
            )
        return self._grid

    def propose(
        self,
        runs: Sequence[Run],
        n: int,
        panel: Panel | None,
        *,
        unit: Floats,
        frozen: bool = False,
        audit: float | None = None,
    ) -> list[Proposal]:
        """Give n proposals, or as many as the domain still has.

        `runs` are all so far, told and pending, and lie at `unit` of shape (len(runs), d); `panel`
        is None while nothing is learnt. While `frozen`, every point is an audit point. `audit`
        overrides the share of the audit.

        Raises `StateError` when the domain has no new point.
        """
        batch = _Batch(self, runs, unit, panel)
        share = self.settings.audit if audit is None else audit
        for _ in range(n):
            try:
                batch.add(frozen=frozen, audit=share)
            except StateError:
                if not batch.proposals:
                    raise
                break
        return batch.proposals

    def audit_point(self, number: int) -> Floats:
        """Give the audit point of a number: it depends on the seed and on nothing else."""
        rng = np.random.default_rng([self.settings.seed, _AUDIT, number])
        return np.asarray(self.domain.draw(1, rng)[0])

    def stream(self, slot: int, *, panel: bool, frozen: bool, audit: float) -> str:
        """Tell to which stream a slot (counted from the end of the start) belongs.

        The golden ratio's multiples spread each share evenly, whatever the shares are.
        """
        at = (slot + 1) * _GOLDEN % 1.0
        if frozen or (slot >= 0 and at < audit):
            return "audit"
        if slot < 0:
            return "initial"
        if not panel or at < audit + self.settings.explore:
            return "explore"
        return "boundary"

    def spread_point(self, number: int, known: Floats, seed: int) -> Floats:
        """Give a new point of the grid, then of the Sobol sequence, from their `number`th on."""
        if number + 8 > len(self._sequence):
            size = 2 * (number + 8)
            drawn = sobol(size, len(self.domain), seed=self.settings.seed + _SPREAD)
            drawn = self.domain.snap(drawn)
            self._sequence = np.vstack([self.grid, drawn[self.domain.feasible(drawn)]])
        for point in self._sequence[number:]:
            if not len(known) or np.abs(known - point).max(axis=1).min() > 1e-9:
                return np.asarray(point)
        return np.asarray(fresh(self.domain, known, 2_048, seed=seed)[0])


class _Batch:
    """Proposals that are made together: each knows of those before it."""

    def __init__(
        self, proposer: Proposer, runs: Sequence[Run], unit: Floats, panel: Panel | None
    ) -> None:
        self.proposer, self.panel, self.runs = proposer, panel, runs
        self.proposals: list[Proposal] = []
        self.known = unit
        self.pending = unit[[not run.told for run in runs]][-_MOST_PENDING:]
        asked = [run.kind for run in runs if run.kind != "field"]
        self.slot = len(asked) - proposer.start
        self.audits = asked.count("audit")
        self.spread = asked.count("initial") + asked.count("explore")
        self.seed = np.random.SeedSequence([proposer.settings.seed, _BOUNDARY, len(runs)])
        self.rng = np.random.default_rng(self.seed)
        self._points: Floats | None = None
        self._operational: Floats | None = None
        self._beliefs: dict[tuple[str, str, bool], Belief] = {}

    def add(self, *, frozen: bool, audit: float) -> None:
        """Add the next proposal. Raises `StateError` when the domain has no new point."""
        p = self.proposer
        kind = p.stream(self.slot, panel=self.panel is not None, frozen=frozen, audit=audit)
        if kind == "audit":
            unit = p.audit_point(self.audits)
            self.audits += 1
        elif kind == "boundary":
            unit = self._boundary()
        else:
            unit = p.spread_point(self.spread, self.known, int(self.rng.integers(2**31)))
            self.spread += 1
        self.slot += 1
        self.known = np.vstack([self.known, unit])
        self.pending = np.vstack([self.pending, unit])
        encoded = p.domain.encode(unit[None, :])[0]
        for belief in self._beliefs.values():
            belief.observe(encoded)
        self.proposals.append(Proposal(kind, unit))

    def _boundary(self) -> Floats:
        assert self.panel is not None  # noqa: S101 - for the type checker
        outputs = self.panel.outputs
        output = outputs[self.slot % len(outputs)]
        competitor = self._turn(output.name, self.slot // len(outputs))
        acquisition = self.proposer.acquisition
        belief = self._belief(output.name, competitor)
        scores = acquisition.score(belief.prediction)
        points = self._candidates()
        taken = (np.abs(points[:, None, :] - self.pending[None, :, :]).max(2) < 1e-9).any(1)
        scores = np.where(taken, -np.inf, scores)
        best = int(np.argmax(scores))
        if not np.isfinite(scores[best]):
            raise StateError(
                "expected a new point to ask, got candidates that were all asked before",
                hint="the domain is exhausted: stop, or widen the features.",
            )
        if isinstance(acquisition, LooksAhead) and isinstance(belief, Covariant):
            space = self._belief(output.name, competitor, space=True)
            assert isinstance(space, Covariant)  # noqa: S101 - as above
            chosen = acquisition.choose(belief, space, taken, self.rng)
            best = best if chosen is None else chosen
        return np.asarray(points[best])

    def _turn(self, output: str, number: int) -> Competitor:
        assert self.panel is not None  # noqa: S101 - as above
        competition = self.panel.competitions[output]
        leader = competition.leader if competition.leader.trained else competition.trained[0]
        weights = competition.weights()
        others = [c for c in competition.trained if c is not leader and weights[c.name] > 0.02]
        if number % _LEAD != _LEAD - 1 or not others:
            return leader
        chances = np.array([weights[c.name] for c in others])
        # The rarer the others' share, the rarer their turn.
        if self.rng.random() > min(1.0, _LEAD * float(chances.sum())):
            return leader
        return others[int(self.rng.choice(len(others), p=chances / chances.sum()))]

    def _belief(self, output: str, competitor: Competitor, *, space: bool = False) -> Belief:
        """Give what a model believes of the candidates, or of the space as in operation."""
        key = (output, competitor.name, space)
        if key not in self._beliefs:
            domain = self.proposer.domain
            points = self._space() if space else self._candidates()
            belief = competitor.model.believe(domain.encode(points))
            for point in domain.encode(self.pending) if len(self.pending) else ():
                belief.observe(point)
            self._beliefs[key] = belief
        return self._beliefs[key]

    def _candidates(self) -> Floats:
        if self._points is None:
            assert self.panel is not None  # noqa: S101 - as above
            outputs = self.panel.outputs
            failed = np.array([run.told and run.failed(outputs) for run in self.runs], dtype=bool)
            domain, seed = self.proposer.domain, int(self.rng.integers(2**31))
            points = candidates(
                domain, self.known[: len(failed)], failed, self.proposer.n, seed=seed
            )
            self._points = points if len(points) else fresh(domain, self.known, 2_048, seed=seed)
        return self._points

    def _space(self) -> Floats:
        """Give points as in operation, fewer where the results are many."""
        if self._operational is None:
            domain, n = self.proposer.domain, int(_SPACE[2] / (1 + len(self.runs)))
            n = min(max(n, _SPACE[0]), _SPACE[1])
            drawn = sobol(n, len(domain), seed=int(self.rng.integers(2**31)))
            points = domain.operational(drawn)
            self._operational = points if len(points) >= n // 4 else domain.draw(n, self.rng)
        return self._operational
