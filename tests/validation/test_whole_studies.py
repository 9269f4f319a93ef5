"""The promises of a whole study, with models that compete and a surrogate that evolves."""

import numpy as np
import pytest

from modelward.validation import FeatureContinuous, GaussianProcess, Output, Study

FEATURES = [FeatureContinuous("x", 0, 1), FeatureContinuous("z", 0, 1)]
OUTPUT = Output("y", threshold=0.0, orientation="upper")


def disc(x, z):
    return (x - 0.4) ** 2 + (z - 0.4) ** 2 - 0.09


def test_each_model_speaks_before_the_result_and_the_better_one_leads(nearest):
    study = Study(FEATURES, [OUTPUT], models=[nearest(), GaussianProcess()], seed=2)
    study.run(lambda x, z: x + z - 0.9, budget=40, stop_early=False)
    scored = [run for run in study.told if run.forecasts]
    best, other = study.standings()["y"]
    assert best.name == study.panel.competitions["y"].leader.name == "Gaussian process"
    assert best.log_loss < 0.7 * other.log_loss
    assert best.n == len(scored) == 39  # all but the very first
    for run in scored:
        assert set(run.forecasts["y"]) == {"nearest", "Gaussian process", "*"}


@pytest.mark.slow
def test_the_certificate_holds_at_every_look_of_an_evolving_then_frozen_study(nearest):
    grid = np.random.default_rng(0).random((1500, 2))
    truth = disc(*grid.T) < 0
    outside = {"evolving": 0, "share": 0, "frozen": 0}
    for seed in range(15):
        study = Study(
            FEATURES, [OUTPUT], models=[nearest()], seed=seed, initial=4, audit=0.5, explore=0.1
        )
        rates, wrong = [], dict.fromkeys(outside, False)
        for number in range(60):
            if number == 30:
                study.freeze()
                rate = float((study.panel.fails(grid) != truth).mean())
            (run,) = study.ask()
            if number < 30 and run.kind == "audit":
                rates.append(float((study.panel.fails(grid) != truth).mean()))
            study.tell(run, disc(**run.values))
            proven = study.certificate()
            # Half a percent is the error of the grid that stands for the truth.
            if number >= 30:
                wrong["frozen"] |= proven.error.high < rate - 0.005
            elif rates:
                wrong["evolving"] |= proven.error.high < np.mean(rates) - 0.005
            wrong["share"] |= proven.failure_share.excludes(float(truth.mean()))
        for promise, broken in wrong.items():
            outside[promise] += broken
    assert max(outside.values()) <= 3  # 5 % of 15 is 0.75; more than 3 has a chance of 0.6 %


def test_the_nearest_model_can_be_saved_with_a_study(nearest, tmp_path):
    study = Study(FEATURES, [OUTPUT], models=[nearest()], seed=1)
    study.run(disc, budget=15)
    back = Study.load(study.save(tmp_path / "study.json"), models=[nearest()])
    assert [run.values for run in back.ask(3)] == [run.values for run in study.ask(3)]
