import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelward.core.errors import ConfigError, StateError
from modelward.core.testing import check_settings
from modelward.validation.acquisition import Straddle, due, fresh, sobol, straddle
from modelward.validation.domain import Domain, FeatureContinuous, FeatureInteger, Output
from modelward.validation.models import GaussianProcess, Prediction
from modelward.validation.problems import (
    FOUR_BRANCH_FEATURES,
    FOUR_BRANCH_OUTPUT,
    four_branch,
)
from modelward.validation.proposer import Proposer
from modelward.validation.study import Study

SQUARE = Domain([FeatureContinuous("x", 0, 1), FeatureContinuous("y", 0, 1)])


def plane(x):
    """A margin whose boundary is x + y = 1."""
    return x.sum(axis=1) - 1.0


@pytest.fixture
def learnt():
    x = sobol(24, 2, seed=0)
    model = GaussianProcess()
    model.fit(x, plane(x), seed=0)
    return model, x


def test_straddle_by_hand():
    scores = straddle(Prediction(np.array([0.0, -2.0, 2.0]), np.array([1.0, 1.0, 0.5])))
    np.testing.assert_allclose(scores, [1.96, -0.04, -1.02])


@given(st.floats(0.01, 0.99), st.integers(1, 400))
def test_a_stream_gets_its_share_evenly(share, slots):
    taken = sum(due(slot, share) for slot in range(slots))
    assert abs(taken - share * slots) < 1 + 1e-6


def test_proposals_lie_where_the_boundary_is(learnt):
    model, known = learnt
    point = Straddle().propose(model, SQUARE, known, seed=1)
    candidates = sobol(2048, 2, seed=2)
    assert abs(plane(point[None])[0]) < np.quantile(np.abs(plane(candidates)), 0.25)


def test_the_highest_score_of_the_candidates_is_chosen(learnt):
    model, known = learnt
    candidates = fresh(SQUARE, known, 256, seed=5)
    chosen = Straddle(candidates=256).propose(model, SQUARE, known, seed=5)
    best = max(candidates, key=lambda c: straddle(model.predict(c[None]))[0])
    np.testing.assert_array_equal(chosen, best)


def test_fresh_points_are_new_and_exist():
    domain = Domain([FeatureInteger("k", 0, 9), FeatureInteger("m", 0, 9)])
    known = domain.to_unit([{"k": k, "m": m} for k in range(10) for m in range(5)])
    points = domain.points(fresh(domain, known, 1024, seed=0))
    assert {p["m"] for p in points} == set(range(5, 10))


def test_an_exhausted_domain_says_so():
    domain = Domain([FeatureInteger("k", 0, 1)])
    known = domain.to_unit([{"k": 0}, {"k": 1}])
    with pytest.raises(StateError, match="the domain is exhausted"):
        fresh(domain, known, 64, seed=0)


def asked(study, n):
    for _ in range(n):
        run = study.ask()[0]
        study.tell(run, run.values["x"] + run.values["y"])
    return [run.kind for run in study.runs]


def study(**settings):
    return Study(SQUARE.features, [Output("z", threshold=1.0)], **settings)


def test_streams_have_their_shares_and_exploring_never_ends():
    kinds = asked(study(audit=0.2, explore=0.1), 108)
    assert kinds[:8] == ["initial"] * 8
    later = kinds[8:]
    assert later.count("audit") == 20
    assert later.count("explore") == 10
    assert "explore" in later[-15:]
    assert later.count("boundary") == 70


def test_audit_points_do_not_depend_on_the_models_or_the_results():
    """The proof rests on it: the same seed draws the same audit points from any system."""
    one, other = study(seed=3), study(seed=3)
    for _ in range(80):
        run = one.ask()[0]
        one.tell(run, run.values["x"] + run.values["y"])
        run = other.ask()[0]
        other.tell(run, 5.0 * run.values["x"] ** 3)
    audits = [[r.values for r in s.runs if r.kind == "audit"] for s in (one, other)]
    assert len(audits[0]) > 8
    assert audits[0] == audits[1]
    assert [r.values for r in one.runs] != [r.values for r in other.runs]


def test_audit_points_are_uniform():
    from scipy.stats import kstest

    settings = {"initial": 8, "explore": 0.1, "audit": 0.15, "acquisition": Straddle()}
    proposer = Proposer(domain=SQUARE, seed=1, **settings)
    points = np.array([proposer.audit_point(k) for k in range(1000)])
    assert all(kstest(points[:, j], "uniform").pvalue > 1e-3 for j in range(2))
    assert abs(np.corrcoef(points.T)[0, 1]) < 0.1


def test_a_batch_has_no_doubles_and_spreads_along_the_boundary():
    s = Study(FOUR_BRANCH_FEATURES, [FOUR_BRANCH_OUTPUT], audit=0.0, explore=0.01, seed=2)
    for _ in range(16):
        run = s.ask()[0]
        s.tell(run, four_branch(**run.values))
    batch = s.ask(10)
    unit = s.domain.to_unit([run.values for run in s.runs])
    assert closest(unit) > 1e-9
    spread = closest(s.domain.to_unit([r.values for r in batch if r.kind == "boundary"]))

    # The ten best points of one surrogate, which knows of none of the others, lie in heaps.
    model, told = s.surrogates().leader("y"), unit[:16]
    candidates = fresh(s.domain, told, 2048, seed=0)
    heap = candidates[np.argsort(-straddle(model.predict(candidates)))[:10]]
    assert spread > 3 * closest(heap)
    assert spread > 0.05


def closest(x):
    distance = np.abs(x[:, None] - x[None]).max(axis=2)
    return (distance + 2 * np.eye(len(x))).min()


def test_every_point_of_a_small_domain_is_asked_once():
    features = [FeatureInteger("k", 0, 3), FeatureInteger("m", 0, 4)]
    s = Study(features, [Output("z", threshold=3.5)], audit=0.0)
    for _ in range(20):
        run = s.ask()[0]
        s.tell(run, run.values["k"] + run.values["m"])
    assert len({tuple(run.values.values()) for run in s.runs}) == 20
    with pytest.raises(StateError, match="the domain is exhausted"):
        s.ask()


@pytest.mark.parametrize("shares", [(0.0, 0.1), (0.5, 0.5), (0.1, -0.1), (1.0, 0.0)])
def test_shares_out_of_range_are_named(shares):
    with pytest.raises(ConfigError, match="explore > 0 and audit >= 0 with a sum below 1"):
        study(explore=shares[0], audit=shares[1])


def test_settings_are_checked():
    check_settings(Straddle)
    check_settings(Proposer)
    with pytest.raises(ConfigError, match="expected kappa > 0"):
        Straddle(kappa=0)
    with pytest.raises(ConfigError, match="expected initial >= 2"):
        study(initial=1)
