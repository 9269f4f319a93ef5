"""The host on a real registry: what MLflow loads in the child answers as it does here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier

from modelward.adaptive_pipeline import Registry
from modelward.adaptive_pipeline.host import Host
from modelward.core.errors import DataError, ServiceError, StateError

rng = np.random.default_rng(0)
X = pd.DataFrame(rng.normal(size=(200, 2)), columns=["a", "b"])
FOREST = RandomForestClassifier(5, random_state=0).fit(X, np.where(X["a"] > 0, "up", "down"))


def save_steered(_: Any, folder: Path) -> None:
    """Write a model of MLflow that does what the row's `x` says."""
    import os

    from mlflow import pyfunc

    class Steered(pyfunc.PythonModel):  # type: ignore[misc]
        def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
            x = int(model_input["x"].iloc[0])
            if x == 1:
                os._exit(1)
            if x == 2:
                os.kill(os.getpid(), 11)
            if x == 3:
                while True:
                    pass
            if x == 4:
                return model_input["x"] * float("nan")
            if x == 5:
                return model_input.assign(y=1)
            if x == 6:
                bytearray(4 << 30)
            print("to stdout")  # noqa: T201 - what models do
            return pd.DataFrame({"answer": model_input["x"] * 2})

    pyfunc.save_model(str(folder), python_model=Steered(), pip_requirements=["pandas"])


@pytest.fixture(scope="module")
def kept(mlflow_home: Path) -> dict[str, Any]:
    """A registry with a forest, and one with a model that does harm."""
    made = {}
    for name, model, columns, save in (
        ("forest", FOREST, X.columns, None),
        ("steered", object(), ["x"], save_steered),
    ):
        registry = Registry(
            name=f"host-{name}",
            tracking_uri=f"sqlite:///{mlflow_home / 'mlflow.db'}",
            artifacts=mlflow_home / "artifacts" / f"host-{name}",
            save=save,
        )
        version = registry.register(model, alias="champion", columns=columns).version
        made[name] = (registry, version)
    return made


@pytest.fixture(scope="module")
def steered(kept: dict[str, Any]) -> Iterator[Host]:
    host = Host(*kept["steered"], timeout=2.0, memory=1 << 30, restarts=10)
    yield host
    host.close()


def test_it_answers_as_the_registry_does(kept: dict[str, Any]) -> None:
    registry, version = kept["forest"]
    here, host = registry.load(version), Host(registry, version)
    try:
        there = host.scorer
        rows = X.to_dict("records")
        assert (there.version, there.columns) == (here.version, here.columns)
        assert there.score_many(rows) == here.score_many(rows) == list(FOREST.predict(X))
        assert there.score(rows[0]) == here.score(rows[0])
        with pytest.raises(DataError, match="feature names"):
            there.score({"a": 1.0, "other": 2.0})
        assert there.score(rows[1]) == here.score(rows[1])
    finally:
        host.close()


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (1, ServiceError, "its process ended"),
        (2, ServiceError, "its process ended"),
        (3, ServiceError, "longer than 2 seconds"),
        (4, DataError, "finite number as the answer"),
        (5, DataError, "a sequence of answers, one for each row, got DataFrame"),
        (6, ServiceError, "its process ended"),
    ],
)
def test_harm_stays_there_and_the_next_call_is_answered(
    steered: Host, capfd: pytest.CaptureFixture[str], x: int, error: type[Exception], message: str
) -> None:
    scorer = steered.scorer
    assert scorer.score({"x": 8}) == 16
    with pytest.raises(error, match=message):
        scorer.score({"x": x})
    assert scorer.score({"x": 9}) == 18
    assert "to stdout" not in capfd.readouterr().out


def test_a_version_that_is_not_there(kept: dict[str, Any]) -> None:
    registry, _ = kept["forest"]
    host = Host(registry, "99")
    with pytest.raises(ServiceError, match=f"to load, got: {StateError.__name__}"):
        _ = host.scorer
    host.close()
