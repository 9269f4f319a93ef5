import numpy as np
import pytest

from modelward.validation import Domain, FeatureContinuous, FeatureInteger, find_rules
from modelward.validation.candidates import sobol

DOMAIN = Domain(
    [
        FeatureContinuous("gain", 0.2, 2.0),
        FeatureContinuous("noise", 0.1, 1000, scale="log"),
        FeatureInteger("k", 0, 9),
    ]
)
VOLUME = DOMAIN.snap(sobol(4096, 3, seed=0))


def rules(fails, **settings):
    points = DOMAIN.points(VOLUME)
    return find_rules(DOMAIN, np.array([fails(**p) for p in points]), VOLUME, **settings)


def bounds(rule):
    return {b.feature: (b.low, b.high) for b in rule.bounds}


def test_a_planted_box_is_found_and_no_idle_feature_is_named():
    (rule,) = rules(lambda gain, noise, k: gain < 0.7 and noise >= 10)
    found = bounds(rule)
    assert set(found) == {"gain", "noise"}
    assert found["gain"] == (None, pytest.approx(0.7, abs=0.05))
    assert found["noise"][0] == pytest.approx(10, rel=0.25)
    assert rule.precision >= 0.93
    assert rule.coverage >= 0.93
    assert rule.support == pytest.approx(0.5 / 1.8 / 2, abs=0.02)


def test_two_apart_regions_are_two_rules():
    found = rules(lambda gain, noise, k: (gain < 0.5 and k < 5) or (gain > 1.6 and k >= 5))
    assert len(found) == 2
    low, high = sorted(found, key=lambda rule: rule.contains({"gain": 1.9, "noise": 1, "k": 9}))
    assert low.contains({"gain": 0.3, "noise": 1, "k": 0})
    assert not low.contains({"gain": 1.9, "noise": 1, "k": 9})
    assert high.contains({"gain": 1.9, "noise": 1, "k": 9})
    assert min(rule.precision for rule in found) > 0.9


def test_figures_are_those_of_the_words():
    """Precision, support and coverage are counted anew from the condition as it is printed."""

    def fails(gain, noise, k):
        return gain + 0.1 * k < 1.1

    points = DOMAIN.points(VOLUME)
    truth = np.array([fails(**p) for p in points])
    for rule in rules(fails):
        inside = np.array([rule.contains(p) for p in points])
        assert rule.precision == pytest.approx(truth[inside].mean())
        assert rule.support == pytest.approx(inside.mean())
        assert rule.coverage == pytest.approx(truth[inside].sum() / truth.sum())


def test_where_it_passes_is_told_too():
    (safe,) = rules(lambda gain, noise, k: k >= 3, outcome=False, most=1)
    assert safe.condition == "k <= 2"
    assert str(safe).startswith("k <= 2: 100 % of the region passes, 30.0 % of the space")
    assert (safe.fails, safe.precision, safe.coverage) == (False, 1.0, 1.0)


@pytest.mark.parametrize(
    ("fails", "condition"),
    [(lambda gain, noise, k: k == 4, "k = 4"), (lambda gain, noise, k: k >= 7, "k >= 7")],
)
def test_whole_numbers_are_said_as_such(fails, condition):
    (rule,) = rules(fails)
    assert rule.condition == condition


def test_nothing_failing_and_everything_failing():
    assert rules(lambda gain, noise, k: False) == ()
    (rule,) = rules(lambda gain, noise, k: True)
    assert rule.condition == "everywhere"
    assert (rule.precision, rule.support, rule.coverage) == (1.0, 1.0, 1.0)


def test_failures_without_shape_give_no_rule():
    rng = np.random.default_rng(0)
    assert find_rules(DOMAIN, rng.random(len(VOLUME)) < 0.1, VOLUME) == ()
