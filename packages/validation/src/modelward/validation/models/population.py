"""The models a competition starts with, and where replacements come from."""

from __future__ import annotations

from collections.abc import Callable

from modelward.validation.models.base import Surrogate


def founders() -> list[Callable[[], Surrogate]]:
    """Give makers of the families, in the order in which places are given out."""
    from modelward.validation.models.baselines import Logistic, Neighbours
    from modelward.validation.models.boosting import Boosting
    from modelward.validation.models.forest import Forest
    from modelward.validation.models.gaussian_process import GaussianProcess
    from modelward.validation.models.neural import Neural

    return [
        GaussianProcess,
        Boosting,
        Forest,
        Neural,
        Logistic,
        Neighbours,
        lambda: Forest(random=False),
        lambda: GaussianProcess(reach=0.3),
    ]


def population(n: int) -> list[Surrogate]:
    """Give n models to start with: each family once, then again with other settings.

    >>> [model.name for model in population(3)]
    ['Gaussian process', 'boosting', 'forest']
    """
    import numpy as np

    makers = founders()
    rng = np.random.default_rng(0)
    models: list[Surrogate] = []
    for i in range(n):
        model = makers[i % len(makers)]()
        models.append(model if i < len(makers) else model.mutate(rng))
    return models
