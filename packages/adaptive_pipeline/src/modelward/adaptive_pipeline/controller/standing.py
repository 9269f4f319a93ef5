"""Where a controller stands: all that has to survive a restart, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

from modelward.adaptive_pipeline.trial import Trial

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from modelward.adaptive_pipeline.store.store import Store

Phase = Literal[
    "serving",
    "retraining",
    "gating",
    "shadowing",
    "comparing",
    "promoting",
    "watching",
    "rolling_back",
]
KEY = "controller"


@dataclass(slots=True, kw_only=True)
class Standing:
    """The phase, how far the log was read, what is under way, and what each part remembers.

    `cursor` is the last join taken, `inbox` the last outside signal. `order` is the retraining under
    way (the ledger digest of its decision, its signal, and what training gave), `trial` the
    comparison under way. `parts` holds the state of triggers, arbiter and comparison.
    """

    champion: str
    phase: Phase = "serving"
    cursor: int = 0
    inbox: int = 0
    order: dict[str, Any] = field(default_factory=dict)
    trial: Trial | None = None
    previous: str | None = None
    retrainings: int = 0
    promotions: int = 0
    rollbacks: int = 0
    parts: dict[str, Any] = field(default_factory=dict)

    def save(self, store: Store, *, connection: Connection | None = None) -> None:
        """Keep it in the store."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        fields["trial"] = self.trial.to_dict() if self.trial else None
        store.save_state(KEY, fields, connection=connection)

    @classmethod
    def load(cls, store: Store) -> Self | None:
        """Give what was kept, or None before the first time."""
        fields = store.load_state(KEY)
        if fields is None:
            return None
        trial = Trial.from_dict(fields["trial"]) if fields["trial"] else None
        return cls(**{**fields, "trial": trial})
