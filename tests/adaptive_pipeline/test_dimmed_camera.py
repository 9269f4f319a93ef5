"""The policy as it comes, on real camera features: a dimmed camera is answered, an even one left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from river.datasets import ImageSegments
from sklearn.ensemble import RandomForestClassifier

from modelward.adaptive_pipeline import AdaptivePipeline, Store
from modelward.adaptive_pipeline.testing import MemoryRegistry

DIMMED = ["intensity-mean", "rawred-mean", "rawblue-mean", "rawgreen-mean", "value-mean"]


def fit(x: pd.DataFrame, y: Any) -> Any:
    return RandomForestClassifier(15, random_state=0).fit(x, y)


@pytest.mark.slow
@pytest.mark.parametrize("shift", [400, None])
def test_only_a_dimmed_camera_leads_to_a_new_model(store: Store, shift: int | None) -> None:
    rows = list(ImageSegments())
    order = np.random.default_rng(0).permutation(len(rows))
    x = pd.DataFrame([rows[i][0] for i in order]).astype(float)
    y = [rows[i][1] for i in order]
    registry = MemoryRegistry()
    registry.register(fit(x[:800], y[:800]), alias="champion", columns=list(x.columns))
    loop = AdaptivePipeline(
        store=store, registry=registry, train=lambda data, context: fit(data.X, data.y)
    )
    stream = x[800:1800].reset_index(drop=True)
    if shift is not None:
        stream.loc[shift:, DIMMED] *= 0.4
    for row, features in enumerate(stream.to_dict("records")):
        loop.predict(features, f"r{row}")
        if row >= 30:
            loop.label(f"r{row - 30}", y[800 + row - 30])
    if shift is None:
        assert loop.ledger.entries() == []
        assert registry.aliases == {"champion": "1"}
        return
    (adaptation,) = loop.summary().adaptations
    assert abs(adaptation.since - shift) <= 60
    assert adaptation.promoted <= shift + 400
    assert adaptation.before.value < 0.1 < adaptation.drifted.low
    assert adaptation.after.high < adaptation.drifted.low
