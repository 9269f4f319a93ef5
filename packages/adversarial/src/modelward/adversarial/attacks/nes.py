"""Natural evolution strategies: a gradient guessed from answers."""

from __future__ import annotations

import torch
from torch import Tensor

from modelward.adversarial.attacks.asking import QueryAttack, Search, Trial
from modelward.adversarial.attacks.space import Norm
from modelward.core.errors import ConfigError


class NES(QueryAttack):
    """Steps along a gradient estimated from pairs of noisy copies: g = Σ (J(x + σu) - J(x - σu)) u.

    Each step asks about `pairs` pairs (u normal, σ = `sigma`), and moves by `step` (by default eps / 4) in
    the direction of the sum. Of all that was asked about, the best within the ball is kept.

    Raises `ConfigError` for fewer than one pair, a budget below one step, and numbers that are not
    positive.

    >>> NES(queries=200, pairs=20).pairs
    20

    Source: Ilyas et al., Black-box Adversarial Attacks with Limited Queries and Information,
    arXiv 1804.08598, section 2.2 (algorithm 1).
    """

    def __init__(
        self,
        *,
        eps: float = 8 / 255,
        norm: Norm = "linf",
        queries: int = 500,
        pairs: int = 10,
        sigma: float = 4 / 255,
        step: float | None = None,
    ) -> None:
        super().__init__(eps=eps, norm=norm, queries=queries)
        self.pairs = pairs
        self.sigma = sigma
        self.step = eps / 4 if step is None else step
        if pairs < 1 or queries < 2 * pairs or sigma <= 0 or self.step <= 0:
            raise ConfigError(
                "expected pairs >= 1, queries >= 2 pairs, sigma > 0 and step > 0, "
                f"got {pairs}, {queries}, {sigma} and {self.step}"
            )

    def search(self, trial: Trial) -> Search:
        """Estimate and step."""
        shape = tuple(trial.image.shape)
        at, highest = trial.image, -torch.inf
        while True:
            total = torch.zeros_like(at)
            for _ in range(self.pairs):
                noise = torch.from_numpy(trial.rng.normal(size=shape)).to(at)
                values = []
                for sign in (1, -1):
                    near = trial.space.project(at + sign * self.sigma * noise)
                    values.append((yield near))
                    if values[-1] > highest:
                        highest, trial.best = values[-1], near
                total += (values[0] - values[1]) * noise
            if not bool(total.abs().max() > 0):  # a plain: go on in any direction
                total = torch.from_numpy(trial.rng.normal(size=shape)).to(at)
            at = self._moved(trial, at, total)

    def _moved(self, trial: Trial, at: Tensor, slope: Tensor) -> Tensor:
        return trial.space.project(at + self.step * trial.space.direction(slope))
