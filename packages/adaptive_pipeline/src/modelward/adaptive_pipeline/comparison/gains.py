"""Gains: what one request says about the difference of two models, in either design."""

from __future__ import annotations

from typing import Any, Protocol

from modelward.core.errors import DataError


class Gains(Protocol):
    """Turns what was measured on the champion, the challenger or one of them into one number.

    Its mean, given all that was before, is the champion's mean minus the challenger's. `bound` is the
    greatest size it can have where what is measured lies between 0 and 1.
    """

    bound: float

    def of(
        self, champion: float | None, challenger: float | None, share: float | None
    ) -> float | None:
        """Give the number; None where there is nothing to compare."""
        ...

    @property
    def state(self) -> list[Any]:
        """What was seen, as plain values for `restore`."""
        ...

    def restore(self, state: list[Any]) -> None:
        """Go on from a `state` taken before."""
        ...


class Paired:
    """Both were measured on the same request: their difference.

    >>> Paired().of(0.3, 0.1, None)
    0.19999999999999998
    """

    bound = 1.0

    def of(
        self,
        champion: float | None,
        challenger: float | None,
        share: float | None,  # noqa: ARG002 - both answer each request
    ) -> float | None:
        """Give the difference; None where one is missing."""
        if champion is None or challenger is None:
            return None
        return champion - challenger

    @property
    def state(self) -> list[Any]:
        """Nothing is remembered."""
        return []

    def restore(self, state: list[Any]) -> None:
        """Nothing is remembered."""


class Independent:
    """One of the two was measured, chosen with a known probability: the augmented inverse weighting.

    What was measured, less the mean of its arm so far, is weighted by one over the probability of
    the arm; the difference of the means so far is added. Whatever the means are, the number has the
    right expectation; where they are near, it varies less than plain weighting.

    >>> gains = Independent()
    >>> gains.of(0.4, None, 0.5), gains.of(None, 0.4, 0.5)
    (0.8, -0.4)

    Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, arXiv 2103.06476, section 3 (the
    doubly robust pseudo-outcome), with running means as the regression.
    """

    def __init__(self, share: float = 0.5) -> None:
        self.bound = 1.0 / min(share, 1.0 - share)
        self._n = [0, 0]
        self._mean = [0.0, 0.0]

    def of(
        self, champion: float | None, challenger: float | None, share: float | None
    ) -> float | None:
        """Give the pseudo-outcome; `share` is the challenger's. Raises `DataError` without a share."""
        if (champion is None) == (challenger is None):
            return None
        if share is None or not 0 < share < 1:
            raise DataError(
                f"expected the probability with which the challenger is chosen, got {share}",
                hint="an A/B comparison needs it with every request.",
            )
        arm = 0 if challenger is None else 1
        value = challenger if champion is None else champion
        if value is None:
            return None
        residual = value - self._mean[arm]
        number = self._mean[0] - self._mean[1]
        number += residual / (1 - share) if arm == 0 else -residual / share
        self._n[arm] += 1
        self._mean[arm] += residual / self._n[arm]
        return number

    @property
    def state(self) -> list[Any]:
        """Count and mean of each arm, as plain values for `restore`."""
        return [list(self._n), list(self._mean)]

    def restore(self, state: list[Any]) -> None:
        """Go on from a `state` taken before."""
        self._n, self._mean = [int(n) for n in state[0]], [float(mean) for mean in state[1]]
