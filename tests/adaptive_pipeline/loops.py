"""A loop on doubles: quick to train, on a clock that stands still."""

from __future__ import annotations

from typing import Any

from modelward.adaptive_pipeline import (
    AdaptivePipeline,
    Arbiter,
    Comparison,
    Inline,
    Performance,
    SinceDrift,
    Store,
)
from modelward.adaptive_pipeline.testing import learn


def pipeline(store: Store, registry: Any, train: Any = learn, **more: Any) -> AdaptivePipeline:
    """A pipeline with settings for a few hundred labels, and no watch; `more` takes their place."""
    settings: dict[str, Any] = {
        "triggers": [Performance(reference=150)],
        "window": SinceDrift(minimum=100),
        "comparison": Comparison(minimum=60, maximum=400),
        "arbiter": Arbiter(cooldown=100),
        "clock": lambda: 0.0,
        "executor": Inline(),
        "watch": 0,
    }
    return AdaptivePipeline(store=store, registry=registry, train=train, **settings | more)
