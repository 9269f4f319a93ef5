"""Methods on whole tables and along streams: against their definitions, chance, and known change."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from modelward.core.errors import DataError
from modelward.monitoring import METHODS, stream_method, table_method
from modelward.monitoring.drift import tables
from modelward.monitoring.drift.mmd import mmd_statistic
from modelward.monitoring.drift.pca_reconstruction import pca_reconstruction_statistic
from modelward.monitoring.drift.table_energy import table_energy_statistic

TABLES = [name for name, method in METHODS.items() if method.on == "tables"]
STREAMS = [name for name, method in METHODS.items() if method.on == "streams"]
Rng = np.random.Generator


def normal(rng: Rng, n: int, d: int = 4) -> pd.DataFrame:
    return pd.DataFrame(rng.normal(size=(n, d)), columns=[f"f{i}" for i in range(d)])


def tied(rng: Rng, n: int) -> pd.DataFrame:
    """Columns that are each as before, and that now hang together."""
    frame = normal(rng, n)
    frame["f1"] = 0.9 * frame["f0"] + np.sqrt(1 - 0.81) * frame["f1"]
    return frame


def test_energy_is_its_definition() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.normal(0.5, 1, size=(30, 3))
    expected = 2 * cdist(x, y).mean() - cdist(x, x).mean() - cdist(y, y).mean()
    found = table_energy_statistic(x, y, rng)
    assert found.value**2 == pytest.approx(expected, rel=1e-6)
    line = table_energy_statistic(x[:, :1], y[:, :1], rng).value
    assert line == pytest.approx(stats.energy_distance(x[:, 0], y[:, 0]), rel=1e-6)


def test_mmd_is_its_definition() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(25, 3)), rng.normal(0.5, 1, size=(20, 3))
    both = np.concatenate([x, y])
    width = np.median(cdist(both, both, "sqeuclidean")[np.triu_indices(45, 1)])

    def k(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.exp(-cdist(a, b, "sqeuclidean") / width)

    xx, yy = k(x, x), k(y, y)
    ours = (xx.sum() - np.trace(xx)) / (25 * 24) + (yy.sum() - np.trace(yy)) / (20 * 19)
    assert mmd_statistic(x, y, rng).value == pytest.approx(ours - 2 * k(x, y).mean(), abs=1e-9)


def test_pca_errors_are_those_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    x, y = (rng.normal(size=(n, 5)) @ np.diag([3, 2, 1, 1, 1]) for n in (200, 80))
    half = np.array_split(np.random.default_rng(9).permutation(200), 2)
    model = PCA(0.65, svd_solver="full").fit(x[half[0]])
    errors = [
        np.linalg.norm(rows - model.inverse_transform(model.transform(rows)), axis=1)
        for rows in (x[half[1]], y)
    ]
    found = pca_reconstruction_statistic(x, y, np.random.default_rng(9))
    assert found.value == pytest.approx((errors[1].mean() - errors[0].mean()) / errors[0].std())
    assert found.p_value == pytest.approx(stats.ks_2samp(*errors, method="asymp").pvalue)


def test_classifier_area_is_that_of_held_out_rows() -> None:
    # A shift of d in one column: the best area there is, is Phi(d / sqrt 2).
    rng = np.random.default_rng(3)
    moved = normal(rng, 6000) + np.array([1.5, 0, 0, 0])
    found = table_method("classifier")(normal(rng, 6000), moved)
    best = stats.norm.cdf(1.5 / np.sqrt(2))
    assert best - 0.03 < found.value < best + 0.02
    assert roc_auc_score([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) == 0.75  # the unit of `value`


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "repeats"), [(n, 40 if n == "classifier" else 200) for n in TABLES]
)
def test_p_values_without_drift_are_valid(name: str, repeats: int) -> None:
    rng = np.random.default_rng(4)
    p_values = np.empty(repeats)
    for i in range(repeats):
        a, b = normal(rng, 120), normal(rng, 80)
        for frame in (a, b):
            frame["c"] = rng.choice(list("xyz"), len(frame))
            frame.loc[rng.random(len(frame)) < 0.1, "f2"] = np.nan
        p = table_method(name)(a, b, seed=i).p_value
        assert p is not None
        p_values[i] = p
    for rate in (0.05, 0.2):
        assert (p_values <= rate).mean() <= rate + 4 * np.sqrt(rate * (1 - rate) / repeats)
    assert (p_values <= 0.5).mean() > 0.25, "and not so conservative as to be of no use"


@pytest.mark.parametrize("name", TABLES)
def test_change_that_no_column_shows_is_seen(name: str) -> None:
    rng = np.random.default_rng(5)
    change: Callable[[Rng, int], pd.DataFrame] = tied
    reference, window = normal(rng, 1500), change(rng, 1500)
    if name == "pca_reconstruction":  # it sees ties that break, not such as are made
        reference, window = window, reference
    for column in reference:
        assert stats.ks_2samp(reference[column], window[column]).pvalue > 0.01
    found = table_method(name)(reference, window)
    assert found.p_value is not None
    assert found.p_value <= 0.005
    assert table_method(name)(reference, window) == found, "the seed gives the same again"


def test_permutations_count_ties_and_themselves() -> None:
    rng = np.random.default_rng(6)
    flat = tables.permuted(lambda sides: np.ones(sides.shape[1]), 5, 5, rng, repeats=9)
    assert flat.p_value == 1.0
    first = tables.permuted(lambda s: np.arange(s.shape[1])[::-1] + 0.0, 5, 5, rng, repeats=9)
    assert first.p_value == 0.1


def test_categories_holes_and_constants_become_numbers() -> None:
    a = pd.DataFrame({"c": ["x", "y", None, "x"] * 10, "n": [1.0, np.nan, 3.0, 2.0] * 10, "k": 7})
    left, right = tables.matrices(a, a.iloc[:30])
    assert left.shape == (40, 6)  # x, y, missing; number and its mark; the constant
    assert right.shape == (30, 6)
    assert np.isfinite(left).all()
    assert np.linalg.norm(left[0, :3] - left[1, :3]) == pytest.approx(1.0), (
        "categories are one apart"
    )
    found = table_method("table_energy")(a, a)
    assert found.value == pytest.approx(0.0, abs=1e-6)
    assert found.p_value == 1.0


def test_what_tables_cannot_be_compared() -> None:
    rng = np.random.default_rng(7)
    with pytest.raises(DataError, match="at least 20 rows a side for mmd, got 5"):
        table_method("mmd")(normal(rng, 50), normal(rng, 5))
    with pytest.raises(DataError, match=r"none of \['f3'\]"):
        table_method("mmd")(normal(rng, 50), normal(rng, 50, 3))
    with pytest.raises(DataError, match="with columns, got none"):
        table_method("mmd")(pd.DataFrame(index=range(30)), normal(rng, 50))
    with pytest.raises(DataError, match="'ks' works on columns"):
        table_method("ks")


@pytest.mark.parametrize("name", STREAMS)
def test_streams_are_those_of_river_and_find_a_change(name: str) -> None:
    from river import drift

    rng = np.random.default_rng(8)
    values = np.r_[rng.normal(size=600), np.nan, rng.normal(2, 1, 200)]
    method = stream_method(name)
    detector, expected = method.make(drift, 3), []
    for place, value in enumerate(values):
        if np.isnan(value):
            continue
        detector.update(float(value))
        if detector.drift_detected:
            expected.append(place)
    assert method.changes(values, seed=3) == tuple(expected)
    found = method.changes(values, warm_up=300, seed=3)
    assert [place for place in found if place < 600] == []
    assert min(found) < 700, "within a hundred values"


@pytest.mark.parametrize("name", STREAMS)
def test_the_scale_of_a_stream_does_not_matter_with_a_warm_up(name: str) -> None:
    rng = np.random.default_rng(9)
    values = np.r_[rng.normal(size=400), rng.normal(2, 1, 100)]
    found = stream_method(name).changes(values, warm_up=300)
    assert stream_method(name).changes(values * 1000 - 50, warm_up=300) == found


def test_what_is_no_stream() -> None:
    with pytest.raises(DataError, match="sequence of finite numbers"):
        stream_method("adwin").changes([1.0, np.inf])
    with pytest.raises(DataError, match="warm up by, got 0"):
        stream_method("adwin").changes([np.nan] * 10, warm_up=5)
    with pytest.raises(DataError, match="did you mean 'kswin'"):
        stream_method("kswn")
