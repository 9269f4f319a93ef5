"""What a retraining came to: once it was trained, and once it was gated."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Trained:
    """What training came to: the version that was registered, or None and why.

    `rows` were learned from and `held` kept from it, of the window that `since` (of the signal) and
    `position` (the last join looked at) give again at any time: requests `first_seq` to `last_seq`,
    with content digest `data`. `attempt` counts from 1; `failures` are those before it. `log` is the
    end of what a failed training printed; that of one that succeeded is kept with its run, as is how
    long it took, so that the ledger tells of the same log the same story.
    """

    version: str | None
    because: str
    order: str = ""
    since: int | None = None
    rows: int = 0
    held: int = 0
    data: str = ""
    first_seq: int = 0
    last_seq: int = 0
    position: int = 0
    attempt: int = 1
    failures: Iterable[str] = ()
    log: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "failures", tuple(self.failures))  # JSON made it a list

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain values, from which `Trained(**fields)` rebuilds it."""
        return {**asdict(self), "failures": list(self.failures)}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a retraining came to: the new version, or None and why the champion stays untouched.

    Both losses are means over the rows held out; None where it was not trained, or its answers
    could not be used.
    """

    version: str | None
    because: str
    rows: int = 0
    data: str = ""
    challenger_loss: float | None = None
    champion_loss: float | None = None
    attempt: int = 1
    failures: Iterable[str] = ()
    log: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "failures", tuple(self.failures))

    @classmethod
    def of(
        cls,
        trained: Trained,
        version: str | None,
        because: str,
        *,
        challenger_loss: float | None = None,
        champion_loss: float | None = None,
    ) -> Outcome:
        """Say what became of a training."""
        return cls(
            version,
            because,
            trained.rows,
            trained.data,
            challenger_loss,
            champion_loss,
            trained.attempt,
            trained.failures,
            trained.log,
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the outcome as plain values, for the ledger."""
        return {**asdict(self), "failures": list(self.failures)}
