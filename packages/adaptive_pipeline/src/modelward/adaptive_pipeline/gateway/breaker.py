"""The breaker: does not ask again and again what fails again and again."""

from __future__ import annotations

import time
from collections.abc import Callable


class Breaker:
    """Opens after `failures` in a row, and lets one try through every `pause` seconds then.

    >>> now = [0.0]
    >>> breaker = Breaker(failures=2, pause=30.0, clock=lambda: now[0])
    >>> breaker.fail(); breaker.fail(); breaker.admits()
    False
    >>> now[0] = 31.0
    >>> breaker.admits(), breaker.admits()
    (True, False)
    """

    def __init__(
        self,
        *,
        failures: int = 5,
        pause: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.failures = failures
        self.pause = pause
        self._clock = clock
        self._failed = 0
        self._until = 0.0

    def fail(self) -> None:
        """Note a failure."""
        self._failed += 1
        self._until = self._clock() + self.pause

    def succeed(self) -> None:
        """Note a success."""
        self._failed = 0

    def admits(self) -> bool:
        """Say whether to ask. Where it was open for long enough, one who asks is let through."""
        if self._failed < self.failures:
            return True
        if self._clock() < self._until:
            return False
        self._until = self._clock() + self.pause
        return True
