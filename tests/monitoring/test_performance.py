"""Performance by window and segment: what it gives, and what it does with data that cannot be used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as peer

from modelward.core.errors import ConfigError, DataError, StateError
from modelward.core.metrics import Estimate
from modelward.monitoring.fleet.records import Performance, Window
from modelward.monitoring.performance import (
    CBPE,
    DLE,
    PAPE,
    PerformanceEstimator,
    PerformanceHistory,
    WindowPerformance,
    realised,
)

SIDES = {"y_true": "y", "prediction": "said"}
CHANCE = {**SIDES, "probability": "p"}


def classified(n: int = 1_000, *, seed: int = 0, shift: float = 0.0) -> pd.DataFrame:
    """Two classes, a calibrated model, and the chance of a positive rising with x."""
    rng = np.random.default_rng(seed)
    x = rng.normal(shift, 1.5, size=n)
    p = 1 / (1 + np.exp(-x))
    return pd.DataFrame(
        {
            "x": x,
            "shop": rng.choice(["north", "south"], size=n),
            "p": p,
            "said": (p > 0.5).astype(int),
            "y": (rng.uniform(size=n) < p).astype(int),
        }
    )


def many_classes(n: int = 1_000, *, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    chance = rng.dirichlet([0.6, 0.6, 0.6], size=n)
    truth = (rng.uniform(size=(n, 1)) > np.cumsum(chance, axis=1)[:, :2]).sum(axis=1)
    names = np.array(["cat", "dog", "emu"])
    frame = pd.DataFrame(chance, columns=["p_cat", "p_dog", "p_emu"])
    return frame.assign(said=names[chance.argmax(axis=1)], y=names[truth])


def measured(n: int = 1_000, *, seed: int = 0, high: float = 2.0) -> pd.DataFrame:
    """A regression whose error grows with x."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, high, size=n)
    return pd.DataFrame(
        {"x": x, "said": 3 * x, "y": 3 * x + (0.2 + x) * rng.normal(size=n), "shop": "only"}
    )


MANY = {"cat": "p_cat", "dog": "p_dog", "emu": "p_emu"}
ESTIMATORS: list[tuple[PerformanceEstimator, object, dict[str, object]]] = [
    (CBPE(metric="accuracy"), classified, CHANCE),
    (CBPE(metric="f1", calibration="platt"), classified, CHANCE),
    (CBPE(metric="roc_auc", calibration="isotonic"), classified, CHANCE),
    (CBPE(metric="log_loss"), classified, CHANCE),
    (CBPE(metric="accuracy"), many_classes, {**SIDES, "probability": MANY}),
    (CBPE(metric="f1_macro"), many_classes, {**SIDES, "probability": MANY}),
    (CBPE(metric="recall", positive="dog"), many_classes, {**SIDES, "probability": MANY}),
    (PAPE(metric="accuracy"), classified, CHANCE),
    (DLE(metric="mae"), measured, SIDES),
    (DLE(metric="rmse"), measured, SIDES),
]
NAMES = [f"{e.method}-{e.metric}-{d.__name__}" for e, d, _ in ESTIMATORS]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("estimator", "data", "roles"), ESTIMATORS, ids=NAMES)
class TestEveryEstimator:
    def test_holds_what_labels_show(self, estimator, data, roles) -> None:
        fitted = estimator.fit(data(2_000), **roles)
        found = fitted.estimate(data(1_000, seed=1), window=Window.of("2026-03-01", hours=24))
        assert isinstance(found, WindowPerformance)
        assert found.estimated.low < found.realised.value < found.estimated.high
        assert found.estimated.level == 0.95
        assert found.estimated.n == 1_000
        assert found.method == estimator.method
        assert found.verdict == "steady"
        assert found.baseline == fitted.baseline

    def test_without_labels_gives_the_same_estimate(self, estimator, data, roles) -> None:
        fitted = estimator.fit(data(1_000), **roles)
        window = data(500, seed=1)
        alone = fitted.estimate(window.drop(columns="y"))
        assert alone.realised is None
        assert alone.estimated == fitted.estimate(window).estimated
        assert "concept drift" in alone.words
        assert "concept drift" in alone._repr_html_()
        assert "concept drift" not in fitted.estimate(window).words

    def test_kept_and_loaded_says_the_same(self, estimator, data, roles, tmp_path: Path) -> None:
        fitted = estimator.fit(data(600), **roles)
        path = fitted.save(tmp_path / "state.npz")
        again = type(estimator).load(path)
        window = data(300, seed=1)
        assert again.estimate(window) == fitted.estimate(window)
        assert repr(again) == repr(fitted)
        assert b"pickle" not in path.read_bytes()

    def test_few_rows_cannot_say(self, estimator, data, roles) -> None:
        found = estimator.fit(data(600), **roles).estimate(data(500).head(5))
        assert found.estimated is None
        assert found.verdict == "cannot say"
        assert found.cannot_say == "expected at least 30 usable rows, got 5"
        assert "cannot say" in repr(found)

    def test_an_empty_window_cannot_say(self, estimator, data, roles) -> None:
        found = estimator.fit(data(600), **roles).estimate(data(500).head(0))
        assert found.verdict == "cannot say"

    def test_a_missing_column_is_named(self, estimator, data, roles) -> None:
        fitted = estimator.fit(data(600), **roles)
        with pytest.raises(DataError, match="said"):
            fitted.estimate(data(500).rename(columns={"said": "sad"}))

    def test_before_fit(self, estimator, data, roles) -> None:
        fresh = type(estimator)(metric=estimator.metric)
        for call in (lambda: fresh.estimate(data(100)), lambda: fresh.baseline):
            with pytest.raises(StateError, match="fitted"):
                call()

    def test_a_short_reference(self, estimator, data, roles) -> None:
        with pytest.raises(DataError, match="at least 50 labelled rows, got 20"):
            estimator.fit(data(500).head(20), **roles)

    def test_rows_without_a_prediction(self, estimator, data, roles) -> None:
        fitted, window = estimator.fit(data(600), **roles), data(200, seed=1)
        window["said"] = window["said"].astype(object)
        window.loc[:3, "said"] = None
        found = fitted.estimate(window)
        assert found.skipped == 4
        assert found.estimated.n == 196
        window.loc[:50, "said"] = None
        assert "more than 5%" in fitted.estimate(window).cannot_say


def test_unknown_names_and_settings() -> None:
    with pytest.raises(DataError, match="did you mean 'accuracy'"):
        CBPE(metric="acuracy")
    with pytest.raises(ConfigError, match="a metric DLE can estimate"):
        DLE(metric="accuracy")
    with pytest.raises(ConfigError, match="a metric CBPE can estimate"):
        CBPE(metric="mae")
    for wrong in (
        {"level": 1.0},
        {"smallest_loss": -1.0},
        {"least_rows": 0},
        {"most_missing": 1.0},
    ):
        with pytest.raises(ValueError, match="expected"):
            CBPE(metric="accuracy", **wrong)
    with pytest.raises(ConfigError, match="folds"):
        CBPE(metric="accuracy", folds=1)


@pytest.mark.parametrize("value", [-0.1, 1.5, np.inf])
def test_probabilities_out_of_range(value: float) -> None:
    fitted, window = CBPE(metric="accuracy").fit(classified(200), **CHANCE), classified(100)
    window.loc[3, "p"] = value
    with pytest.raises(DataError, match=r"probabilit|finite"):
        fitted.estimate(window)
    with pytest.raises(DataError, match=r"probabilit|finite"):
        CBPE(metric="accuracy").fit(window, **CHANCE)


def test_probabilities_that_do_not_sum_to_one() -> None:
    window = many_classes(100)
    window.loc[5, "p_cat"] += 0.2
    with pytest.raises(DataError, match="sum to 1"):
        CBPE(metric="accuracy").fit(window, **{**SIDES, "probability": MANY})


def test_a_reference_of_one_class() -> None:
    frame = classified(200).assign(y=1)
    with pytest.raises(DataError, match="at least two classes"):
        CBPE(metric="accuracy").fit(frame, **CHANCE)


def test_a_class_the_reference_does_not_have() -> None:
    fitted = CBPE(metric="accuracy").fit(classified(200), **CHANCE)
    with pytest.raises(DataError, match=r"got 7 \(1 rows\)"):
        fitted.estimate(classified(100).assign(said=lambda f: f["said"].where(f.index != 2, 7)))


def test_labels_of_text_need_the_positive_named() -> None:
    frame = classified(300)
    frame[["y", "said"]] = frame[["y", "said"]].replace({0: "no", 1: "yes"}).to_numpy()
    with pytest.raises(DataError, match="positive="):
        CBPE(metric="recall").fit(frame, **CHANCE)
    found = CBPE(metric="recall", positive="yes").fit(frame, **CHANCE).estimate(frame)
    numbers = CBPE(metric="recall").fit(classified(300), **CHANCE).estimate(classified(300))
    assert found.estimated == numbers.estimated


def test_precision_where_nothing_is_predicted_positive_cannot_say() -> None:
    fitted = CBPE(metric="precision").fit(classified(500), **CHANCE)
    found = fitted.estimate(classified(200).assign(said=0))
    assert found.estimated is None
    assert found.realised is None
    assert "not defined" in found.cannot_say


def test_without_a_prediction_column_the_likelier_class_counts() -> None:
    frame = classified(500)
    given = CBPE(metric="accuracy").fit(frame, **CHANCE).estimate(frame)
    followed = CBPE(metric="accuracy").fit(frame, y_true="y", probability="p").estimate(frame)
    assert followed.estimated == given.estimated


def test_estimated_confusion_matrix() -> None:
    frame = classified(4_000)
    counts = CBPE(metric="f1").fit(frame, **CHANCE).confusion_matrix(frame)
    truth = peer.confusion_matrix(frame["y"], frame["said"])
    assert counts.to_numpy().sum() == pytest.approx(4_000)
    assert counts.to_numpy() == pytest.approx(truth, abs=60)
    assert counts.loc[1, 1] == pytest.approx(counts.to_numpy()[1, 1])


def test_a_regressor_beyond_its_reference_cannot_say() -> None:
    fitted = DLE(metric="mae").fit(measured(), **SIDES)
    window = measured(seed=1).assign(x=lambda f: f["x"] + 5)
    found = fitted.estimate(window.drop(columns="y"))
    assert found.verdict == "cannot say"
    assert "beyond the range of the reference" in found.cannot_say


def test_rows_where_the_reference_has_none_cannot_say() -> None:
    fitted = PAPE(metric="accuracy").fit(classified(1_000), **CHANCE)
    found = fitted.estimate(classified(500, shift=9.0).drop(columns="y"))
    assert found.verdict == "cannot say"
    assert found.estimated is None


@pytest.mark.parametrize(
    "break_it",
    [
        lambda f: f.assign(x=np.nan),
        lambda f: f.assign(x=np.inf),
        lambda f: f.assign(x="text"),
        lambda f: f.assign(shop="a new one"),
        lambda f: f.assign(shop=None),
    ],
    ids=["missing", "infinite", "text", "new category", "no category"],
)
def test_a_feature_that_broke_cannot_say(break_it) -> None:
    for estimator, data, roles in (
        (PAPE(metric="accuracy"), classified, CHANCE),
        (DLE(metric="mae"), measured, SIDES),
    ):
        fitted = estimator.fit(data(400), **roles)
        found = fitted.estimate(break_it(data(200, seed=1).drop(columns="y")))
        assert found.verdict == "cannot say"
        assert found.estimated is None
        assert "the reference" in found.cannot_say


def test_columns_without_a_value_and_times_are_borne() -> None:
    def with_more(frame: pd.DataFrame, year: int) -> pd.DataFrame:
        at = pd.date_range(f"{year}-01-01", periods=len(frame), freq="h")
        return frame.assign(at=at, empty=np.nan, same=1.0)

    for estimator, data, roles in (
        (PAPE(metric="accuracy"), classified, CHANCE),
        (DLE(metric="mae"), measured, SIDES),
    ):
        fitted = estimator.fit(with_more(data(400), 2025), **roles)
        found = fitted.estimate(with_more(data(400, seed=1), 2026))
        assert not found.estimated.excludes(found.realised.value)
        assert found.notes == ()


def test_state_of_another_class_or_no_state(tmp_path: Path) -> None:
    path = CBPE(metric="accuracy").fit(classified(200), **CHANCE).save(tmp_path / "a.npz")
    with pytest.raises(DataError, match="state of PAPE, got that of CBPE"):
        PAPE.load(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match="state of an estimator"):
        CBPE.load(path)
    (tmp_path / "b.npz").write_text("nothing")
    with pytest.raises(DataError, match="state of an estimator"):
        CBPE.load(tmp_path / "b.npz")
    np.save(tmp_path / "c.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="state of an estimator"):
        CBPE.load(tmp_path / "c.npy")


class TestRealised:
    def test_each_segment_beside_all_rows(self) -> None:
        frame = classified(1_000)
        found = realised(frame, metric="recall", by="shop", **SIDES)
        assert [w.segment for w in found] == ["", "shop=north", "shop=south"]
        for window, part in zip(
            found, (frame, *(g for _, g in frame.groupby("shop"))), strict=True
        ):
            assert window.realised.value == pytest.approx(
                peer.recall_score(part["y"], part["said"])
            )
            assert window.realised.low < window.realised.value < window.realised.high
            assert window.rows == len(part)

    @pytest.mark.parametrize(
        ("metric", "score"),
        [
            ("accuracy", peer.accuracy_score),
            ("balanced_accuracy", peer.balanced_accuracy_score),
            ("precision", peer.precision_score),
            ("f1", peer.f1_score),
            ("f1_macro", lambda t, p: peer.f1_score(t, p, average="macro")),
        ],
    )
    def test_labels_agree_with_scikit_learn(self, metric: str, score) -> None:
        frame = classified(300)
        found = realised(frame, metric=metric, **SIDES)[0].realised
        assert found.value == pytest.approx(score(frame["y"], frame["said"]), abs=1e-12)
        assert found.low < found.value < found.high

    @pytest.mark.parametrize(
        ("metric", "score"),
        [
            ("roc_auc", peer.roc_auc_score),
            ("average_precision", peer.average_precision_score),
            ("brier", peer.brier_score_loss),
            ("log_loss", peer.log_loss),
        ],
    )
    def test_probabilities_agree_with_scikit_learn(self, metric: str, score) -> None:
        frame = classified(300)
        found = realised(frame, metric=metric, y_true="y", probability="p")[0].realised
        assert found.value == pytest.approx(score(frame["y"], frame["p"]), abs=1e-12)
        assert found.low < found.value < found.high

    @pytest.mark.parametrize(
        ("metric", "score"),
        [
            ("mae", peer.mean_absolute_error),
            ("mse", peer.mean_squared_error),
            ("rmse", peer.root_mean_squared_error),
            ("r2", peer.r2_score),
        ],
    )
    def test_regression_agrees_with_scikit_learn(self, metric: str, score) -> None:
        frame = measured(300)
        found = realised(frame, metric=metric, **SIDES)[0].realised
        assert found.value == pytest.approx(score(frame["y"], frame["said"]), abs=1e-12)
        assert found.low < found.value < found.high

    def test_many_classes(self) -> None:
        frame = many_classes(500)
        sides = {"y_true": "y", "probability": MANY}
        chances = frame[list(MANY.values())]
        found = realised(frame, metric="log_loss", **sides)[0].realised
        assert found.value == pytest.approx(peer.log_loss(frame["y"], chances))
        found = realised(frame, metric="roc_auc", positive="dog", **sides)[0].realised
        assert found.value == pytest.approx(peer.roc_auc_score(frame["y"] == "dog", frame["p_dog"]))
        with pytest.raises(DataError, match="one of the classes"):
            realised(frame, metric="roc_auc", positive="cow", **sides)

    def test_late_labels_are_counted_and_left_out(self) -> None:
        frame = classified(200).astype({"y": float})
        frame.loc[:79, "y"] = np.nan
        found = realised(frame, metric="accuracy", **SIDES)[0]
        assert (found.rows, found.labelled, found.skipped) == (200, 120, 80)
        there = frame.loc[80:]
        assert found.realised.value == pytest.approx((there["y"] == there["said"]).mean())
        frame["y"] = np.nan
        assert realised(frame, metric="accuracy", **SIDES)[0].verdict == "cannot say"

    def test_one_class_cannot_say(self) -> None:
        found = realised(classified(100).assign(y=1), metric="roc_auc", y_true="y", probability="p")
        assert found[0].realised is None
        assert "not defined" in found[0].cannot_say

    def test_a_wrong_role_is_told(self) -> None:
        with pytest.raises(DataError, match="probability=<column>"):
            realised(classified(100), metric="roc_auc", **SIDES)
        with pytest.raises(DataError, match="did you mean"):
            realised(classified(100), metric="accuracy", y_true="y", prediction="sai")
        with pytest.raises(DataError, match="DataFrame"):
            realised([("a", [1, 2])], metric="accuracy", **SIDES)

    def test_worse_than_the_baseline(self) -> None:
        reference = realised(classified(2_000), metric="accuracy", **SIDES)[0].realised
        broken = classified(1_000, seed=1)
        broken["y"] = 1 - broken["y"]
        windows = {"monday": classified(1_000, seed=2), "tuesday": broken}
        found = realised(windows, metric="accuracy", baseline=reference, **SIDES)
        assert [window.verdict for window in found] == ["steady", "worse"]
        assert found.worse[0].window == "tuesday"
        assert found[1].lost.low > 0.3
        rather = realised(
            windows, metric="accuracy", baseline=reference, smallest_loss=0.9, **SIDES
        )
        assert [window.verdict for window in rather] == ["steady", "steady"]


@pytest.fixture(scope="module")
def history() -> PerformanceHistory:
    fitted = CBPE(metric="accuracy", smallest_loss=0.02).fit(classified(2_000), **CHANCE)
    days = {Window.of(f"2026-03-0{d}", hours=24): classified(400, seed=d) for d in range(1, 5)}
    return fitted.over(days, by="shop")


class TestResult:
    def test_order_and_segments(self, history: PerformanceHistory) -> None:
        assert len(history) == 12
        assert [history[at].segment for at in range(3)] == ["", "shop=north", "shop=south"]
        assert len(history.segment("")) == 4
        assert len(history.segment("shop=north")) == 4
        assert history.mean_absolute_error < 0.05

    def test_json_frame_and_evidence(self, history: PerformanceHistory) -> None:
        content = json.loads(history.to_json())
        assert len(content["windows"]) == 12
        assert content["windows"][0]["verdict"] == "steady"
        frame = history.to_frame()
        assert frame["estimated"].notna().all()
        assert frame["estimated_low"].lt(frame["estimated_high"]).all()
        record = history.to_evidence(model="fraud", version="3")
        assert record.kind == "monitoring.performance"
        assert record.sealed
        assert len(record.metrics) == 36
        assert any("accuracy" in finding for finding in record.findings)
        blind = WindowPerformance(metric="accuracy", estimated=Estimate(0.9)).to_evidence()
        assert any("concept drift" in finding for finding in blind.findings)

    def test_to_performance_is_what_the_fleet_keeps(self, history: PerformanceHistory) -> None:
        kept = history[0].to_performance()
        assert isinstance(kept, Performance)
        assert Performance.from_dict(kept.to_dict()) == kept
        assert kept.baseline == history[0].baseline
        assert kept.estimated == history[0].estimated
        loss = DLE(metric="mae").fit(measured(), **SIDES).estimate(measured(seed=1))
        assert loss.to_performance().higher_is_better is False

    def test_plot_draws_both_with_bands_baseline_and_threshold(self, history) -> None:
        ax = history.plot()
        drawn = ax.get_legend_handles_labels()[1]
        assert {"realised", "estimated", "baseline", "smallest loss"} <= set(drawn)
        assert len(ax.collections) == 2
        assert ax.get_xticklabels()[0].get_text() == "2026-03-01"
        assert history[0].plot() is not ax

    def test_html_escapes_hostile_names(self) -> None:
        frame = classified(200).assign(shop="<script>alert(1)</script>")
        page = realised(frame, metric="accuracy", by="shop", **SIDES)._repr_html_()
        assert "<script>alert" not in page

    def test_histories_of_two_metrics_do_not_add_up(self, history: PerformanceHistory) -> None:
        other = realised(classified(100), metric="recall", **SIDES)
        with pytest.raises(DataError, match="one metric"):
            history + other
        assert len(history + realised(classified(100), metric="accuracy", **SIDES)) == 13

    def test_lost_in_either_direction(self) -> None:
        before, after = Estimate(0.9, 0.88, 0.92, 0.95, 900), Estimate(0.8, 0.75, 0.84, 0.95, 300)
        falls = WindowPerformance(metric="accuracy", baseline=before, realised=after)
        assert falls.lost.value == pytest.approx(0.1)
        assert falls.lost.low == pytest.approx(0.1 - np.hypot(0.02, 0.04))
        assert falls.lost.high == pytest.approx(0.1 + np.hypot(0.02, 0.05))
        rises = WindowPerformance(metric="mae", baseline=after, realised=before)
        assert rises.lost.value == pytest.approx(0.1)
        assert rises.lost.low == pytest.approx(0.1 - np.hypot(0.04, 0.02))
        assert rises.verdict == "worse"


def test_importing_monitoring_imports_no_model_library() -> None:
    code = (
        "import sys, modelward.monitoring.performance as p; p.CBPE, p.DLE, p.PAPE, p.realised\n"
        "print([m for m in ('sklearn', 'scipy', 'pandas', 'mlflow', 'matplotlib') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
