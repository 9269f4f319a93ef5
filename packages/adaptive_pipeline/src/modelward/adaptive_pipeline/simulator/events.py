"""Events: what happens in a simulation, in the order of its time."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is made at a time (seconds since the start).

    `label` is its truth, whether it will be told or not; `best` what a model that knows the world
    would answer. `unit` is who asks, where several requests come from one.
    """

    at: float
    request_id: str
    row: dict[str, Any]
    label: Any = None
    best: Any = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Truth:
    """A label that arrives at a time (seconds since the start); `copy` where it comes once more."""

    at: float
    request_id: str
    label: Any
    revision: int = 0
    copy: bool = False


class Timeline:
    """Puts events in the order of time; at the same time requests come before labels.

    Of equal events the one that was put in first comes first. It holds only what is still to come.

    >>> line = Timeline()
    >>> line.put(Truth(2.0, "a", 1))
    >>> line.put(Request(2.0, "b", {}, 0, 0))
    >>> [event.request_id for event in line.until(3.0)]
    ['b', 'a']
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, bool, int, Request | Truth]] = []
        self._serial = count()

    def put(self, event: Request | Truth) -> None:
        """Add an event."""
        entry = (event.at, isinstance(event, Truth), next(self._serial), event)
        heapq.heappush(self._heap, entry)

    def until(self, at: float) -> Iterator[Request | Truth]:
        """Take out what happens before a time."""
        while self._heap and self._heap[0][0] < at:
            yield heapq.heappop(self._heap)[3]
