"""Hostile and odd input of the local half: a clear error, or a study that goes on."""

import numpy as np
import pytest

from modelward.core.errors import ConfigError, DataError
from modelward.validation import (
    Domain,
    FeatureCategorical,
    FeatureContinuous,
    GaussianProcess,
    Output,
    StopRule,
    Study,
    StudySettings,
)
from modelward.validation.certainty import Audit
from modelward.validation.models.population import founders
from modelward.validation.remaining import conformal_limit, undecided
from modelward.validation.runs import Run

X = FeatureContinuous("x", 0, 1)
Y = Output("y", threshold=0.5)


def study(features=(X,), outputs=(Y,), **settings):
    return Study(features, outputs, models=[GaussianProcess()], **settings)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Output("y", threshold=(5, 2), orientation="between"), "expected low < high"),
        (lambda: Output("y", threshold=3, orientation="between"), "two finite thresholds"),
        (lambda: Output("y", threshold=(1, 2)), "one finite threshold"),
        (lambda: Output("y", threshold="3"), "one finite threshold"),
        (lambda: FeatureCategorical("w", ["a"]), "at least two levels"),
        (lambda: FeatureCategorical("w", ["a", "a"]), "more than once"),
        (lambda: FeatureCategorical("w", "abc"), "a list of levels"),
        (lambda: FeatureCategorical("w", [1.5, 2.5]), "texts, whole numbers"),
        (lambda: FeatureContinuous("x", "0", 1), "expected finite bounds"),
        (lambda: FeatureContinuous("x" * 300, 0, 1), "at most 200 characters"),
        (lambda: StudySettings(number_of_instances=0), "number_of_instances >= 1"),
        (lambda: StudySettings(seed=1.5), "a whole number seed"),
        (lambda: StudySettings.from_dict({"budget": 3}), r"got \['budget'\]"),
        (lambda: StopRule(runs=0), "expected runs above 0"),
        (lambda: Run.from_dict({"id": 0, "kind": "x", "values": {}}), "a run of kind"),
    ],
)
def test_mistakes_are_named(make, message):
    with pytest.raises((ConfigError, DataError), match=message):
        make()


@pytest.mark.parametrize(
    ("value", "message"),
    [("fog", "one of"), (1, "one of"), (None, "one of"), (["sun"], "one of")],
)
def test_a_level_that_does_not_exist_is_named(value, message):
    domain = Domain([FeatureCategorical("w", ["sun", "rain"])])
    with pytest.raises(DataError, match=message):
        domain.to_unit([{"w": value}])


def test_limits_on_both_sides():
    s = study(outputs=[Output("volt", threshold=(0.3, 0.6), orientation="between")])
    s.run(lambda x: x, budget=40, batch=2, stop_early=False)
    verdicts = s.predict([{"x": v} for v in (0.1, 0.25, 0.35, 0.5, 0.65, 0.9)])["fails"]
    assert verdicts.tolist() == [True, True, False, False, True, True]


def test_a_threshold_outside_all_that_was_seen_is_said():
    result = study(outputs=[Output("y", threshold=40.0)]).run(
        lambda x: x, budget=15, stop_early=False
    )
    assert any("lies outside all that was seen" in line for line in result.unknown)


def test_two_hundred_features():
    features = [FeatureContinuous(f"x{i}", 0, 1) for i in range(200)]
    s = study(features, initial=20)
    s.run(lambda **v: v["x0"], budget=30, batch=5, stop_early=False)
    assert len({tuple(run.values.values()) for run in s.runs}) == 30
    assert s.result().n == 30


def test_a_domain_of_levels_alone_is_exhausted_and_says_so():
    features = [FeatureCategorical("a", ["p", "q"]), FeatureCategorical("b", ["r", "s", "t"])]
    s = study(features, audit=0.0)
    result = s.run(lambda a, b: float(a == "p"), budget=50, stop_early=False)
    assert s.n_told == 6
    assert "the domain is exhausted" in s.stopped or "asked before" in result.stopped


def test_a_study_with_every_family_goes_on_through_every_kind_of_outcome():
    def moody(x, w):
        if w == "crash":
            raise OSError
        return {"y": x, "z": 1.0 if w == "one" else -1.0}

    features = [X, FeatureCategorical("w", ["one", "two", "crash"])]
    s = Study(features, [Y, Output("z", threshold=0.0)], seed=1, number_of_instances=8)
    s.run(moody, budget=30, batch=10, stop_early=False)
    assert {c.name for c in s.standings()["y"]} >= {"Gaussian process", "forest", "boosting"}
    certainty = s.certainty()
    assert set(certainty) == {"y", "z"}
    for one in certainty.values():
        told = one.to_dict()
        assert 0 <= told["undecided"]["value"] <= 1
        assert told["n_audit"] == one.certificate.n


@pytest.mark.parametrize("make", founders())
def test_every_family_learns_a_plane_and_keeps_the_contract(make):
    rng = np.random.default_rng(0)
    x, at = rng.random((150, 2)), rng.random((200, 2))
    model = make()
    model.fit(x, x.sum(axis=1) - 1.0, seed=3)
    p = model.predict(at).p_fail()
    assert p.shape == (200,)
    assert ((p > 0) & (p < 1)).all() or "Gaussian" in model.name
    assert ((p > 0.5) == (at.sum(axis=1) < 1)).mean() > 0.9
    again = make()
    again.restore(model.state())
    again.fit(x, x.sum(axis=1) - 1.0, seed=3)
    np.testing.assert_allclose(again.predict(at).p_fail(), p, atol=1e-12)
    belief = model.believe(at)
    before = belief.prediction.sd[0]
    belief.observe(at[0])
    assert belief.prediction.sd[0] < before
    assert type(model.mutate(rng)) is type(model)
    # All of one kind: no boundary yet, and no certainty either.
    model = make()
    model.fit(x[:6], np.ones(6), seed=0)
    assert (model.predict(at).p_fail() < 0.5).all()


def test_conformal_verdicts_hold_the_truth_as_often_as_they_say():
    """By its definition: over draws of 60 audits, what is excluded is true in at most 10 %."""
    rng, wrong, n = np.random.default_rng(0), 0, 2000
    for _ in range(n):
        p = rng.beta(0.4, 0.6, 61)
        failed = rng.random(61) < p**0.7  # the models' probabilities are off
        audits = [
            Audit(bool(a > 0.5), 0.4, bool(f), float(a)) for a, f in zip(p, failed, strict=True)
        ]
        limit = conformal_limit(audits[:60], target=0.9)
        score = 1 - p[60] if failed[60] else p[60]
        wrong += score > limit
    assert wrong / n <= 0.1 + 3 * (0.09 / n) ** 0.5
    assert wrong / n > 0.05


def test_a_limit_below_one_half_leaves_the_middle_undecided():
    assert undecided(np.array([0.0, 0.2, 0.5, 0.8, 1.0]), 0.3).tolist() == [
        False,
        False,
        True,
        False,
        False,
    ]
    assert undecided(np.array([0.1, 0.9]), float("inf")).all()


def test_rules_stop_a_study_and_say_which():
    stop = StopRule(certainty=False, unchanged=30)
    result = study(seed=0).run(lambda x: x, budget=300, batch=5, stop=stop)
    assert result.stopped == "the verdicts did not change for 30 runs"
    assert result.n < 120
    stop = StopRule(certainty=False, seconds=1e-6)
    assert "the time of 1e-06 seconds" in study().run(lambda x: x, budget=50, stop=stop).stopped
    s = study(outputs=[Output("y", threshold=0.5, certainty_target=0.5)], audit=0.5)
    assert s.run(lambda x: x, budget=200).stopped == "the certainty target is proven (0.5 for y)"
    assert s.stop_reason(StopRule(runs=5)) == "the budget of 5 runs is spent"
    assert study().stop_reason() is None
