import json
import math

import numpy as np
import pytest

from modelward.core.errors import ConfigError
from modelward.validation.competition import Competition
from modelward.validation.models import GaussianProcess, Logistic, Prediction
from modelward.validation.models.population import population


class Fixed:
    """A test double that believes the same of every point."""

    def __init__(self, name, mean):
        self.name, self.mean, self.seen = name, mean, 0

    def fit(self, x, margin, *, seed):
        self.seen = len(x)

    def predict(self, x):
        return Prediction(np.full(len(x), self.mean), np.ones(len(x)))

    def believe(self, x):
        return self

    def mutate(self, rng):
        return Fixed(self.name, self.mean)

    def state(self):
        return {"seen": self.seen}

    def restore(self, state):
        self.seen = state["seen"]


def learnt(*models):
    competition = Competition(models)
    competition.fit(np.zeros((4, 1)), np.ones(4), seed=0)
    return competition


def test_log_loss_is_the_mean_of_the_forecasts():
    competition = learnt(Fixed("even", 0.0), Fixed("safe", 1.0))
    forecasts = competition.forecast(np.zeros((2, 1)))
    assert forecasts[0]["even"] == 0.5
    competition.score(forecasts[0], failed=False)
    competition.score(forecasts[1], failed=True)
    p, keep = forecasts[0]["safe"], math.exp(-1 / 60)  # the first forecast counts a little less
    by_name = {standing.name: standing for standing in competition.standings()}
    assert by_name["even"].log_loss == pytest.approx(math.log(2))
    assert by_name["safe"].log_loss == pytest.approx(
        -(keep * math.log(1 - p) + math.log(p)) / (1 + keep)
    )
    assert {s.n for s in by_name.values()} == {2}


def test_the_better_forecaster_leads_and_ties_go_to_the_first():
    competition = learnt(Fixed("safe", 2.0), Fixed("failing", -2.0))
    assert competition.leader.name == "safe"
    assert math.isnan(competition.standings()[0].log_loss)
    competition.score(competition.forecast(np.zeros((1, 1)))[0], failed=True)
    assert competition.leader.name == "failing"
    assert [s.name for s in competition.standings()] == ["failing", "safe"]


def test_one_wrong_certainty_costs_a_finite_amount():
    competition = learnt(Fixed("sure", 50.0))
    competition.score(competition.forecast(np.zeros((1, 1)))[0], failed=True)
    assert competition.standings()[0].log_loss == pytest.approx(-math.log(1e-3))


def test_models_handed_in_are_not_trained():
    model = Fixed("mine", 0.0)
    competition = Competition([model])
    competition.fit(np.zeros((5, 1)), np.zeros(5), seed=0)
    assert model.seen == 0
    assert competition.leader.model.state() == {"seen": 5}


def test_true_probabilities_win_on_average():
    """The log loss is proper: over many results the model that is right leads."""
    truth = Prediction(np.array([0.5]), np.array([1.0])).p_fail()[0]
    competition = learnt(Fixed("bold", 1.5), Fixed("right", 0.5), Fixed("timid", 0.0))
    forecast = competition.forecast(np.zeros((1, 1)))[0]
    for failed in np.random.default_rng(0).random(2000) < truth:
        competition.score(forecast, failed=bool(failed))
    assert competition.leader.name == "right"


def test_models_of_one_name_are_told_apart_and_no_model_is_a_mistake():
    competition = Competition([GaussianProcess(), GaussianProcess()])
    assert [c.name for c in competition.competitors] == ["Gaussian process", "Gaussian process 2"]
    with pytest.raises(ConfigError, match="at least one model"):
        Competition([])


def scored(competition, outcomes):
    competition.fit(np.zeros((4, 1)), np.ones(4), seed=0)
    for failed in outcomes:
        competition.score(competition.forecast(np.zeros((1, 1)))[0], failed=failed)


def test_verdicts_go_to_the_leader_once_it_is_clearly_better():
    """An even mean of a right model and a wrong one is worse than its own best member."""
    competition = Competition([Fixed("wrong", 1.5), Fixed("right", -1.5)])
    scored(competition, [True] * 30)
    weights = competition.weights()
    assert sum(weights.values()) == pytest.approx(1.0)
    assert weights["right"] > 0.99
    alone = competition.leader.model.predict(np.zeros((1, 1))).p_fail()[0]
    assert competition.p_fail(np.zeros((1, 1)))[0] == pytest.approx(alone)


def test_equal_models_share_the_verdict():
    competition = Competition([Fixed("one", -1.0), Fixed("two", -1.0)])
    scored(competition, [True, False] * 10)
    assert competition.weights() == {"one": 0.5, "two": 0.5}


def test_the_worst_is_replaced_after_its_patience_and_the_leader_never():
    competition = Competition([Fixed("bad", 2.0), Fixed("good", -2.0)], patience=20)
    rng = np.random.default_rng(0)
    scored(competition, [True] * 19)
    assert competition.evolve(19, rng) is None
    scored(competition, [True])
    assert competition.evolve(20, rng) == "bad"
    assert len(competition.competitors) == 2
    assert competition.leader.name == "good"
    assert competition.competitors[1].born == 20
    # The newcomer has its own patience before it may be judged.
    assert competition.evolve(100, rng) is None


def test_a_model_that_is_as_good_as_the_leader_stays():
    competition = Competition([Fixed("one", -2.0), Fixed("two", -1.999)], patience=5)
    scored(competition, [True] * 40)
    assert competition.evolve(40, np.random.default_rng(0)) is None


def test_forecasts_near_the_boundary_weigh_less():
    competition = Competition([Fixed("a", 1.0), Fixed("b", -1.0)])
    competition.fit(np.zeros((4, 1)), np.ones(4), seed=0)
    forecast = competition.forecast(np.zeros((1, 1)))[0]
    competition.score(forecast, failed=False)
    for _ in range(2):
        competition.score(forecast, failed=True, weight=0.3)
    assert competition.leader.name == "a"


def test_cross_validation_tells_who_learns_better():
    """A wave that a Gaussian process learns from 40 points and a straight line cannot."""
    x = np.random.default_rng(0).random((40, 1))
    competition = Competition([Logistic(), GaussianProcess()])
    competition.fit(x, np.sin(12 * x[:, 0]), seed=0)
    assert competition.leader.name == "Gaussian process"
    assert competition.leader.n == 0


def test_a_state_brings_back_every_model():
    x = np.random.default_rng(0).random((30, 2))
    margin = x.sum(1) - 1.0
    one = Competition(population(4))
    one.fit(x, margin, seed=3)
    state = json.loads(json.dumps(one.state()))
    other = Competition(population(4))
    other.restore(state, x=x, margin=margin, seed=3)
    at = np.random.default_rng(1).random((50, 2))
    np.testing.assert_array_equal(one.p_fail(at), other.p_fail(at))
    assert one.standings() == other.standings()
