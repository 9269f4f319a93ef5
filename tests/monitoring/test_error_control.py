"""The promises on error rates hold, counted over many repetitions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from modelward.core.errors import DataError
from modelward.monitoring import (
    Sketch,
    assess,
    benjamini_hochberg,
    benjamini_yekutieli,
    compare,
    drift_method,
)
from modelward.monitoring.decisions.effects import displaced_share, mean_shift, missing_share
from modelward.monitoring.drift.chi_square import homogeneity


def normal(rng: np.random.Generator, rows: int, features: int, shift: Any = 0.0) -> pd.DataFrame:
    names = [f"f{i}" for i in range(features)]
    return pd.DataFrame(rng.normal(size=(rows, features)) + shift, columns=names)


def ceiling(rate: float, repeats: int) -> float:
    """The rate, and four standard errors of a share counted over so many repetitions."""
    return rate + 4 * float(np.sqrt(rate * (1 - rate) / repeats))


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
@pytest.mark.parametrize("rows", [20, 100, 500, 3000])
def test_a_healthy_model_seldom_alarms(rows: int) -> None:
    # Without drift every alarm is false, so the share of false alarms is the chance of any alarm.
    rng = np.random.default_rng(rows)
    alarms, repeats = 0, 200
    for _ in range(repeats):
        reference, window = normal(rng, 1000, 20), normal(rng, rows, 20)
        alarms += bool(compare(reference, window, smallest_shift=0.0).shifted)
    assert alarms / repeats <= ceiling(0.05, repeats)


def zipf(rng: np.random.Generator, rows: int) -> Any:
    return rng.zipf(1.5, rows).astype(str)


def many(rng: np.random.Generator, rows: int) -> Any:
    return rng.integers(0, 300, rows).astype(str)


def skewed(rng: np.random.Generator, rows: int) -> Any:
    return np.where(rng.random(rows) < 0.002, "rare", "usual")


def holes(rng: np.random.Generator, rows: int) -> Any:
    return np.where(rng.random(rows) < 0.002, np.nan, rng.normal(size=rows))


def ties(rng: np.random.Generator, rows: int) -> Any:
    return rng.poisson(2, rows)


@pytest.mark.slow
@pytest.mark.parametrize("draw", [zipf, many, skewed, holes, ties])
def test_awkward_columns_seldom_alarm(draw: Callable[..., Any]) -> None:
    # One column each: long tails and many categories (where those counted apart are chosen by the
    # reference itself), rare events and rare holes (where the chi-square law fails), and ties.
    rng = np.random.default_rng(21)
    alarms, repeats = 0, 400
    for _ in range(repeats):
        frames = [pd.DataFrame({"x": draw(rng, rows)}) for rows in (3000, 150)]
        alarms += bool(compare(*frames, smallest_shift=0.0).shifted)
    assert alarms / repeats <= ceiling(0.05, repeats)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m"), [(20, 20), (100, 20), (1000, 50), (1000, 1000)])
def test_p_values_of_ks_on_the_grid_are_valid(n: int, m: int) -> None:
    rng = np.random.default_rng(n + m)
    ks, repeats = drift_method("ks"), 800
    p_values = np.empty(repeats)
    for i in range(repeats):
        reference = Sketch.fit(normal(rng, n, 1))
        window = reference.empty().add(normal(rng, m, 1))
        p_values[i] = ks(reference.columns["f0"], window.columns["f0"]).p_value
    for rate in (0.01, 0.05, 0.2):
        assert (p_values <= rate).mean() <= ceiling(rate, repeats)
    assert (p_values <= 0.2).mean() > 0.08, "and not so conservative as to be of no use"


def test_p_values_of_a_rare_event_are_valid() -> None:
    # Exactly one hole in 5,100 rows, anywhere: one time in fifty-one it lies in the window.
    found = homogeneity(np.array([[5000, 0], [99, 1]]))
    assert found.p_value == pytest.approx(100 / 5100)


@pytest.mark.slow
def test_fleet_with_some_drifted_models() -> None:
    # 200 models of 20 features, 10 of them with 2 features moved by 0.25 sd, 1,000 rows each.
    rng = np.random.default_rng(11)
    false, total, found = 0, 0, 0
    for _ in range(2):
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
    assert found / 40 >= 0.95


@pytest.mark.slow
def test_small_sure_changes_make_no_room_for_chance_ones() -> None:
    # 45 features of one model moved by 0.08 sd (too little to matter, but sure at 20,000 rows), and a
    # healthy model with a small window: what is alarmed would be chance alone.
    rng = np.random.default_rng(21)
    wide = Sketch.fit(normal(rng, 20_000, 45))
    moved = wide.empty().add(normal(rng, 20_000, 45, 0.08))
    alarmed = 0
    for _ in range(15):
        healthy = Sketch.fit(normal(rng, 2_000, 45))
        fleet = {
            "moved": (wide, moved),
            "healthy": (healthy, healthy.empty().add(normal(rng, 200, 45))),
        }
        alarmed += sum(len(r.shifted) for r in assess(fleet) if r.model == "healthy")
    assert alarmed <= 3


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
def test_intervals_of_categories_and_holes_cover() -> None:
    rng = np.random.default_rng(13)
    before, after = [0.5, 0.3, 0.2], [0.4, 0.3, 0.3]
    covered = {"category": 0, "missing": 0}
    for _ in range(300):
        reference = Sketch.fit(frame_of(rng, 500, before))
        window = reference.empty().add(frame_of(rng, 300, after))
        a, b = reference.columns["c"], window.columns["c"]
        covered["category"] += not displaced_share(a, b, level=0.9).excludes(0.1)
        holes_a, holes_b = reference.columns["h"], window.columns["h"]
        covered["missing"] += not missing_share(holes_a, holes_b, level=0.9).excludes(0.1)
    assert min(covered.values()) / 300 >= 0.9


def frame_of(rng: np.random.Generator, rows: int, shares: list[float]) -> pd.DataFrame:
    holes = np.where(rng.random(rows) < shares[2], np.nan, 1.0)
    return pd.DataFrame({"c": rng.choice(list("xyz"), rows, p=shares), "h": holes})
