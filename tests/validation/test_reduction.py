"""Asking where a result lowers the expected share of wrong verdicts the most."""

import numpy as np
import pytest

from modelward.core.errors import ConfigError
from modelward.core.testing import check_settings
from modelward.validation import ErrorReduction, GaussianProcess
from modelward.validation.candidates import sobol
from modelward.validation.models import Prediction
from modelward.validation.reduction import wrong, wrong_after


@pytest.fixture(scope="module")
def model():
    x = sobol(8, 2, seed=0)
    fitted = GaussianProcess()
    fitted.fit(x, np.sin(5 * x[:, 0]) + x[:, 1] - 0.7, seed=0)
    return fitted


def test_the_chance_to_be_wrong_is_the_one_of_drawing():
    rng = np.random.default_rng(0)
    for mean, sd, explained in ((0.5, 1.0, 0.4), (-1.0, 2.0, 3.0), (0.1, 0.3, 0.01)):
        later = mean + np.sqrt(explained) * rng.standard_normal(400_000)
        margin = later + np.sqrt(sd**2 - explained) * rng.standard_normal(400_000)
        found = wrong_after(Prediction(np.array([mean]), np.array([sd])), np.array([[explained]]))
        assert found[0, 0] == pytest.approx(((later < 0) != (margin < 0)).mean(), abs=3e-3)


def test_what_explains_nothing_changes_nothing_and_no_result_makes_it_worse():
    at = Prediction(np.array([0.3, -1.0, 2.0]), np.array([1.0, 0.5, 1e-9]))
    np.testing.assert_allclose(wrong_after(at, np.zeros((1, 3)))[0], wrong(at), atol=1e-6)
    shares = np.linspace(0, 1, 11)[:, None] * np.square(at.sd)
    assert (np.diff(wrong_after(at, shares), axis=0) <= 1e-12).all()


def test_explained_variance_is_what_observing_takes_away(model):
    here, there = sobol(16, 2, seed=1), sobol(32, 2, seed=2)
    candidates, space = model.believe(here), model.believe(there)
    for pending in (here[3], here[7]):
        for belief in (candidates, space):
            belief.observe(pending)
    at = np.arange(5, 32)
    before = np.square(space.prediction.sd)
    told = candidates.explained(np.array([2, 9]), space, at)
    for row, candidate in zip(told, (2, 9), strict=True):
        after = model.believe(there)
        for point in (here[3], here[7], here[candidate]):
            after.observe(point)
        taken = before - np.square(after.prediction.sd)
        np.testing.assert_allclose(row, taken[at], rtol=1e-6, atol=1e-12)


def test_the_best_of_all_candidates_is_chosen_and_none_that_is_taken(model):
    here, there = sobol(64, 2, seed=1), sobol(512, 2, seed=2)
    candidates, space = model.believe(here), model.believe(there)
    acquisition, rng = ErrorReduction(rated=64, watched=512), np.random.default_rng(0)
    taken = np.zeros(64, dtype=bool)
    every = np.arange(64)
    errors = wrong_after(space.prediction, candidates.explained(every, space, np.arange(512))).sum(
        1
    )
    best = acquisition.choose(candidates, space, taken, rng)
    assert best == np.argmin(errors)
    assert errors[best] < 0.95 * np.median(errors)
    taken[best] = True
    assert acquisition.choose(candidates, space, taken, rng) == np.argsort(errors)[1]


def test_without_doubt_the_score_decides():
    x = np.linspace(0, 1, 12)[:, None]
    sure = GaussianProcess()
    sure.fit(x, 50.0 + x[:, 0], seed=0)
    belief = sure.believe(sobol(32, 1, seed=1))
    acquisition = ErrorReduction()
    nothing = acquisition.choose(belief, belief, np.zeros(32, bool), np.random.default_rng(0))
    assert nothing is None


def test_its_settings_are_checked():
    check_settings(ErrorReduction)
    with pytest.raises(ConfigError, match="rated >= 2"):
        ErrorReduction(rated=1)
