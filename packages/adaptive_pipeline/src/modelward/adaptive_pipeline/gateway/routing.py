"""Routing: which arm a unit belongs to, the same on every replica and after every restart."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from modelward.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Assignment:
    """The arm a unit was assigned to, and the probability with which it was."""

    arm: Literal["champion", "challenger"]
    probability: float


def assign(unit: str, *, salt: str, share: float) -> Assignment:
    """Assign a unit: a `share` of all units is the challenger's.

    The unit's place is a hash keyed by the experiment's `salt`, so the same unit has the same arm for
    as long as the experiment lasts, wherever it is asked, and an independent one in the next. Where
    the share grows, those who were the challenger's stay so.

    Raises `ConfigError` for a share outside (0, 1).

    >>> assign("user-7", salt="trial-1", share=0.5)
    Assignment(arm='challenger', probability=0.5)
    """
    if not 0 < share < 1:
        raise ConfigError(f"expected a share between 0 and 1, got {share}")
    key = blake2b(salt.encode("utf-8"), digest_size=32).digest()
    place = blake2b(unit.encode("utf-8"), digest_size=8, key=key).digest()
    if int.from_bytes(place, "big") / 2**64 < share:
        return Assignment("challenger", share)
    return Assignment("champion", 1.0 - share)
