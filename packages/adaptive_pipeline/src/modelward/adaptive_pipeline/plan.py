"""The plan: who answers, who is tried, and how; written by the controller, followed by gateways."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal, Self

from modelward.core.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from modelward.adaptive_pipeline.store.store import Store

Mode = Literal["champion", "shadow", "split"]
_KEY = "plan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which version answers, and what part another has in it.

    `mode`: `champion` (it answers everything), `shadow` (the challenger scores a copy of each
    request, never the answer), `split` (the challenger answers a `share` of the units: a canary
    where the share is small, an A/B test where it is half). `experiment` names the trial and salts
    the assignment.

    Raises `ConfigError` for a plan that does not hold together.

    >>> Plan(champion="1", challenger="2", mode="split", share=0.1, experiment="e1").share
    0.1
    """

    champion: str
    challenger: str | None = None
    mode: Mode = "champion"
    share: float = 0.0
    experiment: str | None = None

    def __post_init__(self) -> None:
        tried = self.mode != "champion"
        if tried != (self.challenger is not None) or tried != (self.experiment is not None):
            raise ConfigError(
                "expected a challenger and an experiment with the modes 'shadow' and 'split' and "
                f"none with 'champion', got mode={self.mode!r}, challenger={self.challenger!r}, "
                f"experiment={self.experiment!r}"
            )
        if not (0 < self.share < 1 if self.mode == "split" else self.share == 0):
            raise ConfigError(
                f"expected a share between 0 and 1 with mode 'split' and 0 with the others, got "
                f"share={self.share} with mode={self.mode!r}"
            )

    def save(self, store: Store, *, connection: Connection | None = None) -> None:
        """Make it the plan that every gateway on this store follows."""
        store.save_state(_KEY, asdict(self), connection=connection)

    @classmethod
    def load(cls, store: Store) -> Self | None:
        """Give the plan in force, or None where no controller has made one."""
        found = store.load_state(_KEY)
        return None if found is None else cls(**found)
