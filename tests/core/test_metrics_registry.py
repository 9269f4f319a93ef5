"""The table of metrics: complete, named well, and nobody's to change."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest

from modelward.core.errors import DataError
from modelward.core.metrics import Estimate, MetricRegistry, MetricSpec, metric, metrics
from modelward.core.testing import check_seeded


def bias(**fields: Any) -> MetricSpec:
    settings: dict[str, Any] = {
        "name": "bias",
        "function": lambda t, p, weights=None: float(
            np.average(np.subtract(p, t), weights=weights)
        ),
        "higher_is_better": False,
        "range": (-math.inf, math.inf),
        "unit": "target",
        "task": "regression",
        "prediction": "value",
        "description": "Mean error.",
        "reference": "Bland and Altman, Lancet 327 (1986) 307-310.",
    }
    return MetricSpec(**settings | fields)


@pytest.mark.parametrize("spec", metrics(), ids=lambda s: s.name)
def test_each_metric_says_all_about_itself(spec: MetricSpec) -> None:
    assert spec.name.isidentifier()
    assert spec.name == spec.name.lower()
    assert spec.task in {"classification", "regression", "detection"}
    assert spec.unit in {"ratio", "nat", "target"}
    assert len(spec.description) > 15
    assert any(each.isdigit() for each in spec.reference), "a source has a year or a number"
    # The best value is an end of the range, on the side of the direction.
    assert math.isfinite(spec.range[1] if spec.higher_is_better else spec.range[0])
    assert len(repr(spec).splitlines()) == 1
    assert spec is metric(spec.name)


def test_tasks() -> None:
    by_task = {task: metrics(task=task) for task in ("classification", "regression", "detection")}
    assert sum(map(len, by_task.values())) == len(metrics())
    assert {"accuracy", "roc_auc", "calibration_error"} <= {
        s.name for s in by_task["classification"]
    }
    assert [s.name for s in by_task["detection"]] == ["ap", "ap50", "ap75", "ar"]


@pytest.mark.parametrize(
    ("call", "message", "hint"),
    [
        (lambda: metric("acuracy"), "name of a metric, got 'acuracy'", "did you mean 'accuracy'?"),
        (lambda: metric("RMSE"), "got 'RMSE'", "did you mean 'rmse'?"),
        (lambda: metric("zzzzzz"), "got 'zzzzzz'", "one of accuracy, balanced_accuracy"),
        (lambda: metrics(task="clasification"), "expected a task", "mean 'classification'?"),
        (lambda: metrics(task="x"), "got 'x'", "one of classification, detection, regression."),
        (lambda: MetricRegistry().metric("a"), "got 'a'", "one of none."),
    ],
)
def test_unknown_names_get_the_nearest(call: Any, message: str, hint: str) -> None:
    with pytest.raises(DataError) as caught:
        call()
    assert message in caught.value.fact
    assert hint in caught.value.hint


def test_a_registry_of_ones_own_changes_no_other() -> None:
    before = metrics()
    mine = MetricRegistry(metrics(task="regression"))
    spec = mine.add(bias())
    assert mine.metric("bias") is spec
    assert "bias" in mine
    assert [s.name for s in mine][-1] == "bias"
    assert len(mine) == len(metrics(task="regression")) + 1
    assert repr(mine).endswith("bias)")
    assert metrics() == before
    with pytest.raises(DataError, match="got 'bias'"):
        metric("bias")
    with pytest.raises(
        DataError, match="expected a new name of a metric, got 'bias', which is taken"
    ):
        mine.add(bias())


def test_specs_are_frozen_and_checked() -> None:
    with pytest.raises(FrozenInstanceError):
        metric("mae").unit = "m"  # type: ignore[misc]
    with pytest.raises(DataError, match=r"expected a range \(lowest, highest\) for 'bias'"):
        bias(range=(1.0, 0.0))
    with pytest.raises(DataError, match="expected a name, a description and a reference"):
        bias(reference="")


def test_a_metric_of_ones_own_is_estimated_by_its_function() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=200)
    predicted = truth + rng.normal(loc=0.5, size=200)
    weights = rng.uniform(0.5, 2, size=200)
    found = bias().estimate(truth, predicted, resamples=500)
    assert not found.excludes(0.5)
    assert found.excludes(0.0)
    heavy = bias().estimate(truth.tolist(), predicted, weights=weights, resamples=500)
    assert heavy.value == pytest.approx(np.average(predicted - truth, weights=weights))
    fast = replace(bias(), rows=lambda t, p: np.subtract(p, t))
    quick = fast.estimate(truth, predicted, resamples=500)
    for each in ("value", "low", "high"):
        assert getattr(quick, each) == pytest.approx(getattr(found, each), rel=1e-12)


def test_a_detection_metric_of_ones_own_is_given_lists() -> None:
    def count(truths: list[dict[str, Any]], detections: list[dict[str, Any]]) -> float:
        assert isinstance(truths, list)
        return sum(len(d["boxes"]) for d in detections) / sum(len(t["boxes"]) for t in truths)

    spec = bias(name="boxes_found", function=count, task="detection", prediction="boxes")
    images = [{"boxes": [[0, 0, 1, 1]] * (1 + i % 3)} for i in range(30)]
    found = spec.estimate(images, images[::-1], resamples=200)
    assert found.n == 30
    assert found.value == 1.0


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_no_error_in_n_rows_gets_the_exact_bound(level: float) -> None:
    """The bound of Clopper and Pearson, from the beta distribution."""
    from scipy import stats

    low = float(stats.beta.ppf((1 - level) / 2, 30, 1))
    right = metric("accuracy").estimate([1] * 30, [1] * 30, level=level)
    assert (right.value, right.high, right.low) == (1.0, 1.0, pytest.approx(low, rel=1e-12))
    wrong = metric("accuracy").estimate([1] * 30, [0] * 30, level=level)
    assert (wrong.value, wrong.low, wrong.high) == (0.0, 0.0, pytest.approx(1 - low, rel=1e-12))
    sure = metric("brier").estimate([1] * 30, [1.0] * 30, level=level)
    assert sure.high == pytest.approx(1 - low)


@pytest.mark.slow
def test_the_exact_bound_and_the_bootstrap_together_cover() -> None:
    """The accuracy of a good model on few rows: the bootstrap alone covers 0.84 here."""
    truth, n, rng = 0.98, 100, np.random.default_rng(1)
    spec, held = metric("accuracy"), 0
    for _ in range(600):
        right = (rng.random(n) < truth).astype(int)
        held += not spec.estimate(np.ones(n, int), right, resamples=500).excludes(truth)
    assert held / 600 >= 0.93


@pytest.mark.parametrize(
    ("name", "truth", "predicted", "weights"),
    [
        ("mae", [1.0, 2.0, 3.0], [1.0, 2.0, 3.0], None),  # no end above: no bound
        ("f1", [1, 1, 1], [1, 1, 1], None),  # not a mean of rows
        ("accuracy", [1, 1, 1], [1, 1, 1], [1, 2, 3]),  # weighted: the bound does not hold
        ("accuracy", [1], [1], None),
        ("brier", [1, 1, 1], [0.5, 0.5, 0.5], None),  # all alike, but not at an end
    ],
)
def test_where_nothing_varies_no_interval_is_claimed(
    name: str, truth: Any, predicted: Any, weights: Any
) -> None:
    found = metric(name).estimate(truth, predicted, weights=weights)
    assert found == Estimate(found.value, n=len(truth))


def test_an_undefined_metric_is_nan_and_has_no_estimate() -> None:
    assert math.isnan(metric("roc_auc")([1, 1], [0.2, 0.3]))
    with pytest.raises(DataError, match="data on which 'roc_auc' is defined, got the value nan"):
        metric("roc_auc").estimate([1, 1], [0.2, 0.3])


def test_estimates_are_seeded() -> None:
    rng = np.random.default_rng(0)
    truth, score = rng.integers(2, size=50), rng.random(50)
    check_seeded(lambda seed: metric("roc_auc").estimate(truth, score, seed=seed, resamples=200))


def test_absent_libraries_are_told_with_their_pip_line() -> None:
    code = """
import sys
sys.modules.update({"sklearn": None, "sklearn.metrics": None, "faster_coco_eval": None})
from modelward.core.metrics import metric, metrics
box = {"boxes": [[0, 0, 1, 1]], "labels": [0], "scores": [1.0]}
for name, data in {"accuracy": ([1], [1]), "mae": ([1.0], [1.0]), "ap": ([box], [box])}.items():
    try:
        metric(name)(*data)
    except ImportError as error:
        print(error.hint)
print(metric("calibration_error")([1, 0], [1.0, 0.0]), len(metrics()))
"""
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.splitlines() == [
        "pip install './packages/core[sklearn]'",
        "pip install './packages/core[sklearn]'",
        "pip install './packages/core[detection]'",
        f"0.0 {len(metrics())}",
    ]


def test_looking_metrics_up_imports_nothing_heavy() -> None:
    code = (
        "from modelward.core.metrics import *; import sys; metrics(); Exposition().gauge('a', 'A.');"
        "print(*{m.split('.')[0] for m in sys.modules})"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    heavy = {"sklearn", "scipy", "pandas", "torch", "faster_coco_eval", "prometheus_client"}
    assert set(answer.stdout.split()) & heavy == set()
