"""A clock that moves only when it is told to."""

from __future__ import annotations

from collections.abc import Sequence

from modelward.core.errors import DataError


class VirtualClock:
    """Time as a simulation makes it, in Unix seconds: `clock=clock.now` for all that asks the time.

    Time itself never goes back. What the clock *shows* does when it is set back, as a machine's
    clock may be: `setbacks` says when, and by how many seconds.

    >>> clock = VirtualClock(setbacks=[(6.0, 2.0)])
    >>> clock.advance(to=5.0)
    >>> clock.now()
    5.0
    >>> clock.advance(to=6.0)
    >>> clock.time, clock.now()
    (6.0, 4.0)
    """

    def __init__(self, start: float = 0.0, *, setbacks: Sequence[tuple[float, float]] = ()) -> None:
        self.start = start
        self.setbacks = tuple(setbacks)
        self.reset()

    def reset(self) -> None:
        """Begin again at the start."""
        self.time = self.start

    def now(self) -> float:
        """Give the time the clock shows."""
        return self.time - sum(seconds for at, seconds in self.setbacks if at <= self.time)

    def advance(self, *, to: float) -> None:
        """Go on to a later time. Raises `DataError` for an earlier one."""
        if not to >= self.time:
            raise DataError(f"expected a time from {self.time:g} on, got {to:g}")
        self.time = to
