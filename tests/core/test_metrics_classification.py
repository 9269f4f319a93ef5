"""Metrics of classification: against hand-computed values, scikit-learn, and their own definition."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn import metrics as sk

from modelward.core.errors import DataError
from modelward.core.metrics import metric, metrics

TRUTH = [1, 1, 1, 0, 0, 0, 0, 1]
LABEL = [1, 1, 0, 0, 0, 1, 0, 1]  # 3 found, 1 missed, 1 false, 3 rightly passed
SCORE = [0.9, 0.8, 0.4, 0.3, 0.2, 0.6, 0.4, 0.7]


@pytest.mark.parametrize(
    ("name", "predicted", "settings", "value"),
    [
        ("accuracy", LABEL, {}, 6 / 8),
        ("balanced_accuracy", LABEL, {}, (3 / 4 + 3 / 4) / 2),
        ("precision", LABEL, {}, 3 / 4),
        ("precision", LABEL, {"positive": 0}, 3 / 4),
        ("recall", LABEL, {}, 3 / 4),
        ("f1", LABEL, {}, 6 / 8),
        ("f1_macro", LABEL, {}, 6 / 8),
        # of 16 pairs 14 are right, the tie at 0.4 counts half, 0.4 < 0.6 is wrong
        ("roc_auc", SCORE, {}, 14.5 / 16),
        # from the top: 1 1 1 0 (1 0): three at precision 1, one at 4 of 6
        ("average_precision", SCORE, {}, (3 + 4 / 6) / 4),
        ("log_loss", [0.5] * 8, {}, math.log(2)),
        ("brier", [0.5] * 8, {}, 0.25),
        ("calibration_error", [0.5] * 8, {}, 0.0),
        ("calibration_error", [0.75] * 8, {}, 0.25),
        ("calibration_error", SCORE, {"bins": 1}, abs(0.5 - np.mean(SCORE))),
    ],
)
def test_by_hand(name: str, predicted: Any, settings: dict[str, Any], value: float) -> None:
    assert metric(name)(TRUTH, predicted, **settings) == pytest.approx(value, rel=1e-12)


def test_calibration_error_by_hand() -> None:
    # Bins (0, .5] and (.5, 1]: two rows of mean .3 and rate .5, three of mean .8 and rate 1/3.
    truth, chance = [0, 1, 0, 0, 1], [0.1, 0.5, 0.7, 0.8, 0.9]
    expected = 2 / 5 * abs(0.5 - 0.3) + 3 / 5 * abs(1 / 3 - 0.8)
    assert metric("calibration_error")(truth, chance, bins=2) == pytest.approx(expected)
    # Many classes: confidence of the top one, .6 wrong, .9 and .8 right, in one bin (.5, 1].
    rows = [[0.6, 0.3, 0.1], [0.05, 0.9, 0.05], [0.1, 0.1, 0.8]]
    found = metric("calibration_error")([1, 1, 2], rows, bins=2)
    assert found == pytest.approx(abs(2 / 3 - (0.6 + 0.9 + 0.8) / 3))
    # Guessing by chance of a calibrated model: the error goes to 0 with n, from above.
    rng = np.random.default_rng(0)
    p = rng.random(200_000)
    assert metric("calibration_error")((rng.random(len(p)) < p).astype(int), p) < 0.01


def test_edges_of_bins_belong_to_the_bin_below() -> None:
    # 3/15 and 6/15 are not exact floats; alone in their bins the error is the gap of each.
    truth = [0, 1]
    for k in range(1, 15):
        chance = np.array([k / 15, np.nextafter(k / 15, 1)])
        found = metric("calibration_error")(truth, chance)
        assert found == pytest.approx((k / 15 + 1 - k / 15) / 2)


@st.composite
def labelled(draw: Any) -> tuple[Any, Any, Any]:
    n = draw(st.integers(1, 40))
    names = draw(st.sampled_from([[0, 1], [0, 1, 2, 5], ["cat", "dog", "owl"], [False, True]]))
    columns = [draw(st.lists(st.sampled_from(names), min_size=n, max_size=n)) for _ in range(2)]
    weights = draw(st.none() | st.lists(st.integers(1, 5), min_size=n, max_size=n))
    return *map(np.array, columns), weights


@given(labelled(), st.randoms(use_true_random=False))
def test_of_drawn_rows_is_the_metric_of_those_rows(data: Any, random: Any) -> None:
    """What the bootstrap computes by counting is what scikit-learn computes of the rows drawn."""
    truth, predicted, weights = data
    n = len(truth)
    rows = np.array([[random.randrange(n) for _ in range(n)] for _ in range(3)])
    for name in ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "f1_macro"):
        settings = {"positive": truth[0]} if name in {"precision", "recall", "f1"} else {}
        many = metric(name)._statistic(truth, predicted, weights, settings)(rows)
        for drawn, value in zip(rows, many, strict=True):
            chosen = None if weights is None else np.array(weights)[drawn]
            one = metric(name)(truth[drawn], predicted[drawn], weights=chosen, **settings)
            assert value == pytest.approx(one, rel=1e-12, nan_ok=True)


@st.composite
def scored(draw: Any) -> tuple[Any, Any, Any]:
    n = draw(st.integers(2, 40))
    truth = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    score = draw(st.lists(st.integers(0, 10).map(lambda k: k / 10), min_size=n, max_size=n))
    weights = draw(st.none() | st.lists(st.integers(1, 5), min_size=n, max_size=n))
    return np.array(truth), np.array(score), weights


@given(scored(), st.randoms(use_true_random=False))
def test_of_drawn_rows_for_scores(data: Any, random: Any) -> None:
    truth, score, weights = data
    n = len(truth)
    rows = np.array([[random.randrange(n) for _ in range(n)] for _ in range(3)])
    for name in ("roc_auc", "average_precision", "log_loss", "brier", "calibration_error"):
        many = metric(name)._statistic(truth, score, weights, {})(rows)
        for drawn, value in zip(rows, many, strict=True):
            chosen = None if weights is None else np.array(weights)[drawn]
            one = metric(name)(truth[drawn], score[drawn], weights=chosen)
            assert value == pytest.approx(one, rel=1e-12, abs=1e-14, nan_ok=True)


@given(scored())
def test_against_scikit_learn(data: Any) -> None:
    truth, score, weights = data
    assume(0 < truth.sum() < len(truth))
    label = (score > 0.5).astype(int)
    w = {"sample_weight": weights}
    many = np.stack([score / 2, score / 2, 1 - score], axis=1)
    expected = {
        "accuracy": (label, sk.accuracy_score(truth, label, **w)),
        "balanced_accuracy": (label, sk.balanced_accuracy_score(truth, label, **w)),
        "recall": (label, sk.recall_score(truth, label, **w)),
        "f1": (label, sk.f1_score(truth, label, **w)),
        "roc_auc": (score, sk.roc_auc_score(truth, score, **w)),
        "average_precision": (score, sk.average_precision_score(truth, score, **w)),
        "brier": (score, sk.brier_score_loss(truth, score, **w)),
        "log_loss": (many, sk.log_loss(truth, many, labels=[0, 1, 2], **w)),
    }
    for name, (predicted, value) in expected.items():
        found = metric(name)(truth, predicted, weights=weights)
        assert found == pytest.approx(value, rel=1e-12), name
        low, high = metric(name).range
        assert low <= found <= high


def test_rows_are_what_the_mean_is_of() -> None:
    for name, predicted in (("accuracy", LABEL), ("log_loss", SCORE), ("brier", SCORE)):
        rows = metric(name).rows
        assert rows is not None
        assert rows(TRUTH, predicted).mean() == pytest.approx(metric(name)(TRUTH, predicted))


@pytest.mark.parametrize(
    ("name", "truth", "predicted", "settings"),
    [
        ("precision", [1, 0], [0, 0], {}),
        ("recall", [0, 0], [1, 0], {}),
        ("f1", [0, 0], [0, 0], {}),
        ("precision", [1, 0], [1, 0], {"positive": 7}),
        ("roc_auc", [0, 0], [0.1, 0.2], {}),
        ("average_precision", [0, 0], [0.1, 0.2], {}),
    ],
)
def test_nan_where_undefined(name: str, truth: Any, predicted: Any, settings: Any) -> None:
    assert math.isnan(metric(name)(truth, predicted, **settings))
    found = metric(name)._statistic(truth, predicted, None, settings)(np.array([[0, 1]]))
    assert np.isnan(found).all()


def test_a_class_that_is_rarely_drawn_is_no_trouble() -> None:
    truth = [1] + [0] * 5
    found = metric("roc_auc").estimate(truth, [0.9, 0.1, 0.2, 0.3, 0.95, 0.4], resamples=500)
    assert found.value == 0.8
    assert found.high == 1.0


@pytest.mark.parametrize("kind", ["series", "categorical", "object", "tensor", "text"])
def test_columns_of_many_kinds(kind: str) -> None:
    import pandas as pd

    torch = pytest.importorskip("torch")

    make: Any = {
        "series": lambda x: pd.Series(x, index=range(5, 5 + len(x))),
        "categorical": lambda x: pd.Series(x, dtype="category"),
        "object": lambda x: np.array(x, dtype=object),
        "tensor": torch.tensor,
        "text": lambda x: [str(each) for each in x],
    }[kind]
    positive = "1" if kind == "text" else 1
    assert metric("accuracy")(make(TRUTH), make(LABEL)) == 0.75
    found = metric("f1").estimate(make(TRUTH), make(LABEL), positive=positive, resamples=100)
    assert found.value == 0.75


BAD = [
    ("accuracy", [1, 0], [1], {}, "expected one row of each for every observation"),
    ("accuracy", [], [], {}, "expected at least one row, got none"),
    ("accuracy", 1, 1, {}, "got the shapes {'y_true': (), 'y_pred': ()}"),
    ("accuracy", [[1], [0]], [1, 0], {}, "expected y_true of shape (n,), got (2, 1)"),
    ("accuracy", [1, 0], [[0.1, 0.9], [0.8, 0.2]], {}, "Hint: take argmax(axis=1) for labels"),
    ("accuracy", [1, 0], ["1", "0"], {}, "of one kind, got numbers in y_true and text in y_pred"),
    (
        "accuracy",
        [1.0, math.nan],
        [1.0, 0.0],
        {},
        "finite numbers in y_true, got nan (row 1; 1 of 2",
    ),
    ("accuracy", ["a", None], ["a", "b"], {}, "all text or all numbers, got a mixture in y_true"),
    (
        "accuracy",
        [1, 0],
        [1, 0],
        {"weights": [1, -1]},
        "expected weights >= 0, not all 0, got -1.0",
    ),
    ("accuracy", [1, 0], [1, 0], {"weights": [0, 0]}, "not all 0, got 0.0 to 0.0"),
    ("accuracy", [1, 0], [1, 0], {"weights": [1]}, "'weights': (1,)"),
    ("accuracy", [1, 0], [1, 0], {"weights": ["a", "b"]}, "expected numbers in weights"),
    ("roc_auc", [1, 2], [0.1, 0.2], {}, "expected classes 0 to 1 in y_true, got 2 (row 1)"),
    ("roc_auc", [1, 0], [0.1, math.inf], {}, "expected finite numbers in y_pred, got inf (row 1"),
    ("brier", [1, 0], [0.1, 1.2], {}, "expected probabilities in [0, 1], got 1.2 (row 1)"),
    ("brier", [1, 0], [-3.0, 0.2], {}, "Hint: put logits through a sigmoid or softmax first."),
    ("brier", [1, 0], [[0.1, 0.9]] * 2, {}, "expected the probability of class 1, of shape (n,)"),
    ("log_loss", [1, 0], [[0.1, 0.8]] * 2, {}, "of a row to sum to 1, got 0.9"),
    ("log_loss", [1, 0], [[1.0]] * 2, {}, "of shape (n,) or (n, C) with C >= 2, got (2, 1)"),
    ("log_loss", [1, 3], [[0.1, 0.9]] * 2, {}, "expected classes 0 to 1 in y_true, got 3 (row 1)"),
    ("log_loss", [1, 0.5], [[0.1, 0.9]] * 2, {}, "got 0.5 (row 1)"),
    ("calibration_error", [1, 0], [0.1, 0.9], {"bins": 0}, "expected bins >= 1, got 0"),
]


@pytest.mark.parametrize(("name", "truth", "predicted", "settings", "message"), BAD)
def test_bad_input(name: str, truth: Any, predicted: Any, settings: Any, message: str) -> None:
    for call in (metric(name), metric(name).estimate):
        with pytest.raises(DataError) as caught:
            call(truth, predicted, **settings)
        assert message in str(caught.value)


def test_zero_weights_in_a_resample_are_left_out() -> None:
    weights = [1.0, 1.0, 0.0, 0.0]
    for spec in metrics(task="classification"):
        predicted = [1, 0, 1, 0] if spec.prediction == "label" else [0.8, 0.4, 0.7, 0.1]
        truth = [1, 1, 1, 0] if spec.name != "roc_auc" else [1, 0, 1, 0]
        statistic = spec._statistic(truth, predicted, weights, {})
        assert np.isnan(statistic(np.array([[2, 3, 2, 3]]))).all(), spec.name
