"""What every trigger can do; each overrides what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from modelward.adaptive_pipeline.triggers.signal import Signal

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.store.store import Store


class Trigger:
    """Watches one thing, and gives a `Signal` when a retraining seems due.

    A trigger on labels overrides `update`, one on anything else `poll`. What it remembers between
    two calls is its `state`, as plain values, so that a restart goes on from there.

    >>> Trigger().poll(0.0) is None, Trigger().state
    (True, {})
    """

    @property
    def name(self) -> str:
        """What signals and ledger call it: its kind and settings."""
        return repr(self)

    def connect(self, store: Store) -> None:
        """Learn which store the pipeline works on, before anything else is asked of it."""

    def update(self, loss: float, *, seq: int) -> Signal | None:  # noqa: ARG002 - not on labels
        """Take the champion's loss on prediction number `seq`."""
        return None

    def poll(self, now: float) -> Signal | None:  # noqa: ARG002 - not on time
        """Look at what is watched; `now` is in Unix seconds."""
        return None

    def reset(self) -> None:
        """Begin anew: there is a new champion, or its present quality is what can be had."""

    def rearm(self) -> None:
        """Forget the evidence, and watch the same champion on."""

    @property
    def state(self) -> dict[str, Any]:
        """What it remembers, as plain values for `restore`."""
        return {}

    def restore(self, state: dict[str, Any]) -> Self:  # noqa: ARG002 - nothing is remembered
        """Go on from a `state` taken before."""
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
