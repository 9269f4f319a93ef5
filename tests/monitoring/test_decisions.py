"""Decisions: the promises on error rates hold, and what cannot be judged is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from modelward.core.errors import DataError
from modelward.core.metrics import Estimate
from modelward.core.testing import check_result
from modelward.monitoring import (
    DriftCollector,
    Sketch,
    assess,
    benjamini_hochberg,
    benjamini_yekutieli,
    compare,
)
from modelward.monitoring.decisions.effects import displaced_share, mean_shift


def normal(rng: np.random.Generator, rows: int, features: int, shift: Any = 0.0) -> pd.DataFrame:
    names = [f"f{i}" for i in range(features)]
    return pd.DataFrame(rng.normal(size=(rows, features)) + shift, columns=names)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_q_values_equal_scipy(p_values: list[float]) -> None:
    for ours, method in ((benjamini_hochberg, "bh"), (benjamini_yekutieli, "by")):
        expected = stats.false_discovery_control(p_values, method=method)
        np.testing.assert_allclose(ours(p_values), expected, atol=1e-12)


def test_q_values_refuse_what_is_no_p_value() -> None:
    for bad in ([0.5, 1.2], [np.nan], [-0.1]):
        with pytest.raises(DataError, match=r"in \[0, 1\]"):
            benjamini_hochberg(bad)
    assert benjamini_hochberg([]).size == 0


@pytest.mark.slow
@pytest.mark.parametrize("rows", [100, 500, 3000])
def test_a_healthy_model_seldom_alarms(rows: int) -> None:
    # Without drift the chance of any alarm is the share of false alarms: at most q, 0.05.
    rng = np.random.default_rng(rows)
    repeats = 300
    reference = Sketch.fit(normal(rng, 5000, 20))
    alarms = 0
    for _ in range(repeats):
        window = reference.empty().add(normal(rng, rows, 20))
        alarms += bool(compare(reference, window, smallest_shift=0.0).shifted)
    # One reference for all windows ties them together: allow four standard errors.
    assert alarms / repeats <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / repeats)


@pytest.mark.slow
def test_fleet_with_some_drifted_models() -> None:
    # 200 models of 20 features, 10 of them with 2 features moved by 0.25 sd, 1,000 rows each.
    rng = np.random.default_rng(11)
    false, total, found = 0, 0, 0
    for _ in range(3):
        fleet = {}
        for model in range(200):
            reference = Sketch.fit(normal(rng, 2000, 20))
            shift = np.zeros(20)
            shift[:2] = 0.25 if model < 10 else 0.0
            fleet[str(model)] = (reference, reference.empty().add(normal(rng, 1000, 20, shift)))
        for result in assess(fleet):
            truth = {"f0", "f1"} if int(result.model) < 10 else set()
            total += len(result.shifted)
            false += len(set(result.shifted) - truth)
            found += len(set(result.shifted) & truth)
    assert false / total <= 0.10
    assert found / 60 >= 0.95


@pytest.mark.slow
def test_intervals_of_effects_cover() -> None:
    rng = np.random.default_rng(12)
    shift, level, repeats = 0.5, 0.9, 400
    truth = 2 * stats.norm.cdf(shift / 2) - 1  # the Kolmogorov distance of two shifted normals
    covered = {"share": 0, "mean": 0}
    for _ in range(repeats):
        reference = Sketch.fit(normal(rng, 1000, 1))
        window = reference.empty().add(normal(rng, 300, 1, shift))
        a, b = reference.columns["f0"], window.columns["f0"]
        share = displaced_share(a, b, level=level)
        mean = mean_shift(a, b, level=level)  # type: ignore[arg-type]
        assert mean is not None
        covered["share"] += not share.excludes(truth)
        covered["mean"] += not mean.excludes(shift)
    assert covered["share"] / repeats >= 0.9
    assert 0.86 <= covered["mean"] / repeats <= 0.95


@pytest.mark.slow
def test_interval_of_a_changed_category_covers() -> None:
    rng = np.random.default_rng(13)
    before, after = [0.5, 0.3, 0.2], [0.4, 0.3, 0.3]
    covered = 0
    for _ in range(300):
        reference = Sketch.fit(pd.DataFrame({"c": rng.choice(list("xyz"), 500, p=before)}))
        window = reference.empty().add(pd.DataFrame({"c": rng.choice(list("xyz"), 300, p=after)}))
        share = displaced_share(reference.columns["c"], window.columns["c"], level=0.9)
        covered += not share.excludes(0.1)
    assert covered / 300 >= 0.9


def test_small_differences_do_not_matter_however_sure() -> None:
    rng = np.random.default_rng(14)
    reference, window = normal(rng, 100_000, 1), normal(rng, 100_000, 1, 0.05)
    found = compare(reference, window)
    assert found["f0"].q_value is not None
    assert found["f0"].q_value < 1e-10
    assert found.shifted == ()
    assert compare(reference, window, smallest_shift=0.01).shifted == ("f0",)


def test_alarm_says_which_rule_made_it_and_what_happened() -> None:
    rng = np.random.default_rng(15)
    found = compare(normal(rng, 2000, 3), normal(rng, 500, 3, [0, -0.8, 0]))
    assert found["f1"].rule == "benjamini_hochberg q <= 0.05 over 3 features and change >= 0.05"
    assert found["f1"].test.words.startswith("lower: mean")
    assert found["f0"].rule == ""
    assert "f1: lower" in repr(found)


def test_missing_values_are_drift_too() -> None:
    rng = np.random.default_rng(16)
    reference, window = normal(rng, 2000, 2), normal(rng, 500, 2)
    window.loc[:99, "f0"] = np.nan
    found = compare(reference, window)
    assert found.shifted == ("f0",)
    assert found["f0"].test.words == "missing 0.0% to 20.0%"
    window["f0"] = np.nan
    gone = compare(reference, window)
    assert gone.shifted == ("f0",)
    assert gone["f0"].test.words == "missing 0.0% to 100.0%"


@pytest.mark.parametrize(
    ("before", "after"),
    [([1.0], [2.0]), ([1.0], [0.0]), ([0.0, 1.0], [0.0, 5.0]), ([0.0, 1.0], [-3.0, 1.0])],
)
def test_values_never_seen_before_are_seen(before: list[float], after: list[float]) -> None:
    reference = pd.DataFrame({"x": before * (200 // len(before))})
    window = pd.DataFrame({"x": after * (100 // len(after))})
    assert compare(reference, window).shifted == ("x",)
    assert compare(reference, reference).shifted == ()


def test_categories() -> None:
    rng = np.random.default_rng(17)
    reference = pd.DataFrame({"c": rng.choice(["a", "b"], 1000, p=[0.7, 0.3])})
    window = pd.DataFrame({"c": rng.choice(["a", "b", "new"], 400, p=[0.3, 0.3, 0.4])})
    found = compare(reference, window)
    assert found.shifted == ("c",)
    assert "from" in found["c"].test.words


def test_what_cannot_be_judged_is_never_called_steady() -> None:
    rng = np.random.default_rng(18)
    reference = normal(rng, 500, 4)
    reference["void"] = np.nan
    window = normal(rng, 300, 4).drop(columns=["f0"])
    window["f1"] = "text"
    window["void"] = np.nan
    window["extra"] = 1.0
    found = compare(reference, window)
    assert {name: found[name].test.cannot_say for name in found.cannot_say} == {
        "f0": "missing in the window",
        "f1": "categorical in the window, numeric before",
        "void": "no value in the reference",
        "extra": "not in the reference",
    }
    assert "cannot say" in repr(found)
    few = compare(normal(rng, 500, 1), normal(rng, 5, 1))
    assert few["f0"].test.cannot_say == "5 rows in the window, at least 20 needed"
    assert few["f0"].verdict == "cannot say"


def test_settings_out_of_range() -> None:
    frame = normal(np.random.default_rng(0), 50, 1)
    for bad in ({"q": 0.0}, {"q": 1.0}, {"smallest_shift": -0.1}, {"level": 95.0}):
        with pytest.raises(DataError, match="expected 0 < q"):
            compare(frame, frame, **bad)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="benjamini_yekutieli"):
        compare(frame, frame, control="bonferroni")  # type: ignore[arg-type]
    with pytest.raises(DataError, match="empty fleet"):
        assess({})
    with pytest.raises(DataError, match="expected a feature of f0"):
        compare(frame, frame)["age"]


def drifted() -> Any:
    rng = np.random.default_rng(19)
    reference, window = normal(rng, 1000, 3), normal(rng, 400, 3, [0.0, 0.0, 1.0])
    for frame in (reference, window):
        frame["c"] = rng.choice(["a", "b"], len(frame))
    return compare(reference, window, model="<b>m</b>", window="today")


def test_result_keeps_the_contract() -> None:
    result = drifted()
    check_result(result)
    frame = result.to_frame()
    assert frame.index[0] == "f2"
    assert frame.loc["f2", "verdict"] == "drifted"
    record = result.to_evidence(version="3")
    assert record.kind == "monitoring.window"
    assert record.metric("features_drifted").value == 1
    assert record.metric("change", slice="f2").low > 0.2
    assert record.findings[0].startswith("f2 has drifted: higher")
    steady = compare(result.reference, result.reference)
    assert steady.to_evidence().findings == ("no feature has drifted",)


def test_page_and_plots() -> None:
    result = drifted()
    html = result.to_page().render()
    assert "<b>m</b>" not in html
    assert "1 of 4 features have drifted" in html
    assert html.count("<svg") == 2
    assert len(result.plot().get_yticklabels()) == 4
    from modelward.monitoring.outputs.plots import plot_distribution

    assert len(plot_distribution(result, "c").patches) == 6
    assert (
        "No feature has drifted" in compare(result.reference, result.reference).to_page().render()
    )


def test_prometheus_reads_it_back() -> None:
    from prometheus_client.parser import text_string_to_metric_families

    text = DriftCollector([drifted()], top=2).exposition().decode()
    families = {f.name: f for f in text_string_to_metric_families(text)}
    assert families["modelward_monitoring_features_drifted"].samples[0].value == 1
    changes = families["modelward_monitoring_feature_change_ratio"].samples
    assert changes[0].labels["feature"] == "f2"
    assert len(changes) == 2
    assert changes[0].labels["model"] == "<b>m</b>"


def test_bounds_are_estimates() -> None:
    assert isinstance(drifted()["f2"].test.effect, Estimate)
