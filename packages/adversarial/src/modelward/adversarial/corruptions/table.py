"""All corruptions by name."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

import numpy as np
from torch import Tensor

from modelward.adversarial.corruptions import blur, digital, noise, weather
from modelward.core.errors import ConfigError

Corrupt = Callable[[Tensor, int, np.random.Generator], Tensor]

CORRUPTIONS: dict[str, Corrupt] = {
    function.__name__: function
    for function in (
        noise.gaussian_noise,
        noise.shot_noise,
        noise.impulse_noise,
        blur.gaussian_blur,
        blur.defocus_blur,
        blur.motion_blur,
        weather.fog,
        weather.snow,
        weather.rain,
        weather.brightness,
        weather.contrast,
        digital.jpeg,
        digital.pixelate,
    )
}
"""Each maps an image, a severity and a generator to an image."""


def corrupted(image: Tensor, kind: str, *, severity: int, rng: np.random.Generator) -> Tensor:
    """Corrupt an image `(3, H, W)` in [0, 1] by one of `CORRUPTIONS`, at a severity of 1 to 5.

    Raises `ConfigError` for another kind, naming the nearest, or severity.

    >>> import torch
    >>> dark = torch.zeros(3, 8, 8)
    >>> round(float(corrupted(dark, "brightness", severity=3, rng=np.random.default_rng(0)).max()), 2)
    0.3

    Source: Hendrycks and Dietterich, Benchmarking Neural Network Robustness to Common Corruptions and
    Perturbations, arXiv 1903.12261, appendix B; for detectors: Michaelis et al., arXiv 1907.07484.
    """
    if kind not in CORRUPTIONS:
        near = get_close_matches(kind, CORRUPTIONS, n=1)
        raise ConfigError(
            f"expected a corruption of {', '.join(CORRUPTIONS)}, got {kind!r}",
            hint=f"did you mean {near[0]!r}?" if near else "",
        )
    if severity not in range(1, 6):
        raise ConfigError(f"expected a severity of 1 to 5, got {severity}")
    return CORRUPTIONS[kind](image, severity, rng).clamp(0, 1)
