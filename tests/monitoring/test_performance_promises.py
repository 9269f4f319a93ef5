"""What the estimates of performance promise, held against known truth."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from modelward.core.errors import DataError
from modelward.monitoring.performance import CBPE, DLE, PAPE, Tally, poisson_binomial
from modelward.monitoring.performance.calibration import Form, fit_curve
from modelward.monitoring.performance.counts import draw_counts
from modelward.monitoring.performance.density_ratio import density_ratio
from modelward.monitoring.performance.expectation import Unlabelled, drawn, expected
from modelward.monitoring.performance.measurement import measure
from modelward.monitoring.performance.ranking import expected_roc_auc

CHANCE = {"y_true": "y", "prediction": "said", "probability": "p"}


def enough(held: int, runs: int, level: float = 0.95) -> bool:
    """Tell whether a share of held intervals agrees with the level, by three standard errors."""
    return held >= runs * level - 3 * math.sqrt(runs * level * (1 - level))


class TestCounts:
    def test_of_like_coins_it_is_binomial(self) -> None:
        for n in (1, 7, 65, 400, 3_001):
            law = poisson_binomial(np.full(n, 0.3))
            assert np.abs(law - binom.pmf(np.arange(n + 1), n, 0.3)).max() < 1e-12

    def test_of_unlike_coins_by_counting_all_outcomes(self) -> None:
        p = np.random.default_rng(0).uniform(size=9)
        law = np.zeros(10)
        for outcome in itertools.product([0, 1], repeat=9):
            law[sum(outcome)] += np.prod(np.where(outcome, p, 1 - p))
        assert poisson_binomial(p) == pytest.approx(law, abs=1e-14)
        assert poisson_binomial(np.stack([p, p[::-1]]))[1] == pytest.approx(law, abs=1e-14)

    def test_certain_events_and_none(self) -> None:
        assert poisson_binomial(np.array([1.0, 0.0, 1.0])).tolist() == [0, 0, 1, 0]
        assert poisson_binomial(np.empty(0)).tolist() == [1.0]
        with pytest.raises(DataError, match=r"\[0, 1\]"):
            poisson_binomial(np.array([0.5, 1.1]))
        with pytest.raises(DataError, match=r"\[0, 1\]"):
            poisson_binomial(np.array([np.nan]))

    @pytest.mark.parametrize("n", [300, 10_000])
    def test_draws_have_the_law(self, n: int) -> None:
        rng = np.random.default_rng(1)
        p = rng.beta(0.5, 0.5, size=n)
        counts = draw_counts(p[None], 20_000, rng)[0]
        law = np.cumsum(poisson_binomial(p))
        at = np.arange(n + 1)
        drawn_law = np.searchsorted(np.sort(counts), at, side="right") / counts.size
        assert np.abs(drawn_law - law).max() < 0.02


class TestCalibration:
    @pytest.fixture(scope="class")
    @classmethod
    def rows(cls) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rng = np.random.default_rng(0)
        score = rng.integers(1, 100, size=400) / 100
        return score, (rng.uniform(size=400) < score**2).astype(float), rng.integers(0, 4, size=400)

    def test_isotonic_agrees_with_scikit_learn(self, rows) -> None:
        score, hit, weight = rows
        peer = IsotonicRegression(out_of_bounds="clip").fit(score, hit, sample_weight=weight)
        at = np.linspace(0, 1, 777)
        ours = fit_curve("isotonic", score, hit, weight.astype(float))(at)
        assert ours == pytest.approx(peer.predict(at), abs=1e-12)

    def test_platt_agrees_with_scikit_learn(self, rows) -> None:
        score, hit, weight = rows
        odds = np.log(score / (1 - score))[:, None]
        peer = LogisticRegression(C=1e6).fit(odds, hit, sample_weight=weight)
        at = np.linspace(0.05, 0.95, 19)
        theirs = peer.predict_proba(np.log(at / (1 - at))[:, None])[:, 1]
        ours = fit_curve("platt", score, hit, weight.astype(float))(at)
        assert ours == pytest.approx(theirs, abs=0.01)  # the softened targets

    @pytest.mark.parametrize("form", ["isotonic", "platt"])
    def test_a_weight_of_two_is_the_row_twice(self, rows, form: Form) -> None:
        score, hit, weight = rows
        twice = fit_curve(form, np.repeat(score, weight), np.repeat(hit, weight))
        once = fit_curve(form, score, hit, weight.astype(float))
        at = np.linspace(0, 1, 101)
        assert once(at) == pytest.approx(twice(at), abs=1e-9)

    def test_separable_classes_do_not_overflow(self) -> None:
        score = np.linspace(0.01, 0.99, 100)
        for form in ("isotonic", "platt"):
            found = fit_curve(form, score, (score > 0.5).astype(float))(np.array([0.0, 0.5, 1.0]))
            assert np.isfinite(found).all()
            assert found[0] < 0.05
            assert found[2] > 0.95


class TestExpectation:
    """Against drawing labels and measuring, by scikit-learn."""

    def test_area_by_counting_all_pairs(self) -> None:
        rng = np.random.default_rng(0)
        score, p = rng.integers(6, size=40) / 5, rng.uniform(size=40)
        over = under = 0.0
        for i, j in itertools.permutations(range(40), 2):
            over += p[i] * (1 - p[j]) * ((score[i] > score[j]) + (score[i] == score[j]) / 2)
            under += p[i] * (1 - p[j])
        assert expected_roc_auc(score, p) == pytest.approx(over / under, rel=1e-12)

    @pytest.mark.parametrize(
        "metric",
        ["accuracy", "precision", "recall", "f1", "f1_macro", "balanced_accuracy", "roc_auc"],
    )
    @pytest.mark.parametrize("classes", [2, 3])
    def test_draws_are_those_of_labels(self, metric: str, classes: int) -> None:
        rng = np.random.default_rng(2)
        chance = rng.dirichlet(np.full(classes, 0.7), size=150)
        rows = Unlabelled(chance, chance.argmax(axis=1), 1)
        ours = drawn(metric, rows, [chance] * 10, np.random.default_rng(3))
        theirs = []
        for _ in range(600):
            truth = (rng.uniform(size=(150, 1)) > np.cumsum(chance, axis=1)[:, :-1]).sum(axis=1)
            if metric == "roc_auc":
                theirs.append(roc_auc_score(truth == 1, chance[:, 1]))
            else:
                theirs.append(measure(metric, truth, rows.predicted, positive=1).value)
        spread = np.std(theirs)
        assert ours.mean() == pytest.approx(np.mean(theirs), abs=4 * spread / math.sqrt(600))
        assert ours.std() == pytest.approx(spread, rel=0.15)
        assert expected(metric, rows, chance) == pytest.approx(np.mean(theirs), abs=0.01)


class TestTally:
    @settings(max_examples=40, deadline=None)
    @given(
        st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=3, max_size=60),
        st.integers(1, 50),
        st.sampled_from(["accuracy", "balanced_accuracy", "precision", "recall", "f1", "f1_macro"]),
    )
    def test_parts_add_up_to_the_whole(self, rows, cut: int, metric: str) -> None:
        truth, said = (np.array(side) for side in zip(*rows, strict=True))
        whole = Tally.of(metric, truth, said)
        parts = Tally.of(metric, truth[:cut], said[:cut]) + Tally.of(
            metric, truth[cut:], said[cut:]
        )
        assert repr(parts.estimate()) == repr(whole.estimate())
        assert Tally.from_dict(whole.to_dict()).estimate().value == pytest.approx(
            whole.estimate().value, nan_ok=True
        )

    def test_moments_add_up(self) -> None:
        rng = np.random.default_rng(0)
        y, said = rng.normal(size=(2, 1_000))
        hours = [Tally.of("rmse", y[at::24], said[at::24]) for at in range(24)]
        day = sum(hours[1:], start=hours[0]).estimate()
        whole = Tally.of("rmse", y, said).estimate()
        assert day.value == pytest.approx(whole.value, rel=1e-12)
        assert day.low == pytest.approx(whole.low, rel=1e-12)

    def test_what_does_not_add_up_is_told(self) -> None:
        with pytest.raises(DataError, match="adds up"):
            Tally.of("roc_auc", [0, 1], [0.2, 0.8])
        with pytest.raises(DataError, match="of one metric"):
            Tally.of("recall", [0, 1], [0, 1]) + Tally.of("recall", [0, 1], [0, 1], positive=0)

    @pytest.mark.parametrize(
        "metric",
        [
            "accuracy",
            "precision",
            "recall",
            "f1",
            "f1_macro",
            "balanced_accuracy",
            "roc_auc",
            "brier",
        ],
    )
    def test_intervals_of_labels_hold(self, metric: str) -> None:
        """The truth: what a million rows show."""
        rng = np.random.default_rng(5)

        def sides(n: int) -> tuple[np.ndarray, np.ndarray]:
            p = rng.beta(1.0, 2.0, size=n)
            truth = (rng.uniform(size=n) < p).astype(int)
            return truth, p if metric in {"roc_auc", "brier"} else (p > 0.4).astype(int)

        truth = measure(metric, *sides(1_000_000)).value
        found = [measure(metric, *sides(200)) for _ in range(800)]
        held = sum(not each.excludes(truth) for each in found)
        assert enough(held, 800)
        assert held < 800 * 0.985

    @pytest.mark.parametrize("metric", ["mae", "rmse"])
    def test_intervals_of_errors_hold(self, metric: str) -> None:
        rng = np.random.default_rng(6)
        truth = math.sqrt(2 / math.pi) if metric == "mae" else 1.0
        found = [measure(metric, rng.normal(size=200), np.zeros(200)) for _ in range(800)]
        held = sum(not each.excludes(truth) for each in found)
        assert enough(held, 800)
        assert held < 800 * 0.985


def sure(rng: np.random.Generator, n: int, shift: float = 0.0) -> pd.DataFrame:
    """A classifier that is too sure of itself, by the same amount everywhere."""
    z = rng.normal(shift, 1.5, size=n)
    p = 1 / (1 + np.exp(-1.8 * z - 0.3))
    y = (rng.uniform(size=n) < 1 / (1 + np.exp(-z))).astype(int)
    return pd.DataFrame({"z": z, "p": p, "said": (p > 0.5).astype(int), "y": y})


def blind(rng: np.random.Generator, n: int, shift: float = 0.0) -> pd.DataFrame:
    """A classifier that does not know of x, on which the label depends: where x shifts, it errs."""
    z, x = rng.normal(size=n), rng.normal(shift, 1.0, size=n)
    p = 1 / (1 + np.exp(-z))
    y = (rng.uniform(size=n) < true_chance(z, x)).astype(int)
    return pd.DataFrame({"z": z, "x": x, "p": p, "said": (p > 0.5).astype(int), "y": y})


def true_chance(z, x):
    return 1 / (1 + np.exp(-2 * z / (1 + np.exp(1.5 * x))))


def true_accuracy(shift: float) -> float:
    """By integration over the law of the rows."""
    z, x = np.meshgrid(np.linspace(-6, 6, 601), np.linspace(-6, 6, 601) + shift)
    law = norm.pdf(z) * norm.pdf(x - shift)
    chance = true_chance(z, x)
    return float((np.where(z > 0, chance, 1 - chance) * law).sum() / law.sum())


class TestKnownTruth:
    def test_ratio_of_two_normal_laws(self) -> None:
        rng = np.random.default_rng(0)
        reference, window = rng.normal(size=(4_000, 1)), rng.normal(0.8, 1.0, size=(4_000, 1))
        found = density_ratio(reference, window, [False], seed=0)
        truth = np.exp(0.8 * reference[:, 0] - 0.32)
        assert found.model != "none"
        assert np.corrcoef(found.weights, truth)[0, 1] > 0.95
        assert (found.weights @ reference[:, 0]) / 4_000 == pytest.approx(0.8, abs=0.1)

    def test_no_shift_weighs_nothing(self) -> None:
        rng = np.random.default_rng(0)
        found = [
            density_ratio(
                rng.normal(size=(800, 3)), rng.normal(size=(400, 3)), [False] * 3, seed=at
            )
            for at in range(5)
        ]
        assert not any(each.shifted for each in found)
        assert min(each.effective for each in found) > 700

    @pytest.mark.parametrize(("shift", "form"), [(-1.0, "isotonic"), (1.0, "platt"), (1.0, "auto")])
    def test_pape_follows_a_covariate_shift_that_misleads_cbpe(self, shift: float, form) -> None:
        rng = np.random.default_rng(1)
        reference, window = blind(rng, 5_000), blind(rng, 5_000, shift).drop(columns="y")
        truth = true_accuracy(shift)
        adapted = PAPE(metric="accuracy", calibration=form)
        adapted = adapted.fit(reference, **CHANCE).estimate(window).estimated
        stiff = CBPE(metric="accuracy").fit(reference, **CHANCE).estimate(window).estimated
        assert abs(true_accuracy(0) - truth) > 0.04
        assert abs(adapted.value - truth) < 0.02
        assert abs(stiff.value - truth) > 0.04
        assert not adapted.excludes(truth)

    def test_concept_drift_is_not_seen_and_the_words_say_so(self) -> None:
        rng = np.random.default_rng(2)
        fitted = CBPE(metric="accuracy").fit(sure(rng, 3_000), **CHANCE)
        turned = sure(rng, 1_000).assign(y=lambda f: 1 - f["y"])
        found = fitted.estimate(turned.drop(columns="y"))
        assert found.verdict == "steady"
        assert "concept drift" in found.words
        assert fitted.estimate(turned).verdict == "worse"  # with labels it is seen


def test_the_interval_stands_about_the_value() -> None:
    """Curves of a resampled reference are rougher, and so too sure: that must not move it."""
    askew = []
    for run in range(12):
        rng = np.random.default_rng(run)
        reference, window = sure(rng, 150), sure(rng, 2_000)
        for metric in ("accuracy", "f1", "roc_auc"):
            fitted = CBPE(metric=metric, calibration="isotonic").fit(reference, **CHANCE)
            found = fitted.estimate(window).estimated
            askew.append(((found.low + found.high) / 2 - found.value) / (found.high - found.low))
    assert abs(np.mean(askew)) < 0.025


def coverage(
    make, data, roles, *, runs: int, rows: int, reference: int, shift: float, alarms: bool = True
):
    """How many intervals hold what labels show, and how many windows are called worse."""
    held = worse = 0
    for run in range(runs):
        rng = np.random.default_rng(run)
        fitted = make().fit(data(rng, reference), **roles)
        window = data(rng, rows, shift)
        found = fitted.estimate(window)
        held += not found.estimated.excludes(found.realised.value)
        if alarms:
            worse += fitted.estimate(window.drop(columns="y")).verdict == "worse"
    return held, worse


@pytest.mark.slow
@pytest.mark.parametrize(
    ("metric", "shift"), [("accuracy", 0.0), ("roc_auc", 0.0), ("recall", 0.8), ("f1", 0.8)]
)
def test_cbpe_intervals_hold(metric: str, shift: float) -> None:
    held, worse = coverage(
        lambda: CBPE(metric=metric),
        sure,
        CHANCE,
        runs=80,
        rows=300,
        reference=1_000,
        shift=shift,
        alarms=shift == 0,
    )
    assert enough(held, 80)
    if shift == 0:
        assert worse <= 5  # 2.5 % are to be expected


@pytest.mark.slow
def test_pape_intervals_hold_under_covariate_shift() -> None:
    held, _ = coverage(
        lambda: PAPE(metric="accuracy"),
        blind,
        CHANCE,
        runs=40,
        rows=400,
        reference=1_500,
        shift=0.7,
        alarms=False,
    )
    assert enough(held, 40)


@pytest.mark.slow
def test_dle_intervals_hold() -> None:
    def data(rng: np.random.Generator, n: int, shift: float = 0.0) -> pd.DataFrame:
        x = rng.uniform(shift, 2, size=n)
        return pd.DataFrame({"x": x, "said": 2 * x, "y": 2 * x + (0.2 + x) * rng.normal(size=n)})

    roles = {"y_true": "y", "prediction": "said"}
    held, worse = coverage(
        lambda: DLE(metric="rmse"), data, roles, runs=40, rows=300, reference=1_000, shift=1.0
    )
    assert enough(held, 40)
    assert worse >= 36  # the rows with large errors are those that came
