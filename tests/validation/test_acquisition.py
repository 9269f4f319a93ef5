import numpy as np
import pytest

from modelward.core.errors import ConfigError, StateError
from modelward.core.testing import check_settings
from modelward.validation.acquisition import Entropy, ExpectedFeasibility, Straddle
from modelward.validation.candidates import candidates, fresh, grid, sobol
from modelward.validation.domain import (
    Domain,
    FeatureCategorical,
    FeatureContinuous,
    FeatureInteger,
    Output,
)
from modelward.validation.models import GaussianProcess, Prediction
from modelward.validation.problems import (
    FOUR_BRANCH_FEATURES,
    FOUR_BRANCH_OUTPUT,
    four_branch,
)
from modelward.validation.proposer import Proposer
from modelward.validation.settings import StudySettings
from modelward.validation.study import Study

MODELS = [GaussianProcess()]
SQUARE = Domain([FeatureContinuous("x", 0, 1), FeatureContinuous("y", 0, 1)])


def plane(x):
    """A margin whose boundary is x + y = 1."""
    return x.sum(axis=1) - 1.0


def test_straddle_by_hand():
    scores = Straddle().score(Prediction(np.array([0.0, -2.0, 2.0]), np.array([1.0, 1.0, 0.5])))
    np.testing.assert_allclose(scores, [1.96, -0.04, -1.02])


def test_expected_feasibility_is_the_mean_it_claims_to_be():
    rng = np.random.default_rng(0)
    for mean, sd in ((0.0, 1.0), (1.0, 0.5), (-2.0, 1.0), (0.3, 2.0)):
        margin = mean + sd * rng.standard_normal(400_000)
        by_drawing = np.maximum(0.0, 2.0 * sd - np.abs(margin)).mean()
        score = ExpectedFeasibility().score(Prediction(np.array([mean]), np.array([sd])))[0]
        assert score == pytest.approx(by_drawing, rel=0.02, abs=2e-3)


def test_entropy_leaves_alone_what_only_noise_decides():
    score = Entropy().score
    flat = np.array([0.0])
    assert score(Prediction(flat, np.array([1.0])))[0] == pytest.approx(np.log(2))
    assert score(Prediction(flat, np.array([0.1]), noise=1.0))[0] < 0.01


@pytest.mark.parametrize("share", [0.0, 0.1, 0.37])
def test_streams_get_their_shares_evenly(share):
    proposer = Proposer(domain=SQUARE, settings=StudySettings(), acquisition=Straddle())
    for slots in (20, 100, 400):
        kinds = [proposer.stream(i, panel=True, frozen=False, audit=share) for i in range(slots)]
        assert abs(kinds.count("audit") - share * slots) < 2.5
        assert abs(kinds.count("explore") - 0.1 * slots) < 2.5


def test_proposals_lie_where_the_boundary_is():
    s = study(audit=0.0, models=[GaussianProcess()])
    kinds = asked(s, 40)
    near = [
        abs(run.values["x"] + run.values["y"] - 1.0)
        for run, kind in zip(s.runs, kinds, strict=True)
        if kind == "boundary"
    ]
    assert np.median(near) < 0.25 * np.median(np.abs(plane(sobol(512, 2, seed=0))))


def test_a_part_of_the_candidates_lies_around_failures_that_were_found():
    known = sobol(200, 2, seed=0)
    failed = (np.abs(known - 0.9) < 0.12).all(axis=1)
    points = candidates(SQUARE, known, failed, 1000, seed=0)
    near = np.abs(points[:, None] - known[failed][None]).min(axis=2).min(axis=1) < 1e-9
    assert 0.05 < near.mean() < 0.6  # they share a feature with a failing point
    assert len(np.unique(points.round(9), axis=0)) == len(points)


def test_candidates_keep_the_constraints():
    domain = Domain(SQUARE.features, ["x + y < 0.5"])
    points = candidates(
        domain, domain.draw(20, np.random.default_rng(0)), np.ones(20, bool), 500, seed=1
    )
    assert len(points) > 50
    assert (points.sum(axis=1) < 0.5).all()


def test_a_grid_crosses_values_and_stays_small():
    domain = Domain([*SQUARE.features, FeatureCategorical("w", ("a", "b", "c"))])
    two = domain.points(grid(domain, 2, most=256, seed=0))
    assert sorted({p["x"] for p in two}) == [0.0, 1.0]
    assert len(two) == 8
    many = Domain([FeatureContinuous(f"x{i}", 0, 1) for i in range(30)])
    assert len(grid(many, 3, most=100, seed=0)) == 100


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
    models = settings.pop("models", [GaussianProcess()])
    return Study(SQUARE.features, [Output("z", threshold=1.0)], models=models, **settings)


def test_the_start_comes_first_and_exploring_never_ends():
    kinds = asked(study(audit=0.2, explore=0.1, audit_when_sure=0.0), 110)
    assert kinds[:10] == ["initial"] * 10
    later = kinds[10:]
    assert abs(later.count("audit") - 20) <= 2
    assert abs(later.count("explore") - 10) <= 2
    assert "explore" in later[-15:]
    assert set(later) == {"audit", "explore", "boundary"}


def test_audit_points_do_not_depend_on_the_models_or_the_results():
    """The proof rests on it: the same seed draws the same audit points from any system."""
    one, other = (study(seed=3, audit_when_sure=0.0) for _ in range(2))
    for _ in range(80):
        run = one.ask()[0]
        one.tell(run, run.values["x"] + run.values["y"])
        run = other.ask()[0]
        other.tell(run, 5.0 * run.values["x"] ** 3)
    audits = [[r.values for r in s.runs if r.kind == "audit"] for s in (one, other)]
    assert len(audits[0]) > 5
    assert audits[0] == audits[1]
    assert [r.values for r in one.runs] != [r.values for r in other.runs]


def test_audit_points_are_uniform():
    from scipy.stats import kstest

    settings = StudySettings(seed=1)
    proposer = Proposer(domain=SQUARE, settings=settings, acquisition=Straddle())
    points = np.array([proposer.audit_point(k) for k in range(1000)])
    assert all(kstest(points[:, j], "uniform").pvalue > 1e-3 for j in range(2))
    assert abs(np.corrcoef(points.T)[0, 1]) < 0.1


def test_a_batch_has_no_doubles_and_spreads_along_the_boundary():
    s = Study(
        FOUR_BRANCH_FEATURES, [FOUR_BRANCH_OUTPUT], audit=0.0, explore=0.01, seed=2, models=MODELS
    )
    for _ in range(16):
        run = s.ask()[0]
        s.tell(run, four_branch(**run.values))
    batch = s.ask(10)
    unit = s.domain.to_unit([run.values for run in s.runs])
    assert closest(unit) > 1e-9
    spread = closest(s.domain.to_unit([r.values for r in batch if r.kind == "boundary"]))

    # The ten best points of one surrogate, which knows of none of the others, lie in heaps.
    model, told = s.surrogates().competitions["y"].leader.model, unit[:16]
    points = fresh(s.domain, told, 2048, seed=0)
    heap = points[np.argsort(-Straddle().score(model.predict(points)))[:10]]
    assert spread > 3 * closest(heap)
    assert spread > 0.05


def closest(x):
    distance = np.abs(x[:, None] - x[None]).max(axis=2)
    return (distance + 2 * np.eye(len(x))).min()


def test_every_point_of_a_small_domain_is_asked_once():
    features = [FeatureInteger("k", 0, 3), FeatureInteger("m", 0, 4)]
    s = Study(features, [Output("z", threshold=3.5)], audit=0.0, models=MODELS)
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
    for criterion in (Straddle, ExpectedFeasibility, Entropy):
        check_settings(criterion)
    with pytest.raises(ConfigError, match="expected width > 0"):
        ExpectedFeasibility(width=0)
    with pytest.raises(ConfigError, match="expected kappa > 0"):
        Straddle(kappa=0)
    with pytest.raises(ConfigError, match="expected initial >= 2"):
        study(initial=1)
