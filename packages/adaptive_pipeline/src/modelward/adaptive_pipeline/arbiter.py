"""The arbiter: of all the wishes for a retraining, which one is granted, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from modelward.adaptive_pipeline.triggers.signal import Signal
from modelward.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a retraining starts now; `because` says why, or why not yet."""

    start: bool
    because: str
    signal: Signal
    merged: int

    def to_dict(self) -> dict[str, Any]:
        """Give the decision as plain values, for the ledger."""
        return {
            "start": self.start,
            "because": self.because,
            "merged": self.merged,
            **self.signal.to_dict(),
        }


class Arbiter:
    """Lets one retraining run at a time, with a pause between them, and merges repeated wishes.

    A signal is kept until it is granted or dropped. Repeats while it waits are merged into it and
    counted (`merged`): a storm of alerts gives one retraining. It waits while another retraining or
    comparison runs, until `cooldown` labels have been joined since the last start, and until the
    window it would train on holds enough rows. A decision is given (and belongs in the ledger) each
    time the answer changes, so also for 'not now, because'.

    Raises `ConfigError` for a negative `cooldown`.

    >>> arbiter = Arbiter(cooldown=100)
    >>> for _ in range(1000):
    ...     arbiter.submit(Signal(trigger="alert", reason="loss high"))
    >>> arbiter.decide(position=10, busy=None, rows=40, needed=150).because
    'not now, because the window holds too few rows (150 needed)'
    >>> arbiter.decide(position=11, busy=None, rows=41, needed=150) is None
    True
    >>> decision = arbiter.decide(position=120, busy=None, rows=150, needed=150)
    >>> decision.start, decision.merged
    (True, 1000)
    """

    def __init__(self, *, cooldown: int = 200) -> None:
        if cooldown < 0:
            raise ConfigError(f"expected a cooldown of at least 0 labels, got {cooldown}")
        self.cooldown = cooldown
        self._pending: Signal | None = None
        self._merged = 0
        self._last_start: int | None = None
        self._last_answer = ""

    @property
    def pending(self) -> Signal | None:
        """The signal that waits, if one does."""
        return self._pending

    def submit(self, signal: Signal) -> None:
        """Take a signal; it is merged into one that waits already (the earliest `since` stands)."""
        self._merged += 1
        if self._pending is None:
            self._pending = signal
            return
        known = [s.since for s in (self._pending, signal) if s.since is not None]
        reasons = self._pending.reason
        if signal.trigger != self._pending.trigger and signal.reason not in reasons:
            reasons = f"{reasons}; {signal.trigger}: {signal.reason}"
        self._pending = Signal(
            trigger=self._pending.trigger, reason=reasons, since=min(known, default=None)
        )

    def drop(self) -> None:
        """Forget the signal that waits: its cause is gone."""
        self._pending, self._merged, self._last_answer = None, 0, ""

    def decide(self, *, position: int, busy: str | None, rows: int, needed: int) -> Decision | None:
        """Decide on the waiting signal; None where none waits or the answer is the one before.

        `position` counts joined labels; `busy` says what is running (None: nothing); `rows` are in
        the window, `needed` is its least size.
        """
        if self._pending is None:
            return None
        answer = self._answer(position, busy, rows, needed)
        if answer == self._last_answer:
            return None
        start = not answer.startswith("not now")
        decision = Decision(start, answer, self._pending, self._merged)
        if start:
            self._last_start = position
            self.drop()
        else:
            self._last_answer = answer
        return decision

    def _answer(self, position: int, busy: str | None, rows: int, needed: int) -> str:
        if busy is not None:
            return f"not now, because {busy}"
        if self._last_start is not None and position < self._last_start + self.cooldown:
            return f"not now, because the last start was less than {self.cooldown} labels ago"
        if rows < needed:
            return f"not now, because the window holds too few rows ({needed} needed)"
        return f"now: nothing else runs and the window holds {rows} rows"

    @property
    def state(self) -> dict[str, Any]:
        """What waits and what was, as plain values for `restore`."""
        return {
            "pending": self._pending.to_dict() if self._pending else None,
            "merged": self._merged,
            "last_start": self._last_start,
            "last_answer": self._last_answer,
        }

    def restore(self, state: dict[str, Any]) -> Self:
        """Go on from a `state` taken before."""
        self._pending = Signal(**state["pending"]) if state["pending"] else None
        self._merged = int(state["merged"])
        self._last_start = state["last_start"]
        self._last_answer = str(state["last_answer"])
        return self
