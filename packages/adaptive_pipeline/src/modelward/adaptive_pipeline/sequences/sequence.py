"""What a confidence sequence does for those who use it, whatever it is made of."""

from __future__ import annotations

from typing import Any, Protocol, Self

from modelward.core.metrics import Estimate


class Sequence(Protocol):
    """Follows a mean, number by number; its bounds hold at every look at once.

    Each bound alone misses the mean with probability `alpha` / 2 at most, over the whole stream.
    """

    n: int
    mean: float

    @property
    def low(self) -> float:
        """The lower bound so far."""
        ...

    @property
    def high(self) -> float:
        """The upper bound so far."""
        ...

    def update(self, value: float) -> None:
        """Take the next number."""
        ...

    def estimate(self) -> Estimate:
        """Give mean and bounds."""
        ...

    @property
    def state(self) -> dict[str, Any]:
        """What was seen, as plain values for `restore`."""
        ...

    def restore(self, state: dict[str, Any]) -> Self:
        """Go on from a `state` taken before."""
        ...
