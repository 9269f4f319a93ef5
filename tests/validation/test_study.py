import numpy as np
import pytest

from modelward.core.errors import ConfigError, DataError, StateError
from modelward.core.testing import check_seeded
from modelward.validation import (
    FeatureContinuous,
    FeatureInteger,
    GaussianProcess,
    Output,
    Study,
    four_branch,
)
from modelward.validation.problems import FOUR_BRANCH_FEATURES, FOUR_BRANCH_OUTPUT

LINE = [FeatureContinuous("x", 0, 1)]
MODELS = (GaussianProcess(),)
Y = Output("y", threshold=0.5)


def study(features=LINE, outputs=(Y,), models=MODELS, **settings):
    return Study(features, outputs, models=models, **settings)


def square(x):
    return x * x


def test_the_same_seed_asks_the_same_points():
    def points(seed):
        s = Study(FOUR_BRANCH_FEATURES, [FOUR_BRANCH_OUTPUT], seed=seed)
        s.run(four_branch, budget=25, batch=3, stop_early=False)
        return [run.values for run in s.runs]

    check_seeded(points)


def test_the_order_of_telling_a_batch_does_not_matter():
    proposals = []
    for order in (1, -1):
        s = study(seed=5)
        for _ in range(4):
            batch = s.ask(5)[::order]
            s.tell(batch, [square(**run.values) for run in batch])
        proposals.append([run.values for run in s.ask(5)])
    assert proposals[0] == proposals[1]


def test_pending_points_are_known_and_told_ones_are_not_pending():
    s = study(seed=1)
    batch = s.ask(6)
    assert s.pending == batch
    s.tell(batch[2], 0.1)
    assert len(s.pending) == 5
    assert [run.id for run in s.told] == [2]
    assert len({run.values["x"] for run in (*s.runs, *s.ask(30))}) == 36


def test_a_forecast_is_made_before_the_result_and_never_after():
    s = study(seed=1, initial=4)
    first = s.ask(4)
    assert all(not run.forecasts for run in first)
    s.tell(first, [square(**run.values) for run in first])
    run = s.ask()[0]
    before = run.forecasts
    assert set(before) == {"y"}
    s.tell(run, 0.9)
    assert s.runs[run.id].forecasts == before
    assert s.standings()["y"][0].n == 1


def test_telling_twice_the_same_changes_nothing_and_otherwise_is_refused():
    s = study()
    run = s.ask()[0]
    s.tell(run, 0.3)
    s.tell(run, 0.3)
    assert len(s.told) == 1
    with pytest.raises(StateError, match="expected one outcome for run 0"):
        s.tell(run, 0.4)
    with pytest.raises(StateError, match="expected one outcome for run 0"):
        s.tell_crash(run, "boom")


def test_a_batch_is_told_as_a_whole_or_not_at_all():
    s = study()
    batch = s.ask(3)
    with pytest.raises(DataError, match="expected a finite number for output 'y', got nan"):
        s.tell(batch, [0.1, float("nan"), 0.2])
    assert s.told == ()


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([float("inf")], "expected a finite number"),
        (["0.3"], "expected a finite number"),
        ([{"z": 1.0}], r"expected results for \['y'\], got \['z'\]"),
        ([{"y": 1.0, "z": 1.0}], "expected results for"),
        ([0.1, 0.2], "expected 1 results, one a point, got 2"),
    ],
)
def test_results_that_do_not_fit_are_named(results, message):
    s = study()
    with pytest.raises(DataError, match=message):
        s.tell(s.ask(), results)


def test_a_run_of_another_study_is_refused():
    s, other = study(seed=1), study(seed=2)
    s.ask()
    with pytest.raises(StateError, match="got run 0 of another"):
        s.tell(other.ask()[0], 0.1)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: study(features=[]), ConfigError, "at least one feature"),
        (lambda: study(outputs=[Y, Y]), ConfigError, "more than once"),
        (lambda: study(outputs=[Output("x", threshold=0)]), ConfigError, r"\['x'\] more than once"),
        (lambda: study(seed=-1), ConfigError, "a whole number seed >= 0"),
        (lambda: study(level=1.0), ConfigError, "0 < level < 1"),
        (lambda: study(models=[]), ConfigError, "at least one model"),
        (lambda: study().ask(0), DataError, "expected n >= 1"),
        (lambda: study().run(square, budget=0), DataError, "expected budget >= 1"),
        (lambda: study().result(), StateError, "expected told results, got none"),
        (lambda: study().freeze(), StateError, "expected told results, got none"),
        (lambda: study().predict([{"x": 0.1}]), StateError, "expected told results, got none"),
    ],
)
def test_mistakes_are_named(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_crash_and_a_nan_are_outcomes_and_the_models_learn_them():
    def fragile(x):
        if x > 0.8:
            raise RuntimeError("lens fell off")
        return float("nan") if x > 0.7 else 0.2

    s = study(seed=2)
    s.run(fragile, budget=40, stop_early=False)
    crashed = [run for run in s.runs if run.crash]
    assert len(s.told) == 40
    assert {run.crash.split(":")[0] for run in crashed if run.values["x"] > 0.8} == {"RuntimeError"}
    assert any("got nan" in run.crash for run in crashed)
    assert min(run.values["x"] for run in crashed) > 0.7
    assert s.predict([{"x": 0.3}, {"x": 0.95}])["fails"].tolist() == [False, True]
    assert any("crashed" in line for line in s.result().unknown)


def test_a_function_that_never_answers_is_reported_not_studied():
    def wrong(speed):
        return speed

    with pytest.raises(StateError, match="got 5 crashes in the first 5 runs, the last: TypeError"):
        study().run(wrong, budget=20)


def test_interrupting_is_not_a_crash():
    def stop(x):
        raise KeyboardInterrupt

    s = study()
    with pytest.raises(KeyboardInterrupt):
        s.run(stop, budget=3)
    assert s.told == ()


@pytest.mark.parametrize(("value", "share"), [(0.2, 0.0), (0.9, 1.0)])
def test_constant_outputs_are_reported_as_such(value, share):
    result = study(seed=0).run(lambda x: value, budget=30, stop_early=False)
    assert result.failure_share.value == share
    assert result.failures == 30 * share
    assert any("where it would change was not seen" in line for line in result.unknown)
    words = "Every run failed" if share else "No run failed"
    assert any(words in line for line in result.unknown)
    # The audit was few points: it cannot prove that all of the space is alike.
    assert result.failure_share.high - result.failure_share.low > 0.2


def test_several_outputs_fail_together_and_each_has_its_models():
    outputs = [Output("low", threshold=0.2, orientation="upper"), Output("high", threshold=0.7)]
    s = study(outputs=outputs, seed=3)
    s.run(lambda x: {"low": x, "high": x}, budget=50, stop_early=False)
    verdicts = s.predict([{"x": 0.1}, {"x": 0.45}, {"x": 0.8}])["fails"]
    assert verdicts.tolist() == [True, False, True]
    assert set(s.standings()) == {"low", "high"}
    asked = [run.values["x"] for run in s.runs if run.kind == "boundary"]
    assert min(abs(x - 0.2) for x in asked) < 0.02
    assert min(abs(x - 0.7) for x in asked) < 0.02


def test_a_proven_target_stops_and_says_so():
    s = study(outputs=[Output("y", threshold=0.5, certainty_target=0.8)], audit=0.5, seed=0)
    result = s.run(square, budget=400)
    assert result.n < 120
    assert result.stopped == "the certainty target is proven (0.8 for y)"
    assert result.certificate.certainty >= 0.8
    assert study(seed=0).run(square, budget=10).stopped == "the budget of 10 runs is spent"


def test_a_frozen_study_learns_no_more_and_only_audits():
    s = study(seed=4)
    s.run(square, budget=20, stop_early=False)
    before = s.predict([{"x": x} for x in np.linspace(0, 1, 50)])["p_fail"].tolist()
    result = s.certify(square, n=40)
    assert [run.kind for run in s.runs[20:]] == ["audit"] * 40
    assert s.predict([{"x": x} for x in np.linspace(0, 1, 50)])["p_fail"].tolist() == before
    assert result.certificate.n == 40  # audits of the earlier surrogates no longer count
    assert result.certificate.frozen


def test_audits_that_come_late_cannot_flatter():
    """Results count in the order of drawing: an untold audit point ends what is counted."""
    s = study(audit=0.5, seed=1)
    s.run(square, budget=20, stop_early=False)
    counted = s.certificate().n
    audits = [run for run in s.ask(12) if run.kind == "audit"]
    s.tell(audits[1:], [square(**run.values) for run in audits[1:]])
    assert s.certificate().n == counted
    s.tell(audits[0], square(**audits[0].values))
    assert s.certificate().n == counted + len(audits)


def test_the_verdict_of_an_audit_is_fixed_when_it_is_drawn():
    s = study(audit=0.5, seed=1)
    s.run(square, budget=20, stop_early=False)
    audit = next(run for run in s.ask(4) if run.kind == "audit")
    s.tell({"x": 0.99}, 0.0)  # teaches the models something else
    s.tell({"x": 0.01}, 1.0)
    s.tell(audit, square(**audit.values))
    told = s.runs[audit.id]
    assert (told.verdicts, told.shares) == (audit.verdicts, audit.shares)
    assert set(told.verdicts) == {"y", "*"}


def test_field_data_is_learnt_without_having_been_asked():
    s = study(seed=1)
    grid = np.linspace(0, 1, 12)
    s.tell([{"x": x} for x in grid], (grid**2).tolist())
    assert {run.kind for run in s.runs} == {"field"}
    assert s.predict([{"x": 0.6}, {"x": 0.8}])["fails"].tolist() == [False, True]
    assert s.certificate().n == 0


def test_frames_go_out_and_in():
    s = study(features=[*LINE, FeatureInteger("k", 1, 3)], seed=1)
    s.run(lambda x, k: x * k, budget=12, stop_early=False)
    s.ask(2)
    frame = s.to_frame()
    assert list(frame.columns) == ["x", "k", "y", "kind", "failed", "crash"]
    assert frame.index.name == "run"
    assert frame["failed"].isna().sum() == 2
    told = frame[frame["failed"].notna()]
    assert told["failed"].tolist() == (told["y"] >= 0.5).tolist()
    other = study(features=[*LINE, FeatureInteger("k", 1, 3)])
    other.tell_frame(told)
    assert [r.values for r in other.told] == [r.values for r in s.told]
    with pytest.raises(DataError, match=r"missing \['y'\]"):
        other.tell_frame(told.drop(columns="y"))
