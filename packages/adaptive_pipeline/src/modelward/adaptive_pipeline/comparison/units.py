"""Units: those who come back, whose labels are one draw and not many."""

from __future__ import annotations

from typing import Any


class _Arm:
    """Sums over the labels of one arm, and over its units; losses are less the first one seen.

    Of unit i, with k labels and the sum t of their losses, and the mean m of all labels: the sum
    over units of (t - m k)^2, from sums of t^2, t k and k^2.
    """

    def __init__(self) -> None:
        self.n, self.units, self._shift = 0, 0, 0.0
        self._sum = self._squares = 0.0
        self._tt = self._tk = self._kk = 0.0

    def add(self, loss: float, k: int, t: float) -> float:
        """Take a label of a unit that has k labels with sum t; give the new sum."""
        if not self.n:
            self._shift = loss
        loss -= self._shift
        self.n += 1
        self.units += k == 0
        self._sum += loss
        self._squares += loss * loss
        self._tt += loss * (2 * t + loss)
        self._tk += loss * (k + 1) + t
        self._kk += 2 * k + 1
        return t + loss

    @property
    def within(self) -> float:
        """The sum of squared deviations, as if each label were a draw of its own."""
        return max(self._squares - self._sum * self._sum / self.n, 0.0) if self.n else 0.0

    @property
    def effective(self) -> float:
        """How many units of equal size would weigh as these do (Kish): few, where some are large."""
        return self.n * self.n / self._kk if self.n else 0.0

    @property
    def between(self) -> float:
        """The sum of squared deviations of units, as draws of which there are few."""
        few = self.effective
        if few <= 1:
            return 0.0
        m = self._sum / self.n
        found = max(self._tt - 2 * m * self._tk + m * m * self._kk, 0.0)
        return found * few / (few - 1)

    @property
    def state(self) -> list[float]:
        sums = [self._sum, self._squares, self._tt, self._tk, self._kk]
        return [self.n, self.units, self._shift, *sums]

    def restore(self, state: list[float]) -> None:
        self.n, self.units, self._shift = int(state[0]), int(state[1]), float(state[2])
        self._sum, self._squares, self._tt, self._tk, self._kk = (float(x) for x in state[3:])


class Units:
    """How much wider bounds are where units come back, by how far their sums vary.

    A unit stays in its arm, so its labels are not draws of their own. `inflation` is the variance of
    the sum of gains, with the labels of a unit summed up, over what it would be if all were
    independent; 1 at least. Bounds whose variance is taken so many times as large hold for labels that
    go together within a unit, as those of one person do: the sum of gains is then, in the limit, a
    Gaussian process whose correlations are at least those of Brownian motion at the time of its
    variance, and so stays within the bounds at least as often.

    >>> units = Units(share=0.5)
    >>> for user in range(40):
    ...     for _ in range(5):
    ...         first = units.add("champion" if user % 2 else "challenger", f"u{user}", user % 7)
    >>> units.returning, round(units.inflation, 1)
    (True, 5.3)

    Source: the sums by unit are those of Deng, Knoblich and Lu, Applying the delta method in metric
    analytics, KDD 2018; the bounds follow by Slepian's lemma (1962) from those of arXiv 2103.06476.
    """

    def __init__(self, *, share: float) -> None:
        self._weights = {"champion": (1 - share) ** -2, "challenger": share**-2}
        self._arms = {"champion": _Arm(), "challenger": _Arm()}
        self._seen: dict[str, tuple[int, float]] = {}

    def add(self, arm: str, unit: str, loss: float) -> bool:
        """Take a label; say whether it is the first of its unit."""
        k, t = self._seen.get(unit, (0, 0.0))
        self._seen[unit] = (k + 1, self._arms[arm].add(loss, k, t))
        return k == 0

    @property
    def fewest(self) -> float:
        """How many units of equal size the smaller arm comes to: few, where some units are large."""
        return min(arm.effective for arm in self._arms.values())

    @property
    def returning(self) -> bool:
        """Whether one has come back."""
        return any(arm.units < arm.n for arm in self._arms.values())

    @property
    def inflation(self) -> float:
        """The factor of the variance."""
        if not self.returning:
            return 1.0
        within = sum(self._weights[name] * arm.within for name, arm in self._arms.items())
        between = sum(self._weights[name] * arm.between for name, arm in self._arms.items())
        return max(1.0, between / within) if within > 0 else 1.0

    @property
    def state(self) -> dict[str, Any]:
        """What was seen, as plain values for `restore`; it grows with the number of units."""
        return {
            "arms": {name: arm.state for name, arm in self._arms.items()},
            "seen": {unit: list(kept) for unit, kept in self._seen.items()},
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a `state` taken before."""
        for name, kept in state["arms"].items():
            self._arms[name].restore(kept)
        self._seen = {unit: (int(k), float(t)) for unit, (k, t) in state["seen"].items()}
