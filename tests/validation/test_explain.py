"""Explanations against systems whose answer is known in closed form."""

import json

import numpy as np
import pytest

from modelward.core.errors import StateError
from modelward.validation import (
    Domain,
    FeatureCategorical,
    FeatureContinuous,
    GaussianProcess,
    Output,
    Study,
)
from modelward.validation.counterfactual import nearest_passing
from modelward.validation.sensitivity import sensitivity
from modelward.validation.slices import pair_over, slice_along

CUBE = Domain([FeatureContinuous(n, 0, 1) for n in ("a", "b", "idle")])


def test_sobol_indices_of_a_sum_and_a_product():
    """For a + 2 b the shares are 1/5 and 4/5; for (a - 1/2)(b - 1/2) all is interaction."""

    def indices(function):
        rows = sensitivity(CUBE, function, evaluations=60_000, seed=0)
        return {row.feature: row for row in rows}

    plain = indices(lambda x: x[:, 0] + 2 * x[:, 1])
    assert plain["a"].first == pytest.approx(0.2, abs=0.02)
    assert plain["b"].first == pytest.approx(0.8, abs=0.03)
    assert plain["b"].total == pytest.approx(0.8, abs=0.03)
    assert plain["idle"].total == pytest.approx(0.0, abs=1e-9)
    assert plain["idle"].permutation == 0.0
    crossed = indices(lambda x: (x[:, 0] - 0.5) * (x[:, 1] - 0.5))
    assert crossed["a"].first == pytest.approx(0.0, abs=0.04)
    assert crossed["a"].total == pytest.approx(1.0, abs=0.05)


def test_where_features_depend_there_are_no_sobol_indices():
    domain = Domain(CUBE.features, ["a < b"])
    rows = sensitivity(domain, lambda x: x[:, 0], evaluations=5_000, seed=0)
    assert rows[0].feature == "a"
    assert rows[0].first is None
    assert rows[0].permutation > 0.1


def test_the_nearest_passing_input_of_a_plane():
    """From (.9, .9) the nearest point with a <= .5 changes a alone."""
    domain = Domain([*CUBE.features[:2], FeatureCategorical("w", ("x", "y"))])
    failing = domain.to_unit([{"a": 0.9, "b": 0.9, "w": "y"}])[0]
    passing = domain.draw(300, np.random.default_rng(0))
    passing = passing[passing[:, 0] <= 0.5]
    found = nearest_passing(domain, lambda x: x[:, 0] > 0.5, failing, passing, run=7)
    assert set(found.changes) == {"a"}
    assert found.changes["a"][1] == pytest.approx(0.5, abs=1e-3)
    assert found.distance == pytest.approx(0.4, abs=1e-3)
    assert nearest_passing(domain, lambda x: x[:, 0] > 0, failing, passing[:0], run=7) is None


def test_slices_and_pairs_are_means_over_the_others():
    others = CUBE.draw(400, np.random.default_rng(0))
    one = slice_along(CUBE, lambda x: x[:, 0] * x[:, 1], others, 0, n=5)
    np.testing.assert_allclose(one.values, [0.1, 0.3, 0.5, 0.7, 0.9])
    np.testing.assert_allclose(one.p_fail, np.array(one.values) * others[:, 1].mean(), atol=1e-4)
    assert all(low <= p <= high for low, p, high in zip(one.low, one.p_fail, one.high, strict=True))
    pair = pair_over(CUBE, lambda x: x[:, 0] + 0 * x[:, 1], others, 0, 1, n=4)
    assert (len(pair.p_fail), len(pair.p_fail[0])) == (4, 4)
    np.testing.assert_allclose(pair.p_fail[2], pair.x_values, atol=1e-4)


def gain(a, b, w):
    return (a - 0.3) + 0.1 * b if w == "x" else 1.0


@pytest.fixture(scope="module")
def study():
    features = [*CUBE.features[:2], FeatureCategorical("w", ("x", "y"))]
    s = Study(
        features,
        [Output("gain", threshold=0.0, orientation="upper")],
        models=[GaussianProcess()],
        audit=0.3,
        seed=0,
    )
    s.run(gain, budget=90, batch=5, stop_early=False)
    return s


def test_a_study_explains_itself_as_json(study):
    told = json.loads(json.dumps(study.explain()))
    assert any("a < 0.2" in rule["words"] or "a < 0.3" in rule["words"] for rule in told["rules"])
    assert any("w is 'x'" in rule["words"] for rule in told["rules"])
    assert {row["feature"] for row in told["sensitivity"]["gain"]} == {"a", "b", "w"}
    worst = told["worst"][0]
    failed = [r.results["gain"] for r in study.told if r.results["gain"] < 0]
    assert worst["gain"] == min(failed)
    assert {s["feature"] for s in told["slices"]} == {"a", "b", "w"}
    assert len(told["pairs"]) == 3
    for case in told["nearest_passing"]:
        assert gain(**case["failing"]) < 0
        assert gain(**case["passing"]) > -0.03


def test_rules_are_tested_on_audit_points_they_were_not_made_from(study):
    audits = [run for run in study.told if run.kind == "audit"]
    for rule in study.result().rules:
        inside = [run for run in audits if rule.contains(run.values)]
        assert rule.volume.n == len(audits)
        assert rule.volume.low <= rule.support <= rule.volume.high
        assert (rule.checked.n if rule.checked else 0) == len(inside)


def test_nothing_is_explained_of_nothing():
    s = Study(CUBE.features, [Output("y", threshold=0)], models=[GaussianProcess()])
    with pytest.raises(StateError, match="expected told results, got none"):
        s.explain()
