"""Measuring many models at once gives the numbers that measuring them one by one gives."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelward.core.errors import DataError
from modelward.core.metrics import Estimate
from modelward.monitoring import DriftResult, FleetResult, Sketch, assess, compare
from modelward.monitoring.decisions import scoring, stacking
from modelward.monitoring.decisions.comparison import decide
from modelward.monitoring.decisions.measurement import measure_features
from modelward.monitoring.sketch.numeric import NumericSketch

EXACT = 1e-12
Pairs = dict[str, tuple[Sketch, Sketch]]


def same(one: Any, two: Any) -> bool:
    """Tell whether two results are alike: texts exactly, numbers to 1e-12 of their size."""
    if isinstance(one, Estimate):
        names = [field.name for field in fields(Estimate)]
        return isinstance(two, Estimate) and all(
            same(getattr(one, name), getattr(two, name)) for name in names
        )
    if isinstance(one, float) and isinstance(two, float):
        return one == pytest.approx(two, abs=EXACT, rel=1e-9)
    return type(one) is type(two) and one == two


def assert_alike(together: FleetResult, pairs: Pairs, **settings: Any) -> None:
    how: dict[str, Any] = {"q": 0.05, "smallest_shift": 0.05, "control": "benjamini_hochberg"}
    how |= settings
    alone = {
        name: list(measure_features(*pair, smallest_shift=how["smallest_shift"], level=0.95))
        for name, pair in pairs.items()
    }
    tests = [test for each in alone.values() for test in each]
    of = [i for i, each in enumerate(alone.values()) for _ in each]
    judged = iter(decide(tests, models=of, **how))
    for name, expected in alone.items():
        found = together[name]
        assert len(found.features) == len(expected)
        for feature in found.features:
            other = next(judged)
            for field in fields(feature.test):
                a, b = (getattr(each.test, field.name) for each in (feature, other))
                assert same(a, b), (name, field.name, a, b)
            assert same(feature.q_value, other.q_value)
            assert (feature.drifted, feature.rule) == (other.drifted, other.rule)
            assert feature.smallest_shift == other.smallest_shift


def column(rng: np.random.Generator, kind: str, rows: int, shift: float) -> Any:
    values: Any = {
        "normal": lambda: rng.normal(shift, 1, rows),
        "ties": lambda: rng.poisson(2 + abs(shift), rows).astype(float),
        "constant": lambda: np.full(rows, 3.0),
        "heavy": lambda: rng.standard_cauchy(rows) + shift,
        "few": lambda: rng.choice(["a", "b", "c"], rows, p=[0.7, 0.2, 0.1]),
        "many": lambda: rng.zipf(1.4, rows).astype(str),
        "rare": lambda: np.where(rng.random(rows) < 0.004, "rare", "usual"),
        "names": lambda: rng.integers(0, 10**9, rows).astype(str),
        "time": lambda: (
            pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 999, rows), "h")
        ),
        "void": lambda: np.full(rows, np.nan),
    }[kind]()
    found = pd.Series(values)
    holes = rng.choice([0.0, 0.0, 0.003, 0.2])
    if holes and kind != "void":
        found[rng.random(rows) < holes] = None
    if kind == "heavy" and rows:
        found.iloc[0] = np.inf
    return found


KINDS = ["normal", "ties", "constant", "heavy", "few", "many", "rare", "names", "time", "void"]


@st.composite
def fleets(draw: st.DrawFn) -> Pairs:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    pairs = {}
    for model in range(draw(st.integers(1, 3))):
        kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=5))
        before, after = draw(st.sampled_from([30, 200, 900])), draw(st.sampled_from([0, 25, 400]))
        frames = [
            pd.DataFrame(
                {f"{kind}{i}": column(rng, kind, rows, shift) for i, kind in enumerate(kinds)}
            )
            for rows, shift in ((before, 0.0), (after, draw(st.sampled_from([0.0, 0.1, 1.0]))))
        ]
        if draw(st.booleans()):
            frames[1]["new"] = 1.0
        if draw(st.booleans()) and len(kinds) > 1:
            frames[1] = frames[1].drop(columns=frames[0].columns[0])
        reference = Sketch.fit(frames[0], cells=draw(st.sampled_from([16, 64, 1024])))
        window = reference.empty().add(frames[1])
        if draw(st.booleans()):  # as it comes from a store
            window = Sketch.from_dict(window.to_dict())
        pairs[f"m{model}"] = reference, window
    return pairs


@settings(max_examples=60, deadline=None)
@given(
    fleets(),
    st.sampled_from([0.0, 0.05, {"normal0": 0.3, "*": 0.02}]),
    st.sampled_from(["benjamini_hochberg", "benjamini_yekutieli", "hierarchical"]),
)
def test_as_one_by_one(pairs: Pairs, smallest_shift: Any, control: Any) -> None:
    found = assess(pairs, smallest_shift=smallest_shift, control=control)
    assert_alike(found, pairs, smallest_shift=smallest_shift, control=control)


@settings(max_examples=15, deadline=None)
@given(fleets())
def test_one_model_is_a_fleet_of_one(pairs: Pairs) -> None:
    for name, pair in pairs.items():
        assert compare(*pair, model=name).to_dict() == assess({name: pair})[name].to_dict()


def fleet_of(models: int, rows: int = 300, features: int = 4) -> Pairs:
    rng = np.random.default_rng(5)
    names = [f"f{i}" for i in range(features)]
    pairs = {}
    for model in range(models):
        reference = Sketch.fit(pd.DataFrame(rng.normal(size=(rows, features)), columns=names))
        moved = rng.normal(size=(rows, features)) + (0.8 if model % 7 == 3 else 0.0)
        pairs[f"m{model}"] = reference, reference.empty().add(pd.DataFrame(moved, columns=names))
    return pairs


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = fleet_of(20)
    whole = assess(pairs)
    monkeypatch.setattr(stacking, "CELLS_AT_ONCE", 1)
    assert assess(pairs).results == whole.results
    assert [list(range(9))[part] for part in stacking.batches([1] * 9)] == [[i] for i in range(9)]


def test_counts_whose_product_fits_no_integer(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = fleet_of(3)
    expected = assess(pairs)
    monkeypatch.setattr(scoring, "_LARGEST", 0.0)
    found = assess(pairs)
    for one, two in zip(found, expected, strict=True):
        for a, b in zip(one.features, two.features, strict=True):
            assert same(a.test.p_value, b.test.p_value)


def test_what_is_not_looked_at_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    init = DriftResult.__init__

    def counted(self: DriftResult, *args: Any, **kwargs: Any) -> None:
        made.append(kwargs["model"])
        init(self, *args, **kwargs)

    monkeypatch.setattr(DriftResult, "__init__", counted)
    found = assess(fleet_of(30))
    assert len(found) == 30
    assert found.cannot_say == ()
    assert set(found.alarmed) == {"m3", "m10", "m17", "m24"}
    assert not made
    assert found["m3"].shifted
    assert made == ["m3"]
    assert len(found.to_frame()) == 30
    assert set(made) == set(found.alarmed)


def test_the_face_of_the_result_is_the_same() -> None:
    pairs = fleet_of(12)
    lazily = assess(pairs)
    plain = FleetResult(tuple(lazily), lazily.q, lazily.smallest_shift, lazily.control)
    assert lazily.to_dict() == plain.to_dict()
    assert repr(lazily) == repr(plain)
    assert lazily._repr_html_() == plain._repr_html_()
    assert lazily.results[0] == plain.results[0]
    assert lazily.results[:2] == plain.results[:2]
    assert lazily.results == plain.results
    assert lazily.to_evidence().findings == plain.to_evidence().findings
    ranks = [(-len(r.shifted), -r.largest_change, r.model) for r in lazily]
    assert ranks == sorted(ranks)
    with pytest.raises(DataError, match="expected a model of this fleet of 12, got 'none'"):
        lazily["none"]


def test_grids_that_differ_are_refused_among_many() -> None:
    pairs = fleet_of(3)
    pairs["m1"] = pairs["m1"][0], pairs["m2"][1]
    with pytest.raises(DataError, match="different grids of column 'f0'"):
        assess(pairs)
    categories = [Sketch.fit(pd.DataFrame({"c": [text] * 50})) for text in "ab"]
    with pytest.raises(DataError, match="different grids of column 'c'"):
        assess({"m": (categories[0], categories[1])})


def test_grids_of_different_lengths_in_one_batch() -> None:
    rng = np.random.default_rng(8)
    pairs = {}
    for i, cells in enumerate([8, 64, 512]):
        reference = Sketch.fit(pd.DataFrame({"x": rng.normal(size=700)}), cells=cells)
        assert isinstance(reference.columns["x"], NumericSketch)
        pairs[str(i)] = reference, reference.empty().add(pd.DataFrame({"x": rng.normal(1, 1, 99)}))
    assert_alike(assess(pairs), pairs)
