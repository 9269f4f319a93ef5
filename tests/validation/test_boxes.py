"""The search for boxes against brute force, and the words of rules it leads to."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.validation import (
    Bound,
    Domain,
    FeatureCategorical,
    FeatureContinuous,
    FeatureInteger,
    find_rules,
)
from modelward.validation.boxes import best_interval, find_box
from modelward.validation.candidates import sobol

SPACE = Domain(
    [FeatureContinuous("a", 0, 10), FeatureContinuous("b", -1, 1), FeatureInteger("k", 1, 5)]
)
VOLUME = SPACE.snap(sobol(4096, 3, seed=0))
A, B, K = VOLUME.T


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=12))
def test_the_scan_finds_the_best_run_of_all(weights):
    first, last = best_interval(np.array(weights, dtype=float))
    n = len(weights)
    best = max(sum(weights[i : j + 1]) for i in range(n) for j in range(i, n))
    assert sum(weights[first : last + 1]) == best


@pytest.mark.parametrize("seed", range(8))
def test_it_holds_about_as_many_hits_as_the_best_of_all_boxes(seed):
    rng = np.random.default_rng(seed)
    x = rng.random((600, 2))
    hits = (x[:, 0] + 0.5 * x[:, 1] < 0.7) ^ (rng.random(600) < 0.03)
    places = np.linspace(0, 1, 9)
    cells = find_box(x, hits, [places] * 2, precision=0.9)
    low = [places[c.argmax()] for c in cells]
    high = [places[len(c) - c[::-1].argmax()] for c in cells]

    def inside(a, b, c, d):
        return (x[:, 0] >= a) & (x[:, 0] < b) & (x[:, 1] >= c) & (x[:, 1] < d)

    weights = np.where(hits, 0.1, -0.9)
    pairs = list(itertools.combinations(places, 2))
    boxes = [inside(*p, *q) for p in pairs for q in pairs]
    best = max(boxes, key=lambda box: weights[box].sum())
    found = inside(low[0], high[0], low[1], high[1])
    assert hits[found].mean() >= 0.9
    assert hits[found].sum() >= 0.9 * hits[best].sum()


def test_a_region_in_the_middle_is_told_in_words():
    (rule,) = find_rules(SPACE, (A > 0.4) & (A < 0.7) & (B < 0.25) & (K > 0.6), VOLUME)
    assert rule.condition == "4 <= a < 7 and b < -0.5 and k >= 4"
    assert rule.precision > 0.95
    assert rule.support == pytest.approx(0.3 * 0.25 * 0.4, abs=0.002)


def test_where_nearly_all_fails_more_is_asked_of_a_rule():
    rules = find_rules(SPACE, ~((A > 0.45) & (A < 0.55)), VOLUME, most=2)
    assert len(rules) == 2
    assert all(rule.precision > 0.97 for rule in rules)


def test_a_log_scaled_bound_is_rounded_by_its_size():
    domain = Domain([FeatureContinuous("f", 0.001, 1000, scale="log")])
    x = sobol(2048, 1, seed=0)
    (rule,) = find_rules(domain, x[:, 0] < 0.25, x)
    assert rule.condition == "f < 0.0316"


def test_bounds_in_words():
    assert str(Bound("k", 2, 3, whole=True)) == "k = 2"
    assert str(Bound("k", None, 3, whole=True)) == "k <= 2"
    assert str(Bound("x", 0.5, None)) == "x >= 0.5"


def test_levels_without_order_are_taken_together():
    domain = Domain([FeatureContinuous("x", 0, 1), FeatureCategorical("w", ("a", "b", "c", "d"))])
    x = domain.snap(sobol(2048, 2, seed=0))
    level = domain.features[1].from_unit(x[:, 1])
    (rule,) = find_rules(domain, (x[:, 0] > 0.5) & ((level == 0) | (level == 3)), x)
    assert rule.condition == "x >= 0.5 and w is 'a' or 'd'"
    assert rule.contains({"x": 0.7, "w": "d"})
    assert not rule.contains({"x": 0.7, "w": "b"})


def test_a_box_that_lost_its_last_point_is_opened_without_a_warning():
    x = np.array([[0.05, 0.05], [0.95, 0.95]])
    edges = [np.linspace(0, 1, 11)] * 2
    taken = find_box(x, np.zeros(2, dtype=bool), edges, precision=0.9)
    assert len(taken) == 2
