"""Decisions on one window: what is an alarm, by which rule, and how it is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from modelward.core.errors import DataError
from modelward.core.testing import check_result
from modelward.monitoring import compare


def normal(rng: np.random.Generator, rows: int, features: int, shift: Any = 0.0) -> pd.DataFrame:
    names = [f"f{i}" for i in range(features)]
    return pd.DataFrame(rng.normal(size=(rows, features)) + shift, columns=names)


def test_small_differences_do_not_matter_however_sure() -> None:
    rng = np.random.default_rng(14)
    reference, window = normal(rng, 100_000, 1), normal(rng, 100_000, 1, 0.05)
    found = compare(reference, window)
    assert found["f0"].test.p_value is not None
    assert found["f0"].test.p_value < 1e-10
    assert found["f0"].q_value == 1.0
    assert found.shifted == ()
    assert compare(reference, window, smallest_shift=0.01).shifted == ("f0",)


def test_alarm_says_which_rule_made_it_and_what_happened() -> None:
    rng = np.random.default_rng(15)
    found = compare(normal(rng, 2000, 3), normal(rng, 500, 3, [0, -0.8, 0]))
    assert found["f1"].rule == "benjamini_hochberg q <= 0.05 over 3 features and change >= 0.05"
    assert found["f1"].test.words.startswith("lower: mean")
    assert found["f0"].rule == ""
    assert found["f0"].words == "no drift shown"
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


def test_a_sure_but_small_change_lends_nothing_to_another() -> None:
    # 2 % of values went missing, beyond any doubt; the values that are there only look different
    # by chance. Neither is drift: the first is too small, the second is not shown.
    rng = np.random.default_rng(22)
    reference, window = normal(rng, 50_000, 1), normal(rng, 100, 1)
    window.loc[:1, "f0"] = np.nan
    found = compare(reference, window)["f0"]
    assert found.test.effect is not None
    assert found.test.effect.value > 0.05
    assert not found.drifted


def test_a_small_change_does_not_hide_one_that_matters() -> None:
    rng = np.random.default_rng(23)
    reference, window = normal(rng, 200_000, 1), normal(rng, 20_000, 1, 0.2)
    window.loc[:799, "f0"] = np.nan  # 4 %, with a p-value smaller than any float
    found = compare(reference, window)["f0"]
    assert found.drifted
    assert found.test.method == "ks"


def test_saved_sketches_back_the_evidence(tmp_path: Path) -> None:
    result = drifted()
    result.reference.save(tmp_path / "reference.json")
    record = result.to_evidence(reference_uri="reference.json")
    checks = {c.item: c.status for c in record.verify(tmp_path).checks}
    assert checks["input sketch of the reference"] == "verified"
    assert checks["input sketch of the window"] == "unbacked"
    result.current.save(tmp_path / "reference.json")
    assert not record.verify(tmp_path)


def test_categories() -> None:
    rng = np.random.default_rng(17)
    reference = pd.DataFrame({"c": rng.choice(["a", "b"], 1000, p=[0.7, 0.3])})
    window = pd.DataFrame({"c": rng.choice(["a", "b", "new"], 400, p=[0.3, 0.3, 0.4])})
    found = compare(reference, window)
    assert found.shifted == ("c",)
    assert "from" in found["c"].test.words


def test_settings_out_of_range() -> None:
    frame = normal(np.random.default_rng(0), 50, 1)
    for bad in ({"q": 0.0}, {"q": 1.0}, {"smallest_shift": -0.1}, {"level": 95.0}):
        with pytest.raises(DataError, match="expected 0 <"):
            compare(frame, frame, **bad)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="benjamini_yekutieli"):
        compare(frame, frame, control="bonferroni")  # type: ignore[arg-type]
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
    assert len(result.plot(feature="c").patches) == 6
    assert len(result.plot(feature="f2").patches) == 2
    with pytest.raises(DataError, match="got 'absent'"):
        result.plot(feature="absent")
    assert (
        "No feature has drifted" in compare(result.reference, result.reference).to_page().render()
    )


def test_odd_names_and_emptied_columns_are_drawn() -> None:
    rng = np.random.default_rng(22)
    reference, window = normal(rng, 300, 2), normal(rng, 200, 2, 2.0)
    names = {"f0": "cost$_$ <b>", "f1": "$x$"}
    window["f1"] = np.nan
    result = compare(reference.rename(columns=names), window.rename(columns=names))
    html = result.to_page().render()
    assert "cost$_$ &lt;b&gt;" in html
    gone = result.current.columns["$x$"]
    assert gone.binned(np.linspace(-3, 3, 9)).sum() == 0  # type: ignore[union-attr]
