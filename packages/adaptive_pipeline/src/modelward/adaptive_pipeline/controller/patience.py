"""Patience: when to try again what a service that is away did not let through."""

from __future__ import annotations

import time
from collections.abc import Callable


class Patience:
    """Waits half a second after the first failure, twice as long after each more, a minute at most.

    >>> now = [0.0]
    >>> patience = Patience(clock=lambda: now[0])
    >>> patience.over(), patience.lose(), patience.over()
    (True, True, False)
    >>> now[0] = 0.6
    >>> patience.over(), patience.lose()
    (True, False)
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """Forget the failures."""
        self._failures, self._until = 0, -float("inf")

    def over(self) -> bool:
        """Whether it may be tried (again)."""
        return self._clock() >= self._until

    def lose(self) -> bool:
        """Note a failure; say whether it is the first in a row."""
        self._until = self._clock() + min(60.0, 0.5 * 2.0**self._failures)
        self._failures += 1
        return self._failures == 1
