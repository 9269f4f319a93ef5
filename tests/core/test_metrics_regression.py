"""Metrics of regression: against hand-computed values, scikit-learn, and their own definition."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from modelward.core.errors import DataError
from modelward.core.metrics import Moments, metric, metrics

TRUTH = [1.0, 2.0, 4.0, 5.0]
PREDICTED = [2.0, 2.0, 1.0, 7.0]  # errors 1, 0, -3, 2


@pytest.mark.parametrize(
    ("name", "settings", "value"),
    [
        ("mae", {}, 1.5),
        ("mae", {"weights": [1, 1, 0, 2]}, 5 / 4),
        ("rmse", {}, math.sqrt(14 / 4)),
        ("r2", {}, 1 - 14 / 10),
        ("mape", {}, (1 + 0 + 3 / 4 + 2 / 5) / 4),
        ("medae", {}, 1.5),
        ("pinball", {}, 0.75),
        # too low by 3 costs 0.9 each, too high by 1 and 2 costs 0.1 each
        ("pinball", {"quantile": 0.9}, (0.1 + 2.7 + 0.2) / 4),
    ],
)
def test_by_hand(name: str, settings: dict[str, Any], value: float) -> None:
    assert metric(name)(TRUTH, PREDICTED, **settings) == pytest.approx(value, rel=1e-12)


@st.composite
def columns(draw: Any) -> tuple[Any, Any, Any]:
    n = draw(st.integers(2, 40))
    numbers = st.integers(1, 2_000).map(lambda k: k / 7)
    truth, predicted = (np.array(draw(st.lists(numbers, min_size=n, max_size=n))) for _ in range(2))
    weights = draw(st.none() | st.lists(st.integers(1, 5), min_size=n, max_size=n))
    return truth, predicted, weights


@given(columns(), st.randoms(use_true_random=False))
def test_of_drawn_rows_is_the_metric_of_those_rows(data: Any, random: Any) -> None:
    truth, predicted, weights = data
    n = len(truth)
    rows = np.array([[random.randrange(n) for _ in range(n)] for _ in range(3)])
    for spec in metrics(task="regression"):
        many = spec._statistic(truth, predicted, weights, {})(rows)
        for drawn, value in zip(rows, many, strict=True):
            chosen = None if weights is None else np.array(weights)[drawn]
            one = spec(truth[drawn], predicted[drawn], weights=chosen)
            if spec.name == "r2" and np.ptp(truth[drawn]) == 0:
                assert not math.isfinite(one)  # undefined; rounding may leave a spread of 1e-30
            else:
                assert value == pytest.approx(one, rel=1e-9, abs=1e-12), spec.name


@given(columns())
def test_against_scikit_learn(data: Any) -> None:
    truth, predicted, weights = data
    w = {"sample_weight": weights}
    expected = {
        "mae": sk.mean_absolute_error(truth, predicted, **w),
        "rmse": math.sqrt(sk.mean_squared_error(truth, predicted, **w)),
        "mape": sk.mean_absolute_percentage_error(truth, predicted, **w),
        "medae": sk.median_absolute_error(truth, predicted, **w),
        "pinball": sk.mean_pinball_loss(truth, predicted, alpha=0.5, **w),
    }
    if np.ptp(truth) > 0:
        expected["r2"] = sk.r2_score(truth, predicted, **w)
    for name, value in expected.items():
        assert metric(name)(truth, predicted, weights=weights) == pytest.approx(value, rel=1e-12)


def test_the_best_forecast_of_a_quantile_is_the_quantile() -> None:
    sample = np.random.default_rng(0).exponential(size=2_000)
    candidates = np.linspace(0, 4, 401)
    losses = [metric("pinball")(sample, np.full(2_000, c), quantile=0.8) for c in candidates]
    assert candidates[np.argmin(losses)] == pytest.approx(np.quantile(sample, 0.8), abs=0.02)


def test_rows_are_losses_that_can_be_kept_as_moments() -> None:
    rows = metric("mae").rows
    assert rows is not None
    kept = Moments.of(rows(TRUTH[:2], PREDICTED[:2])) + Moments.of(rows(TRUTH[2:], PREDICTED[2:]))
    assert kept.mean == metric("mae")(TRUTH, PREDICTED)


@pytest.mark.slow
def test_interval_of_the_rmse_covers() -> None:
    rng, held = np.random.default_rng(0), 0
    for _ in range(600):
        error = rng.normal(scale=2.0, size=100)
        found = metric("rmse").estimate(np.zeros(100), error, seed=rng, resamples=1_000)
        held += not found.excludes(2.0)
    assert 0.91 <= held / 600 <= 0.975


def test_large_offsets_do_not_disturb_r2() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=100)
    predicted = truth + 0.1 * rng.normal(size=100)
    near = metric("r2").estimate(truth, predicted, resamples=200)
    far = metric("r2").estimate(truth + 1e8, predicted + 1e8, resamples=200)
    assert far.value == pytest.approx(near.value, abs=1e-7)
    assert far.low == pytest.approx(near.low, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "truth", "predicted", "settings", "message"),
    [
        ("mape", [1.0, 0.0], [1.0, 1.0], {}, "expected y_true other than 0 for a relative error"),
        ("mape", [1.0, 0.0], [1.0, 1.0], {}, "got 0.0 (row 1; 1 in all)"),
        ("pinball", [1.0], [1.0], {"quantile": 1.0}, "expected 0 < quantile < 1, got 1.0"),
        ("mae", ["a"], ["b"], {}, "expected numbers in y_true, got <U1"),
        (
            "mae",
            [1.0, 2.0],
            [1.0, math.nan],
            {},
            "finite numbers in y_pred, got nan (row 1; 1 of 2",
        ),
        ("rmse", [1.0, 2.0], [[1.0], [2.0]], {}, "expected y_pred of shape (n,), got (2, 1)"),
    ],
)
def test_bad_input(name: str, truth: Any, predicted: Any, settings: Any, message: str) -> None:
    for call in (metric(name), metric(name).estimate):
        with pytest.raises(DataError) as caught:
            call(truth, predicted, **settings)
        assert message in str(caught.value)


@pytest.mark.parametrize(("truth", "predicted"), [([1.0], [1.0]), ([1.0, 1.0], [1.0, 2.0])])
def test_r2_needs_a_spread(truth: Any, predicted: Any) -> None:
    assert not math.isfinite(metric("r2")(truth, predicted))
    with pytest.raises(DataError, match="data on which 'r2' is defined"):
        metric("r2").estimate(truth, predicted)
