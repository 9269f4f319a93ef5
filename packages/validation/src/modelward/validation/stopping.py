"""When to stop, and which rule says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from modelward.core.errors import ConfigError

if TYPE_CHECKING:
    from modelward.validation.domain import Bools
    from modelward.validation.study import Study

_MOVED = 0.002
"""Share of the volume whose verdict may change while the answer counts as the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopRule:
    """Stop when any of these is met; None leaves one out.

    `certainty`: the audit proves each output's certainty target. `runs`: so many runs were told.
    `seconds`: so much time was spent in `run`. `unchanged`: over so many runs, less than 0.2 % of
    the volume changed its verdict.

    Raises `ConfigError` for limits that are not positive.
    """

    certainty: bool = True
    runs: int | None = None
    seconds: float | None = None
    unchanged: int | None = None

    def __post_init__(self) -> None:
        for name in ("runs", "seconds", "unchanged"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError(f"expected {name} above 0 in a stop rule, got {value}")

    def met(self, study: Study, *, seconds: float = 0.0) -> str | None:
        """Say in words which rule is met; None when the study goes on."""
        told = study.n_told
        if self.runs is not None and told >= self.runs:
            return f"the budget of {self.runs} runs is spent"
        if self.seconds is not None and seconds >= self.seconds:
            return f"the time of {self.seconds:g} seconds is spent"
        if self.certainty and study.proven():
            targets = ", ".join(f"{o.certainty_target:g} for {o.name}" for o in study.outputs)
            return f"the certainty target is proven ({targets})"
        if self.unchanged is not None and told and study.unchanged() >= self.unchanged:
            return f"the verdicts did not change for {self.unchanged} runs"
        return None

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as JSON can hold them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Make a rule from what `to_dict` wrote."""
        return cls(**content)


class Steadiness:
    """For how many runs the verdicts on the volume have stayed the same."""

    def __init__(self) -> None:
        self._since = 0
        self._verdicts: Bools | None = None

    def update(self, told: int, verdicts: Bools) -> int:
        """Note the verdicts after so many told runs; give for how many they have not changed."""
        if self._verdicts is None or float(np.mean(self._verdicts != verdicts)) > _MOVED:
            self._since, self._verdicts = told, verdicts
        return told - self._since
