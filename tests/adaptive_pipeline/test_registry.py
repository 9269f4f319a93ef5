"""The registry on a real MLflow database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from modelward.adaptive_pipeline import Registry
from modelward.adaptive_pipeline.testing import Threshold
from modelward.core.errors import ConfigError, DataError, StateError

rng = np.random.default_rng(0)
X = pd.DataFrame(rng.normal(size=(60, 2)), columns=["a", "b"])
y = np.where(X["a"] > 0, "up", "down")


def test_a_model_comes_back_as_it_went_in(registry: Registry) -> None:
    model = RandomForestClassifier(5, random_state=0).fit(X, y)
    made = registry.register(
        model, alias="champion", columns=X.columns, params={"rows": 60}, metrics={"loss": 0.25}
    )
    assert registry.find("champion") == made
    assert registry.find("challenger") is None
    scorer = registry.load(made.version)
    assert scorer.columns == ("a", "b")
    assert list(scorer.predict(X)) == list(model.predict(X))
    run = registry._client.get_run(made.run_id)
    assert run.data.params["rows"] == "60"
    assert run.data.metrics["loss"] == 0.25


def test_promotion_moves_the_alias_and_may_be_repeated(registry: Registry) -> None:
    model = LogisticRegression().fit(X, y)
    registry.register(model, alias="champion", columns=X.columns)
    second = registry.register(
        model, alias="challenger", columns=X.columns, tags={"modelward.order": "o1"}
    )
    assert registry.tag(second.version, "modelward.order") == "o1"
    assert registry.tag(second.version, "other") is None
    for _ in range(2):
        registry.promote(second.version)
        assert registry.find("champion") == second
        assert registry.find("challenger") is None


def test_files_changed_after_registration_are_not_loaded(registry: Registry) -> None:
    made = registry.register(LogisticRegression().fit(X, y), alias="champion", columns=X.columns)
    place = Path(str(registry.artifacts)).rglob("model.skops")
    path = next(place)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(StateError, match="they were changed after they were registered"):
        registry.load(made.version)


def test_nothing_global_of_mlflow_is_touched(registry: Registry) -> None:
    import mlflow

    before = mlflow.get_tracking_uri()
    registry.register(LogisticRegression().fit(X, y), alias="champion", columns=X.columns)
    assert mlflow.get_tracking_uri() == before
    assert mlflow.active_run() is None


def test_what_cannot_be_kept_safely_is_refused(registry: Registry) -> None:
    class Odd(BaseEstimator):
        def fit(self, X: Any, y: Any) -> Odd:
            self.inner_ = Threshold(0.0)
            return self

    with pytest.raises(DataError, match="expected a scikit-learn estimator, got Threshold"):
        registry.register(Threshold(0.5), alias="champion", columns=["x"])
    with pytest.raises(DataError, match="expected a model of scikit-learn's own types"):
        registry.register(Odd().fit(X, y), alias="champion", columns=["x"])
    assert registry.find("champion") is None


def test_an_unknown_version_is_named(registry: Registry) -> None:
    with pytest.raises(StateError, match="expected version 99 of the registered model"):
        registry.load("99")
    with pytest.raises(ConfigError, match="expected a name"):
        Registry(name="", tracking_uri="sqlite://")
