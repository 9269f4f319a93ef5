"""Kinds of columns: kept with the registered version, and held against the very first row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sqlalchemy import func, select

from modelward.adaptive_pipeline import Gateway, Registry, Scorer, Serving, Store
from modelward.adaptive_pipeline.host import Host
from modelward.adaptive_pipeline.kinds import described
from modelward.adaptive_pipeline.store.schema import predictions
from modelward.adaptive_pipeline.testing import MemoryRegistry, Threshold
from modelward.core.errors import DataError

X = pd.DataFrame({"speed": [8.5, 9.0, 9.5, 8.0], "vessel": ["Ann", "Bo", "Ann", "Bo"]})


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ([1, 2], "number"),
        ([1.5, np.nan], "number"),
        (["a", None], "text"),
        ([True, False], "boolean"),
        (pd.Categorical(["a", "b"]), "text"),
        (pd.Categorical([1, 2]), "number"),
        (pd.array([1, None], dtype="Int64"), "number"),
        (pd.array(["a", None], dtype="string"), "text"),
        ([1, "a"], None),
        (pd.to_datetime(["2026-01-01", "2026-01-02"]), None),
    ],
)
def test_the_kind_of_a_column_is_that_of_its_values(column: Any, kind: str | None) -> None:
    assert described(pd.DataFrame({"x": column})).kinds == (kind,)


def test_kinds_may_be_said_by_hand_or_left_open() -> None:
    assert described({"x": "number", "y": None}) == (("x", "y"), ("number", None))
    assert described(pd.Index(["x"])) == (("x",), (None,))
    with pytest.raises(DataError, match="expected the kinds number, text, boolean, got"):
        described({"x": "float"})


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ({"x": "1", "on": True, "who": "a"}, "a text in column 'x' (a number expected)"),
        ({"x": True, "on": True, "who": "a"}, "a boolean in column 'x' (a number expected)"),
        ({"x": 1, "on": 0.5, "who": "a"}, "a number in column 'on' (a boolean expected)"),
        ({"x": 1, "on": 1, "who": 7}, "a number in column 'who' (a text expected)"),
    ],
)
def test_the_first_row_of_another_kind_is_refused_and_not_recorded(
    store: Store, call: Any, row: dict[str, Any], wrong: str
) -> None:
    scorer = Scorer("1", lambda f: f["x"] * 2, ("x", "on", "who"), ("number", "boolean", "text"))
    gateway = Gateway(store, Serving(scorer))
    answer = call(gateway.app, "POST", "/predict", json={"row": row})
    assert answer.status_code == 422
    assert wrong in answer.json()["detail"]
    good = {"x": 1, "on": 1, "who": "a"}
    assert call(gateway.app, "POST", "/predict", json={"row": good}).json()["prediction"] == 2
    gateway.close()
    with store.reading() as tx:
        assert tx.scalar(select(func.count()).select_from(predictions)) == 1


def test_they_go_through_the_registry_and_into_a_process_of_its_own(registry: Registry) -> None:
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["vessel"]), remainder="passthrough"),
        LinearRegression(),
    ).fit(X, [1.0, 2.0, 3.0, 4.0])
    version = registry.register(model, alias="champion", columns=X).version
    scorer = registry.load(version)
    assert (scorer.columns, scorer.kinds) == (("speed", "vessel"), ("number", "text"))
    host = Host(registry, version)
    try:
        assert host.scorer.kinds == ("number", "text")
    finally:
        host.close()
    named = registry.register(model, alias="champion", columns=X.columns).version
    assert registry.load(named).kinds is None


def test_a_retrained_version_knows_them(memory: MemoryRegistry, store: Store) -> None:
    from modelward.adaptive_pipeline.retrainer.job import Registration

    rows = pd.DataFrame({"x": [0.1, 0.9], "who": ["a", "b"]})
    kept = Registration(memory, "challenger", described(rows), {}, {})
    scorer = memory.load(kept.keep(Threshold(0.5), seconds=0.1))
    assert (scorer.columns, scorer.kinds) == (("x", "who"), ("number", "text"))
