"""Inputs as they occur in operation: laws against scipy, weights, samples of the field."""

import numpy as np
import pytest
from scipy.stats import kstest, truncnorm

from modelward.core.errors import ConfigError
from modelward.validation import (
    Domain,
    FeatureCategorical,
    FeatureContinuous,
    FeatureInteger,
    FieldSamples,
    GaussianProcess,
    Laws,
    Normal,
    Output,
    Study,
    Weights,
)

X, K = FeatureContinuous("x", -2, 6), FeatureInteger("k", 0, 4)
W = FeatureCategorical("w", ("a", "b", "c"))


def drawn(features, distribution, n=4000):
    domain = Domain(features, distribution=distribution)
    return domain.points(domain.draw(n, np.random.default_rng(1)))


def test_a_normal_law_is_cut_off_at_the_bounds():
    x = [p["x"] for p in drawn([X], Laws({"x": Normal(1, 2)}))]
    assert kstest(x, truncnorm(-1.5, 2.5, loc=1, scale=2).cdf).pvalue > 0.01


def test_weights_of_levels_and_whole_numbers():
    laws = Laws({"k": Weights({0: 1, 3: 3}), "w": Weights({"a": 1, "c": 1, "b": 2})})
    points = drawn([K, W], laws)
    assert {p["k"] for p in points} == {0, 3}
    assert np.mean([p["k"] == 3 for p in points]) == pytest.approx(0.75, abs=0.03)
    assert np.mean([p["w"] == "b" for p in points]) == pytest.approx(0.5, abs=0.03)


def test_weights_of_parts_of_a_range():
    x = np.array([p["x"] for p in drawn([X], Laws({"x": Weights({0: 1, 1: 0, 2: 0, 3: 3})}))])
    assert ((x < 0) | (x > 4)).all()
    assert (x > 4).mean() == pytest.approx(0.75, abs=0.03)


def test_samples_of_the_field_come_back_with_their_dependence():
    rng = np.random.default_rng(0)
    samples = [{"x": float(v), "k": int(v > 2)} for v in rng.uniform(-1, 5, 200)]
    points = drawn([X, K], FieldSamples(samples, blur=0.0))
    pairs = [{(round(p["x"], 9), p["k"]) for p in group} for group in (points, samples)]
    assert pairs[0] == pairs[1]
    blurred = drawn([X, K], FieldSamples(samples, blur=0.05))
    assert len({p["x"] for p in blurred}) > 3000


@pytest.mark.parametrize(
    "distribution",
    [
        Laws({"x": Normal(0, 1), "w": Weights({"a": 1.0})}),
        FieldSamples([{"x": 1.0, "w": "b"}], blur=0.1),
    ],
)
def test_they_survive_being_written(distribution):
    domain = Domain([X, W], distribution=distribution)
    back = Domain.from_dict(domain.to_dict())
    one, other = (d.draw(50, np.random.default_rng(3)) for d in (domain, back))
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Normal(0, 0), "sd > 0"),
        (lambda: Weights({}), "weights >= 0"),
        (lambda: Weights({"a": -1.0, "b": 2.0}), "weights >= 0"),
        (lambda: FieldSamples([]), "expected samples"),
        (lambda: Domain([X], distribution=Laws({"y": Normal(0, 1)})), r"got \['y'\]"),
        (lambda: Domain([K], distribution=Laws({"k": Normal(0, 1)})), "a continuous feature"),
        (lambda: Domain([X], distribution=Laws({"x": Normal(1e6, 1)})), "where its law has weight"),
    ],
)
def test_laws_that_do_not_fit_are_named(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_shares_are_of_the_operational_volume_and_so_is_the_audit():
    """A failure beyond 1.645 has 5 % of a standard normal, and 36 % of the range."""
    x = FeatureContinuous("x", -6, 6)
    study = Study(
        [x],
        [Output("y", threshold=1.645)],
        distribution=Laws({"x": Normal(0, 1)}),
        models=[GaussianProcess()],
        seed=0,
    )
    result = study.run(lambda x: x, budget=60, batch=4, stop_early=False)
    assert result.failure_share.value == pytest.approx(0.05, abs=0.003)
    audits = [run.values["x"] for run in study.runs if run.kind == "audit"]
    assert len(audits) >= 5
    assert np.abs(audits).max() < 4.5
    assert "by the distribution given" in " ".join(result.unknown)
