"""Guards: the guardrails of one comparison at work, each harm with its own confidence sequences."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from modelward.adaptive_pipeline.comparison.gains import Gains
from modelward.adaptive_pipeline.comparison.guardrails import Guardrail, Segments
from modelward.adaptive_pipeline.comparison.observation import Observation
from modelward.adaptive_pipeline.sequences.betting import BettingTest
from modelward.adaptive_pipeline.sequences.running import AsymptoticTest


class GuardState(NamedTuple):
    """Where one guardrail stands: the mean harm so far, and what is shown of the harm to come.

    `passed`: it is below the tolerance. `harmful`: it is above.
    """

    name: str
    n: int
    harm: float
    tolerance: float
    passed: bool
    harmful: bool

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain values; a harm that was not measured is null."""
        return {
            "name": self.name,
            "n": self.n,
            "harm": self.harm if self.n else None,
            "tolerance": self.tolerance,
            "passed": self.passed,
            "harmful": self.harmful,
        }


class _Guard:
    """One harm: a test that passes it at level `alpha`, and finds it at level `budget`."""

    def __init__(
        self,
        rail: Guardrail,
        name: str,
        gains: Gains,
        *,
        alpha: float,
        budget: float,
        bounded: bool,
    ) -> None:
        self.name, self._rail, self._gains = name, rail, gains
        self._alpha, self._budget = alpha, budget
        self._fewest = rail.minimum if isinstance(rail, Segments) else 0
        self._test: BettingTest | AsymptoticTest
        if bounded and rail.tolerance < gains.bound:
            bound = gains.bound
            self._test = BettingTest(low=-bound, high=bound, value=rail.tolerance)
        else:
            self._test = AsymptoticTest(value=rail.tolerance, alpha=alpha)
        self._now: GuardState | None = None

    def update(self, seen: Observation, share: float | None) -> None:
        champion, challenger = self._rail.measure(seen)
        gain = self._gains.of(champion, challenger, share)
        if gain is not None:
            self._test.update(-gain)
            self._now = None

    @property
    def now(self) -> GuardState:
        """Where it stands."""
        if self._now is None:
            test, n = self._test, self._test.n
            # A segment with few labels is not asked yet: it could not answer.
            passed = n < self._fewest or test.below(self._alpha)
            harmful = test.above(self._budget)
            mean, tolerance = (test.mean if n else 0.0), self._rail.tolerance
            self._now = GuardState(self.name, n, mean, tolerance, passed, harmful)
        return self._now

    @property
    def state(self) -> dict[str, Any]:
        return {"name": self.name, "gains": self._gains.state, "test": self._test.state}

    def restore(self, state: dict[str, Any]) -> None:
        self._gains.restore(state["gains"])
        self._test.restore(state["test"])
        self._now = None


class Guards:
    """All guardrails of one comparison.

    A challenger that does more harm than one of them tolerates is promoted with probability `alpha`
    at most: it has to pass them all, so the level of each is that of the whole and needs no split. A
    challenger that does not is rejected for harm with probability `alpha` at most: any of them may
    reject, so here the level is split by weight.
    """

    def __init__(
        self,
        rails: Sequence[Guardrail],
        *,
        alpha: float,
        gains: Callable[[], Gains],
    ) -> None:
        self.rails = tuple(rails)
        self._alpha, self._gains = alpha, gains
        total = sum(rail.weight for rail in rails)
        self._budgets = {rail.name: alpha * rail.weight / total for rail in rails}
        self._binary = True
        self._states: tuple[GuardState, ...] | None = None
        self._whole = [self._guard(r, r.name) for r in rails if not isinstance(r, Segments)]
        self._segments: dict[str, _Guard] = {}
        self._by_segment = next((r for r in rails if isinstance(r, Segments)), None)

    def _guard(self, rail: Guardrail, name: str, *, part: float = 1.0) -> _Guard:
        budget = self._budgets[rail.name] * part
        bounded = rail.bounded or (isinstance(rail, Segments) and self._binary)
        return _Guard(rail, name, self._gains(), alpha=self._alpha, budget=budget, bounded=bounded)

    def update(self, seen: Observation, share: float | None, *, binary: bool) -> None:
        """Take what one request says; `binary`: all losses so far were 0 or 1."""
        self._states = None
        for guard in self._whole:
            guard.update(seen, share)
        if self._by_segment is None:
            return
        if self._binary and not binary:  # other sequences from here on: the range is not known
            self._binary = False
            names, self._segments = list(self._segments), {}
            for name in names:
                self._segment(self._by_segment, name)
        for segment in seen.segments:
            self._segment(self._by_segment, segment).update(seen, share)

    def _segment(self, rail: Segments, name: str) -> _Guard:
        if name not in self._segments:
            part = 6 / (math.pi * (len(self._segments) + 1)) ** 2
            self._segments[name] = self._guard(rail, name, part=part)
        return self._segments[name]

    @property
    def states(self) -> tuple[GuardState, ...]:
        """Where each stands."""
        if self._states is None:
            self._states = tuple([g.now for g in [*self._whole, *self._segments.values()]])
        return self._states

    @property
    def state(self) -> dict[str, Any]:
        """What was seen, as plain values for `restore`."""
        return {
            "whole": [guard.state for guard in self._whole],
            "segments": [guard.state for guard in self._segments.values()],
            "binary": self._binary,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state` taken before."""
        self._states = None
        for guard, kept in zip(self._whole, state["whole"], strict=True):
            guard.restore(kept)
        self._segments, self._binary = {}, bool(state["binary"])
        if self._by_segment is not None:
            for kept in state["segments"]:
                self._segment(self._by_segment, kept["name"]).restore(kept)
