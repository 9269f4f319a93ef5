import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.core.errors import ConfigError, DataError
from modelward.validation.domain import (
    Domain,
    FeatureContinuous,
    FeatureInteger,
    Output,
    feature_from_dict,
)

FEATURES = (
    FeatureContinuous("x", -3.0, 5.0),
    FeatureContinuous("rate", 1e-4, 10.0, scale="log"),
    FeatureInteger("k", -2, 6),
)


@given(st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=1, max_size=20))
def test_points_lie_in_their_ranges_and_come_back(rows):
    domain, unit = Domain(FEATURES), np.array(rows)
    points = domain.points(unit)
    for point in points:
        assert -3.0 <= point["x"] <= 5.0
        assert 1e-4 <= point["rate"] <= 10.0
        assert point["k"] in range(-2, 7)
        assert isinstance(point["k"], int)
    back = domain.to_unit(points)
    np.testing.assert_allclose(back[:, :2], unit[:, :2], atol=1e-9)
    assert domain.points(back) == [pytest.approx(point) for point in points]


def test_whole_numbers_are_equally_likely():
    values = FeatureInteger("k", 0, 3).from_unit((np.arange(4000) + 0.5) / 4000)
    assert np.bincount(values.astype(int)).tolist() == [1000] * 4


def test_snapped_points_do_not_move_again():
    domain = Domain(FEATURES)
    once = domain.snap(np.random.default_rng(0).random((50, 3)))
    np.testing.assert_allclose(domain.snap(once), once, atol=1e-12)


@pytest.mark.parametrize(
    ("orientation", "values", "fails"),
    [
        ("lower", [0.3, 0.4, 0.5], [False, True, True]),
        ("upper", [0.3, 0.4, 0.5], [True, False, False]),
    ],
)
def test_the_threshold_itself_is_correct_only_from_above(orientation, values, fails):
    output = Output("y", threshold=0.4, orientation=orientation)
    assert output.fails(np.array(values)).tolist() == fails
    margin = output.margin(np.array(values))
    assert (margin[[0, 2]] < 0).tolist() == [fails[0], fails[2]]
    assert margin[1] == 0


def test_features_survive_being_written():
    assert Domain.from_dict(Domain(FEATURES).to_dict()).features == FEATURES


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: FeatureContinuous("x", 2, 1),
            "expected lower < upper for feature 'x', got 2 and 1",
        ),
        (lambda: FeatureContinuous("x", 1, 1), "expected lower < upper"),
        (lambda: FeatureContinuous("x", math.nan, 1), "expected finite bounds"),
        (lambda: FeatureContinuous("x", 0, math.inf), "expected finite bounds"),
        (lambda: FeatureContinuous("", 0, 1), "expected a name for the feature"),
        (lambda: FeatureContinuous("x", 0, 1, scale="log"), "expected a lower bound above 0"),
        (lambda: FeatureContinuous("x", 0, 1, scale="cubic"), "expected scale 'linear' or 'log'"),
        (lambda: FeatureInteger("k", 0.5, 3), "expected whole bounds"),
        (lambda: FeatureInteger("k", 3, 0), "expected lower < upper"),
        (lambda: Output("", threshold=0), "expected a name for the output"),
        (lambda: Output("y", threshold=math.nan), "expected one finite threshold"),
        (lambda: Output("y", threshold=0, orientation="up"), "expected orientation"),
        (lambda: Output("y", threshold=0, certainty_target=90), "0 < certainty_target < 1"),
        (lambda: Domain([]), "expected at least one feature"),
        (lambda: Domain([FEATURES[0], FEATURES[0]]), r"\['x'\] more than once"),
        (lambda: feature_from_dict({"kind": "Feature"}), "expected a feature of"),
    ],
)
def test_mistaken_settings_are_named(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": 5.01}, r"expected a number in \[-3, 5\] for feature 'x', got 5.01"),
        ({"x": math.nan}, "for feature 'x', got nan"),
        ({"x": "1"}, "for feature 'x', got '1'"),
        ({"x": None}, "for feature 'x', got None"),
        ({"k": 1.5}, "expected a whole number for feature 'k', got 1.5"),
        ({"y": 1}, r"unknown \['y'\]"),
    ],
)
def test_points_that_do_not_fit_are_named(change, message):
    with pytest.raises(DataError, match=message):
        Domain(FEATURES).to_unit([{"x": 0.0, "rate": 1.0, "k": 0} | change])


def test_a_missing_feature_is_named():
    with pytest.raises(DataError, match=r"missing \['k', 'rate'\]"):
        Domain(FEATURES).to_unit([{"x": 0.0}])
