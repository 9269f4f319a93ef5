"""The housekeeper: deletes what is older than it has to be kept."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.joiner import Joiner

_DAY = 86_400.0
logger = logging.getLogger(__name__)


class Housekeeper:
    """Deletes the requests of whole days once they are more than `days` old; None keeps all.

    Looks once an hour of the joiner's clock, so that calling `look` often costs nothing.
    """

    def __init__(self, joiner: Joiner, *, days: int | None) -> None:
        self.joiner = joiner
        self.days = days
        self._looked = -math.inf

    def look(self) -> None:
        """Delete what is due."""
        now = self.joiner.clock()
        if self.days is None or self._looked <= now < self._looked + 3_600.0:
            return
        self._looked = now
        gone = self.joiner.expire(before=now - self.days * _DAY)
        logger.info("deleted what is older than %d days: %s", self.days, gone)
