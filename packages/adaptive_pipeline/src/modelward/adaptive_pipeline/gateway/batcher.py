"""The batcher: requests that arrive together are answered by one call of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelward.adaptive_pipeline.gateway.lane import MOST_HUNG, Lane
from modelward.adaptive_pipeline.scorer import Scorer

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.gateway.request import Request


class Batcher:
    """Gives each version that answers a lane of its own (see `Lane`); while they swap there are two."""

    def __init__(self, *, timeout: float | None = 10.0) -> None:
        self.timeout = timeout
        self._lanes: dict[int, Lane] = {}

    async def score(self, request: Request, scorer: Scorer) -> None:
        """Let a version answer; what it raises is kept as the request's error."""
        lane = self._lanes.get(id(scorer))
        if lane is None:
            lane = self._open(scorer)
        await lane.score(request)

    def _open(self, scorer: Scorer) -> Lane:
        while len(self._lanes) > 1:  # the one before the last serves nobody any more
            self._lanes.pop(next(iter(self._lanes))).close()
        lane = self._lanes[id(scorer)] = Lane(scorer, timeout=self.timeout)
        return lane

    @property
    def hung(self) -> int:
        """How many calls of the version asked last hang."""
        return next(reversed(self._lanes.values())).hung if self._lanes else 0

    @property
    def refuses(self) -> bool:
        """Whether so many hang that it is not asked any more."""
        return self.hung >= MOST_HUNG

    def close(self) -> None:
        """Let the threads end."""
        for lane in self._lanes.values():
            lane.close()
