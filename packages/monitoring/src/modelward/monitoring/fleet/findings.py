"""Findings: what was decided of one model's window, as the fleet keeps and ranks it."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from modelward.monitoring.decisions.degradation import Degradation
from modelward.monitoring.decisions.result import DriftResult
from modelward.monitoring.fleet.brief import Brief
from modelward.monitoring.fleet.ranking import expected_loss
from modelward.monitoring.fleet.records import Model, Performance, State, Window


@dataclass(frozen=True)
class Finding:
    """What is known of one model in one window.

    `columns` are those of the reference, `others` what came besides or instead (`Sketch.others`).
    """

    model: Model
    window: Window
    brief: Brief
    columns: Set[str] = frozenset()
    others: frozenset[tuple[str, str]] = frozenset()
    failures: tuple[str, ...] = ()
    performance: Performance | None = None
    degradation: Degradation | None = None

    @property
    def expected_loss(self) -> float | None:
        """Performance lost x traffic x criticality, a day."""
        return expected_loss(self.model, self.performance)

    @property
    def degraded(self) -> bool:
        """Whether its performance fell by more than chance and by enough to matter."""
        return self.degradation is not None and self.degradation.degraded

    @property
    def state(self) -> State:
        """Alarmed, cannot say, or steady."""
        if self.drifted or self.failures or self.degraded:
            return "alarmed"
        return "cannot say" if self.brief.cannot_say or not self.brief.features else "steady"

    @cached_property
    def result(self) -> DriftResult:
        """The whole decision."""
        return self.brief.result()

    @property
    def drifted(self) -> tuple[str, ...]:
        """The features that drifted, the furthest first."""
        return self.brief.drifted

    @cached_property
    def broken(self) -> dict[str, str]:
        """The columns that are not as they were expected, with the words for it."""
        found = {
            name: f"{name}: {what}"
            for name, what in sorted(self.others)
            if name in self.columns and not what.startswith("new,")
        }
        for failure in self.failures:
            column, _, words = failure.partition(": ")
            if words and column in self.columns:
                found.setdefault(column, failure)
        return found

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What the table shows, as plain JSON content."""
        return {
            "features": self.brief.features,
            "drifted": list(self.drifted),
            "cannot_say": list(self.brief.cannot_say),
            "broken": self.broken,
            "worst": self.drifted[0] if self.drifted else "",
            "smallest_q": self.brief.smallest_q,
            "failures": list(self.failures),
            "degraded": self.degradation.words if self.degraded and self.degradation else "",
        }
