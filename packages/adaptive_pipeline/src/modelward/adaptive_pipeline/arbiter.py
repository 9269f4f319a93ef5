"""The arbiter: of all the wishes for a retraining, which one is granted, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from modelward.adaptive_pipeline.triggers.signal import Signal
from modelward.core.errors import ConfigError

DAY = 86_400.0
LISTED = 10  # wishes whose reasons are told; the rest are counted
_LONGEST = 500  # characters of one reason


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

    A wish is kept until it is granted or dropped. Those that come while it waits are merged into it
    and counted (`merged`): a storm of alerts gives one retraining. A retraining starts when

    - nothing else runs: no other retraining, comparison or watch;
    - `cooldown` labels have been joined, and `cooldown_seconds` have passed, since the last start;
    - after retrainings in vain, `cooldown` labels have been joined since the end of the last, twice
      as many after two in a row, then four times, and so on: what no model can mend is not tried
      for ever, and what one more week of data can mend still is;
    - fewer than `budget` have started in the last 24 hours (None: any number);
    - `debounce` seconds have passed since the first wish, so that those that follow it are merged;
      a storm that goes on does not put it off further;
    - the window it would train on holds enough rows.

    A decision is given (and belongs in the ledger) each time the answer changes, so also for 'not
    now, because'. A clock that is set back stops these times for a moment and ends none early.

    Raises `ConfigError` for settings out of range.

    >>> arbiter = Arbiter(cooldown=100)
    >>> for _ in range(1000):
    ...     arbiter.submit(Signal(trigger="alert", reason="loss high"))
    >>> arbiter.decide(position=10, now=0.0, busy=None, rows=40, needed=150).because
    'not now, because the window holds too few rows (150 needed)'
    >>> arbiter.decide(position=11, now=1.0, busy=None, rows=41, needed=150) is None
    True
    >>> decision = arbiter.decide(position=120, now=9.0, busy=None, rows=150, needed=150)
    >>> decision.start, decision.merged
    (True, 1000)
    """

    def __init__(
        self,
        *,
        cooldown: int = 200,
        cooldown_seconds: float = 0.0,
        debounce: float = 0.0,
        budget: int | None = None,
    ) -> None:
        if min(cooldown, cooldown_seconds, debounce) < 0 or (budget is not None and budget < 1):
            raise ConfigError(
                "expected cooldown, cooldown_seconds and debounce >= 0 and a budget >= 1 or None, "
                f"got cooldown={cooldown}, cooldown_seconds={cooldown_seconds:g}, "
                f"debounce={debounce:g}, budget={budget}"
            )
        self.cooldown = cooldown
        self.cooldown_seconds = cooldown_seconds
        self.debounce = debounce
        self.budget = budget
        self._started_at: int | None = None  # position of the last start
        self._starts: list[float] = []  # times of those that still matter
        self._in_vain = 0  # how many in a row led to nothing better
        self._ended_at = 0  # position of the last one's end
        self._now: float | None = None  # when it was last asked
        self._forget()

    def _forget(self) -> None:
        self._wishes: list[tuple[str, str]] = []
        self._merged = 0
        self._unlisted = 0
        self._since: int | None = None
        self._waits_from: float | None = None
        self._last_answer = ""

    @property
    def pending(self) -> Signal | None:
        """The wish that waits, with all that was merged into it, if one does."""
        if not self._wishes:
            return None
        told = [self._wishes[0][1]] + [f"{name}: {reason}" for name, reason in self._wishes[1:]]
        if self._unlisted:
            told.append(f"and {self._unlisted} more")
        names = dict.fromkeys(name for name, _ in self._wishes)
        return Signal(trigger=" + ".join(names), reason="; ".join(told), since=self._since)

    def submit(self, signal: Signal) -> None:
        """Take a wish; it is merged into one that waits already (the earliest `since` stands)."""
        self._merged += 1
        wish = (signal.trigger[:_LONGEST], signal.reason[:_LONGEST])
        if wish not in self._wishes:
            if len(self._wishes) < LISTED:
                self._wishes.append(wish)
            else:
                self._unlisted += 1
        known = [since for since in (self._since, signal.since) if since is not None]
        self._since = min(known, default=None)

    def drop(self, because: str = "its cause is gone") -> Decision | None:
        """Forget the wish that waits; give the decision that says so, or None where none waits."""
        signal, merged = self.pending, self._merged
        self._forget()
        if signal is None:
            return None
        return Decision(False, f"dropped, because {because}", signal, merged)

    def ended(self, *, position: int, better: bool) -> None:
        """Note that a retraining led to a better model, or to none."""
        self._in_vain = 0 if better else self._in_vain + 1
        self._ended_at = position

    def decide(
        self,
        *,
        position: int,
        now: float,
        busy: str | None,
        rows: int | Callable[[], int],
        needed: int,
    ) -> Decision | None:
        """Decide on the waiting wish; None where none waits or the answer is the one before.

        `position` counts joined labels, `now` is in Unix seconds; `busy` says what is running (None:
        nothing); `rows` are in the window (or count them, which is done when nothing else stands in
        the way), `needed` is its least size.
        """
        signal = self.pending
        if signal is None:
            return None
        self._tick(now)
        if self._waits_from is None:
            self._waits_from = now
        obstacle = busy or self._pause(position, now)
        held = 0
        if obstacle is None:
            held = rows() if callable(rows) else rows
            if held < needed:
                obstacle = f"the window holds too few rows ({needed} needed)"
        if obstacle is None:
            because = f"now: nothing else runs and the window holds {held} rows"
            decision = Decision(True, because, signal, self._merged)
            self._started_at = position
            self._starts.append(now)
            self._forget()
            return decision
        answer = f"not now, because {obstacle}"
        if answer == self._last_answer:
            return None
        self._last_answer = answer
        return Decision(False, answer, signal, self._merged)

    def _pause(self, position: int, now: float) -> str | None:
        """Say what there is to wait for, if anything."""
        if self._started_at is not None and position < self._started_at + self.cooldown:
            return f"the last start was less than {self.cooldown} labels ago"
        if self._starts and now < self._starts[-1] + self.cooldown_seconds:
            return f"the last start was less than {self.cooldown_seconds:g} seconds ago"
        pause = self.cooldown * 2 ** min(self._in_vain - 1, 20) if self._in_vain else 0
        if position < self._ended_at + pause:
            return f"{self._in_vain} in a row led to nothing better, the last less than {pause} labels ago"
        today = sum(now < start + DAY for start in self._starts)
        if self.budget is not None and today >= self.budget:
            return f"{self.budget} retrainings, the budget, have started in the last 24 hours"
        if self._waits_from is not None and now < self._waits_from + self.debounce:
            return f"more wishes may come within {self.debounce:g} seconds of the first"
        return None

    def _tick(self, now: float) -> None:
        """Note the time; where the clock was set back, everything keeps the age it had."""
        if self._now is not None and (back := self._now - now) > 0:
            self._starts = [start - back for start in self._starts]
            if self._waits_from is not None:
                self._waits_from -= back
        self._now = now
        self._starts = [s for s in self._starts if now < s + max(DAY, self.cooldown_seconds)]

    @property
    def state(self) -> dict[str, Any]:
        """What waits and what was, as plain values for `restore`."""
        return {
            "wishes": [list(wish) for wish in self._wishes],
            "merged": self._merged,
            "unlisted": self._unlisted,
            "since": self._since,
            "waits_from": self._waits_from,
            "last_answer": self._last_answer,
            "started_at": self._started_at,
            "starts": list(self._starts),
            "in_vain": self._in_vain,
            "ended_at": self._ended_at,
            "now": self._now,
        }

    def restore(self, state: dict[str, Any]) -> Self:
        """Go on from a `state` taken before."""
        self._wishes = [(str(name), str(reason)) for name, reason in state["wishes"]]
        self._merged = int(state["merged"])
        self._unlisted = int(state["unlisted"])
        self._since = state["since"]
        self._waits_from = state["waits_from"]
        self._last_answer = str(state["last_answer"])
        self._started_at = state["started_at"]
        self._starts = [float(start) for start in state["starts"]]
        self._in_vain = int(state["in_vain"])
        self._ended_at = int(state["ended_at"])
        self._now = state["now"]
        return self

    def __repr__(self) -> str:
        return (
            f"Arbiter(cooldown={self.cooldown}, cooldown_seconds={self.cooldown_seconds:g}, "
            f"debounce={self.debounce:g}, budget={self.budget})"
        )
