"""Random search: the least that any attack by query must beat."""

from __future__ import annotations

import torch
from torch.nn import functional

from modelward.adversarial.attacks.asking import QueryAttack, Search, Trial
from modelward.adversarial.attacks.space import Norm


class RandomSearch(QueryAttack):
    """Asks about random perturbations, each drawn anew, and keeps the worst for the detector.

    Signs of +-eps on a grid whose cells are 1 to 32 pixels wide, a width drawn for each query: unlike
    noise of single pixels, coarse patterns get through the first layers of a network. For `l2` the
    same, at length eps. Nothing is learnt from an answer; it is the baseline of attacks by query, as
    `Noise` is of all.

    >>> RandomSearch(queries=50).queries
    50

    Source: pure random search, e.g. Spall, Introduction to Stochastic Search and Optimization (2003),
    section 2.2.
    """

    def __init__(self, *, eps: float = 8 / 255, norm: Norm = "linf", queries: int = 500) -> None:
        super().__init__(eps=eps, norm=norm, queries=queries)

    def search(self, trial: Trial) -> Search:
        """Draw and ask."""
        height, width = trial.image.shape[-2:]
        highest = -torch.inf
        while True:
            cell = 2 ** int(trial.rng.integers(6))
            shape = (1, 3, -(-height // cell), -(-width // cell))
            signs = torch.from_numpy(trial.rng.choice([-1.0, 1.0], size=shape)).to(trial.image)
            pattern = functional.interpolate(signs, scale_factor=cell, mode="nearest")
            way = trial.space.direction(pattern[..., :height, :width])
            moved = trial.space.project(trial.image + self.eps * way)
            value = yield moved
            if value > highest:
                highest, trial.best = value, moved
