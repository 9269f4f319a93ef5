"""The streams of proposals: where to start, where the boundary is, where to look afar, the audit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelward.core.errors import ConfigError
from modelward.validation.acquisition import Straddle, due, fresh, sobol
from modelward.validation.domain import Domain, Floats
from modelward.validation.panel import Panel
from modelward.validation.runs import Run

_AUDIT, _BOUNDARY, _SPREAD = 1, 2, 3
"""Names of the random streams; none may share numbers with another."""


class Proposer:
    """Give each proposal to one of four streams.

    The first `initial` points, and a share `explore` of those after, go through one scrambled Sobol
    sequence. A share `audit` are independent uniform draws. The rest come from `acquisition`.

    Raises `ConfigError` for settings out of range.
    """

    def __init__(
        self,
        *,
        domain: Domain,
        seed: int,
        initial: int,
        explore: float,
        audit: float,
        acquisition: Straddle,
    ) -> None:
        if initial < 2:
            raise ConfigError(f"expected initial >= 2 points, got {initial}")
        if not (0 < explore < 1 and 0 <= audit < 1 and explore + audit < 1):
            raise ConfigError(
                "expected shares explore > 0 and audit >= 0 with a sum below 1, "
                f"got {explore} and {audit}",
                hint="explore never is 0: a surrogate alone does not find what it does not expect.",
            )
        self.domain, self.seed, self.initial = domain, seed, initial
        self.explore, self.audit, self.acquisition = explore, audit, acquisition

    def choose(
        self, runs: Sequence[Run], panel: Panel | None, *, frozen: bool = False
    ) -> tuple[str, Floats]:
        """Give the kind of the next point and the point, shape (d,) in the unit cube.

        `runs` are all so far, told and pending; `panel` is None while nothing is learnt. While
        `frozen`, every point is an audit point.

        Raises `StateError` when the domain has no new point.
        """
        asked = [run.kind for run in runs if run.kind != "field"]
        slot = len(asked) - self.initial
        if frozen or (slot >= 0 and due(slot, self.audit)):
            return "audit", self.audit_point(asked.count("audit"))
        known = self.domain.to_unit([run.values for run in runs])
        seed = int(np.random.SeedSequence([self.seed, _BOUNDARY, len(runs)]).generate_state(1)[0])
        # Counted among the slots the audit leaves: were both due at once, the audit would take them.
        free = slot - asked.count("audit")
        if slot < 0 or panel is None or due(free, self.explore / (1.0 - self.audit)):
            spread = asked.count("initial") + asked.count("explore")
            return "initial" if slot < 0 else "explore", self._spread(spread, known, seed)
        output = panel.outputs[slot % len(panel.outputs)]
        model = panel.leader(output.name)
        waiting = [run.values for run in runs if not run.told]
        if waiting:
            model = model.believe(self.domain.to_unit(waiting))
        return "boundary", self.acquisition.propose(model, self.domain, known, seed=seed)

    def audit_point(self, number: int) -> Floats:
        """Give the audit point of a number: it depends on the seed and on nothing else."""
        return np.random.default_rng([self.seed, _AUDIT, number]).random(len(self.domain))

    def _spread(self, number: int, known: Floats, seed: int) -> Floats:
        ahead = sobol(2 * (number + 1), len(self.domain), seed=self.seed + _SPREAD)[number:]
        ahead = self.domain.snap(ahead)
        for point in ahead:
            if not len(known) or np.abs(known - point).max(axis=1).min() > 1e-9:
                return np.asarray(point)
        return np.asarray(fresh(self.domain, known, 2048, seed=seed)[0])
