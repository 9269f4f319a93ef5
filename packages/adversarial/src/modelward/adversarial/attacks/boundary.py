"""The boundary attack: along the border of what fools, ever nearer to the image."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor

from modelward.adversarial.attacks.asking import Search, Trial
from modelward.adversarial.attacks.deciding import DecisionAttack
from modelward.adversarial.attacks.space import Norm


class Boundary(DecisionAttack):
    """Begins far off, where all is lost, and walks towards the image without ever being seen.

    First a bisection between the image and noise (or a plain image) that fools. Then each pair of steps
    goes sideways at the same distance, at random, and forwards; either shrinks when too few of its last
    tries fool, and grows when many do. What counts is the Euclidean distance: at small `linf`, `RayS`
    gets further.

    Raises `ConfigError` as `DecisionAttack` does.

    >>> Boundary(eps=3.0, queries=100).norm
    'l2'

    Source: Brendel, Rauber and Bethge, Decision-Based Adversarial Attacks, arXiv 1712.04248, section 2.
    """

    def __init__(
        self,
        *,
        eps: float = 5.0,
        norm: Norm = "l2",
        queries: int = 1000,
        threshold: float = 0.3,
        share: float = 1.0,
    ) -> None:
        super().__init__(eps=eps, norm=norm, queries=queries, threshold=threshold, share=share)

    def search(self, trial: Trial) -> Search:
        """Find a start, the border, and the way along it."""
        image = trial.image
        at = None
        for start in self._starts(trial):
            if (yield start):
                at = start
                break
        if at is None:
            return
        low, high = 0.0, 1.0
        while high - low > 1e-2:
            middle = (low + high) / 2
            fooled = yield _kept(trial, image + middle * (at - image))
            low, high = (low, middle) if fooled else (middle, high)
        at = trial.best = _kept(trial, image + high * (at - image))
        sideways, forwards = 0.1, 0.1
        aside: deque[float] = deque(maxlen=10)
        ahead: deque[float] = deque(maxlen=10)
        while True:
            beside = self._beside(trial, at, sideways)
            aside.append((yield beside))
            if aside[-1]:
                nearer = _kept(trial, beside + forwards * (image - beside))
                ahead.append((yield nearer))
                if ahead[-1]:
                    at = trial.best = nearer
            sideways = _adapted(sideways, aside, wanted=0.5)
            forwards = min(_adapted(forwards, ahead, wanted=0.25), 0.9)
            if forwards < 1e-6:
                return

    def _starts(self, trial: Trial) -> Iterator[Tensor]:
        """Give images that may fool: noise, plain ones, and the negative."""
        shape = tuple(trial.image.shape)
        for _ in range(3):
            yield _kept(trial, torch.from_numpy(trial.rng.uniform(size=shape)).to(trial.image))
        for level in (0.5, 0.0, 1.0):
            yield _kept(trial, torch.full_like(trial.image, level))
        yield _kept(trial, 1 - trial.image)

    def _beside(self, trial: Trial, at: Tensor, size: float) -> Tensor:
        """Step at random, at right angles to the way to the image, and stay as far from it."""
        way = at - trial.image
        distance = way.norm()
        noise = torch.from_numpy(trial.rng.normal(size=tuple(at.shape))).to(at)
        noise = noise - (noise * way).sum() / distance.square().clamp(min=1e-20) * way
        moved = way + size * distance * noise / noise.norm().clamp(min=1e-20)
        return _kept(trial, trial.image + moved * (distance / moved.norm().clamp(min=1e-20)))


def _adapted(size: float, tries: deque[float], *, wanted: float) -> float:
    """Grow or shrink a step by how many of its last ten tries fooled; then begin to count anew."""
    if len(tries) < 10:
        return size
    rate = sum(tries) / len(tries)
    tries.clear()
    return size * 1.5 if rate > wanted else size / 1.5


def _kept(trial: Trial, moved: Tensor) -> Tensor:
    """Keep to pixels and to the mask."""
    moved = moved.clamp(0, 1)
    mask = trial.space.mask
    return moved if mask is None else torch.where(mask > 0, moved, trial.image)
