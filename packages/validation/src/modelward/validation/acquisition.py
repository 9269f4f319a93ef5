"""Which point to ask next: near the boundary where little is known, and spread over a batch."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from modelward.core.errors import ConfigError
from modelward.validation.domain import Floats
from modelward.validation.models.base import Prediction


class Acquisition(Protocol):
    """How much a result at a point would tell of the boundary."""

    def score(self, prediction: Prediction) -> Floats:
        """Give the worth of n points, shape (n,): the highest is asked."""


class Straddle:
    """`kappa * sd - |mean|` of the margin: high where the boundary may lie.

    Raises `ConfigError` for kappa <= 0.

    >>> Straddle(kappa=2.0).score(Prediction(np.array([0.0, 3.0]), np.array([1.0, 1.0]))).tolist()
    [2.0, -1.0]

    Source: Bryan et al., Active learning for identifying function threshold boundaries, NeurIPS
    (2005), section 3.
    """

    def __init__(self, *, kappa: float = 1.96) -> None:
        if kappa <= 0:
            raise ConfigError(f"expected kappa > 0, got {kappa}")
        self.kappa = kappa

    def score(self, prediction: Prediction) -> Floats:
        """Give the score of n points, shape (n,)."""
        return np.asarray(self.kappa * prediction.sd - np.abs(prediction.mean))


class ExpectedFeasibility:
    """The mean of `max(0, width * sd - |margin|)` over what the margin may be.

    Raises `ConfigError` for width <= 0.

    >>> at = Prediction(np.array([0.0, 3.0]), np.array([1.0, 1.0]))
    >>> ExpectedFeasibility().score(at).round(3).tolist()
    [1.219, 0.083]

    Source: Bichon et al., Efficient global reliability analysis, AIAA Journal (2008), eq. 17.
    """

    def __init__(self, *, width: float = 2.0) -> None:
        if width <= 0:
            raise ConfigError(f"expected width > 0, got {width}")
        self.width = width

    def score(self, prediction: Prediction) -> Floats:
        """Give the score of n points, shape (n,)."""
        from scipy.special import ndtr

        sd = np.maximum(prediction.sd, 1e-12)
        at = prediction.mean / sd

        def density(z: Floats) -> Floats:
            return np.asarray(np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi))

        def ramp(height: Floats) -> Floats:
            """Give the mean of max(0, height + z) for a standard normal z."""
            return np.asarray(height * ndtr(height) + density(height))

        # A tent of this width is three ramps.
        tent = ramp(at + self.width) - 2.0 * ramp(at) + ramp(at - self.width)
        return np.asarray(sd * tent)


class Entropy:
    """The entropy of pass or fail in nats, weighted by the doubt that more results can remove.

    >>> Entropy().score(Prediction(np.array([0.0]), np.array([1.0]))).round(3).tolist()
    [0.693]
    """

    def score(self, prediction: Prediction) -> Floats:
        """Give the score of n points, shape (n,)."""
        p = np.clip(prediction.p_fail(), 1e-12, 1.0 - 1e-12)
        variance = np.square(prediction.sd)
        share = variance / np.maximum(variance + prediction.noise, 1e-300)
        return np.asarray(-(p * np.log(p) + (1.0 - p) * np.log1p(-p)) * share)
