import math

import numpy as np
import pytest

from modelward.core.errors import ConfigError
from modelward.validation.competition import Competition
from modelward.validation.models import GaussianProcess, Prediction


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

    def state(self):
        return {"seen": self.seen}

    def restore(self, state):
        self.seen = state["seen"]


def test_log_loss_is_the_mean_of_the_forecasts():
    competition = Competition([Fixed("even", 0.0), Fixed("safe", 1.0)])
    forecasts = competition.forecast(np.zeros((2, 1)))
    assert forecasts[0]["even"] == 0.5
    competition.score(forecasts[0], failed=False)
    competition.score(forecasts[1], failed=True)
    p = forecasts[0]["safe"]
    by_name = {standing.name: standing for standing in competition.standings()}
    assert by_name["even"].log_loss == pytest.approx(math.log(2))
    assert by_name["safe"].log_loss == pytest.approx(-(math.log(1 - p) + math.log(p)) / 2)
    assert {s.n for s in by_name.values()} == {2}


def test_the_better_forecaster_leads_and_ties_go_to_the_first():
    competition = Competition([Fixed("safe", 2.0), Fixed("failing", -2.0)])
    assert competition.leader.name == "safe"
    assert math.isnan(competition.standings()[0].log_loss)
    competition.score(competition.forecast(np.zeros((1, 1)))[0], failed=True)
    assert competition.leader.name == "failing"
    assert [s.name for s in competition.standings()] == ["failing", "safe"]


def test_one_wrong_certainty_costs_a_finite_amount():
    competition = Competition([Fixed("sure", 50.0)])
    competition.score(competition.forecast(np.zeros((1, 1)))[0], failed=True)
    assert competition.standings()[0].log_loss == pytest.approx(-math.log(1e-6))


def test_models_handed_in_are_not_trained():
    model = Fixed("mine", 0.0)
    competition = Competition([model])
    competition.fit(np.zeros((5, 1)), np.zeros(5), seed=0)
    assert model.seen == 0
    assert competition.leader.state() == {"seen": 5}


def test_true_probabilities_win_on_average():
    """The log loss is proper: over many results the model that is right leads."""
    truth = Prediction(np.array([0.5]), np.array([1.0])).p_fail()[0]
    competition = Competition([Fixed("bold", 1.5), Fixed("right", 0.5), Fixed("timid", 0.0)])
    forecast = competition.forecast(np.zeros((1, 1)))[0]
    for failed in np.random.default_rng(0).random(2000) < truth:
        competition.score(forecast, failed=bool(failed))
    assert competition.leader.name == "right"


def test_doubled_and_missing_models_are_named():
    with pytest.raises(ConfigError, match=r"\['Gaussian process'\] more than once"):
        Competition([GaussianProcess(), GaussianProcess()])
    with pytest.raises(ConfigError, match="at least one model"):
        Competition([])
