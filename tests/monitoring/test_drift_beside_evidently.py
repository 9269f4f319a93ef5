"""Drift methods beside Evidently's own on the same samples, within 1e-6."""

from __future__ import annotations

import importlib
import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from modelward.monitoring import drift_method

Test = Callable[..., tuple[float, bool]]


WHERE = {
    "ks": "ks_stattest._ks_stat_test",
    "wasserstein": "wasserstein_distance_norm._wasserstein_distance_norm",
    "ed": "energy_distance._energy_dist",
    "jensenshannon": "jensenshannon._jensenshannon",
    "psi": "psi._psi",
    "hellinger": "hellinger_distance._hellinger_distance",
    "chisquare": "chisquare_stattest._chi_stat_test",
}


@pytest.fixture(scope="module")
def theirs() -> dict[str, Test]:
    """Evidently's statistical tests, "num ks" and so on; imported here alone: it takes seconds."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        core = pytest.importorskip("evidently.legacy.core")
        folder = "evidently.legacy.calculations.stattests"
        found = {}
        for name, place in WHERE.items():
            module, function = place.split(".")
            test = getattr(importlib.import_module(f"{folder}.{module}"), function)
            for kind in ("num", "cat"):
                found[f"{kind} {name}"] = asked(test, core.ColumnType(kind))
    return found


def asked(test: Any, kind: Any) -> Test:
    def call(a: pd.Series[Any], b: pd.Series[Any], **more: Any) -> tuple[float, bool]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value, drifted = test(a.copy(), b.copy(), kind, 0.1, **more)
        return float(value), bool(drifted)

    return call


NUMBERS = {
    "same": lambda r: (r.normal(size=2000), r.normal(size=700)),
    "shifted": lambda r: (r.normal(size=2000), r.normal(0.3, 1.2, 700)),
    "skewed": lambda r: (r.exponential(size=2000), r.exponential(1.4, 700)),
    "ties": lambda r: (r.poisson(40, 2000).astype(float), r.poisson(43, 700).astype(float)),
}
WORDS = {
    "few": (["x", "y", "z"], [0.5, 0.3, 0.2], [0.4, 0.3, 0.3]),
    "many": (list("abcdefghijklmnop"), None, [0.2, *[0.8 / 15] * 15]),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_without_bins(name: str, theirs: dict[str, Test]) -> None:
    a, b = map(pd.Series, NUMBERS[name](np.random.default_rng(3)))
    moved = drift_method("wasserstein").samples(a, b).value
    assert moved == pytest.approx(theirs["num wasserstein"](a, b)[0], abs=1e-6)
    energy = drift_method("energy").samples(a, b).value
    assert energy == pytest.approx(theirs["num ed"](a, b)[0], abs=1e-6)
    ks = drift_method("ks").samples(a, b).p_value
    exact = theirs["num ks"](a, b)[0]  # scipy's; ours is Kolmogorov's limit
    assert ks == pytest.approx(exact, rel=0.15, abs=1e-6)


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_in_their_bins(name: str, theirs: dict[str, Test]) -> None:
    # Evidently lays its bins by both samples, we by the reference; so the formulas are held beside
    # each other in its bins, handed to both.
    a, b = NUMBERS[name](np.random.default_rng(3))
    edges = np.histogram_bin_edges(np.concatenate([a, b]), bins="sturges")
    binned = [np.clip(np.searchsorted(edges, x, side="right"), 1, edges.size - 1) for x in (a, b)]
    ours = [each.astype(str) for each in binned]
    found = drift_method("jensen_shannon_nats").samples(*ours).value
    assert found == pytest.approx(
        theirs["num jensenshannon"](pd.Series(a), pd.Series(b))[0], abs=1e-6
    )


@pytest.mark.parametrize("name", WORDS)
def test_categories(name: str, theirs: dict[str, Test]) -> None:
    rng = np.random.default_rng(4)
    words, p, q = WORDS[name]
    a, b = pd.Series(rng.choice(words, 2000, p=p)), pd.Series(rng.choice(words, 900, p=q))
    for ours, other in (
        ("jensen_shannon_nats", "jensenshannon"),
        ("psi", "psi"),
        ("hellinger", "hellinger"),
    ):
        found = drift_method(ours).samples(a, b).value
        assert found == pytest.approx(theirs[f"cat {other}"](a, b)[0], abs=1e-6), ours
    bits = drift_method("jensen_shannon").samples(a, b).value
    assert bits == pytest.approx(theirs["cat jensenshannon"](a, b, base=2)[0], abs=1e-6)


def test_chi_square_asks_another_question(theirs: dict[str, Test]) -> None:
    # Evidently takes the reference's shares as known without error (goodness of fit), which makes
    # its p-values too small; ours is the test of two samples, scipy's chi2_contingency.
    rng = np.random.default_rng(5)
    ours, fitted = [], []
    for _ in range(300):
        a, b = (pd.Series(rng.choice(list("xyz"), 400)) for _ in range(2))
        ours.append(drift_method("chi_square").samples(a, b).p_value)
        fitted.append(theirs["cat chisquare"](a, b)[0])
    assert np.mean(np.array(ours) <= 0.05) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 300)
    assert np.mean(np.array(fitted) <= 0.05) >= 0.15
