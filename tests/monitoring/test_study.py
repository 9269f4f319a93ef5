"""The study runs, goes on where it was cut off, gives the same again, and says what its numbers say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from typer.testing import CliRunner

from modelward.core.errors import DataError
from modelward.monitoring import Study, StudyResult
from modelward.monitoring.command import app
from modelward.monitoring.study import data
from modelward.monitoring.study.rules import RULES
from modelward.monitoring.study.run import FILE
from modelward.monitoring.study.scenarios import SCENARIOS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a short study in it, made by the command."""
    place = tmp_path_factory.mktemp("study")
    done = CliRunner().invoke(app, ["study", str(place), "--short", "--jobs", "1"])
    assert done.exit_code == 0, done.output
    assert "48 judgements of windows, 5 of streams, 3 of annotated series" in done.output
    return place


def timeless(result: StudyResult) -> list[Any]:
    frames = (result.windows, result.streams, result.annotated)
    return [frame.drop(columns="milliseconds").to_json() for frame in frames]


@pytest.mark.slow
def test_a_run_that_was_cut_off_goes_on_and_gives_the_same(folder: Path, tmp_path: Path) -> None:
    lines = (folder / FILE).read_text().splitlines(keepends=True)
    whole = Study.short().run(folder, jobs=1)
    assert (folder / FILE).read_text() == "".join(lines), "nothing was run again"
    other = json.loads(lines[-2]) | {"version": "another study"}
    cut = [*lines[:-2], json.dumps(other) + "\n", lines[-1][:40]]
    (tmp_path / FILE).write_text("".join(cut))
    again = Study.short().run(tmp_path, jobs=1)
    assert timeless(again) == timeless(whole)
    assert len((tmp_path / FILE).read_text().splitlines()) == len(lines) + 2


def test_the_guide_its_pictures_and_numbers_are_written(folder: Path) -> None:
    text = (folder / "drift-methods.md").read_text()
    for rule in RULES:
        assert f"| {rule.name} |" in text
    for name in ("rules", "scenarios", "delays"):
        assert f"(drift-methods-{name}.svg)" in text
        root = ET.parse(folder / f"drift-methods-{name}.svg").getroot()
        assert root.tag.endswith("svg")
    numbers = json.loads((folder / "drift-methods.json").read_text())
    assert {row["rule"] for row in numbers["rules"]} == {rule.name for rule in RULES}


def made(alarms: dict[str, tuple[list[bool], list[bool]]]) -> StudyResult:
    """A result of known numbers: by rule, alarms of healthy windows and of changed ones."""
    windows = [
        {
            "subject": "one column moved",
            "n": 100,
            "seed": seed,
            "rule": rule,
            "false_alarm": healthy,
            "found": found,
            "milliseconds": 1.0 + place,
        }
        for place, (rule, sides) in enumerate(alarms.items())
        for seed, (healthy, found) in enumerate(zip(*sides, strict=True))
    ]
    streams = [
        {"subject": "spread", "n": 0, "seed": s, "rule": "adwin", "false_alarm": s == 0,
         "found": s > 0, "delay": None if s == 0 else 10 * s, "milliseconds": 2.0}
        for s in range(4)
    ]  # fmt: skip
    series = [{"subject": "Apple", "n": 0, "seed": 0, "rule": "adwin", "found": 0.5, "false": 2,
               "told": 3, "milliseconds": 1.0}]  # fmt: skip
    return StudyResult(*(pd.DataFrame(rows) for rows in (windows, streams, series)))


def test_the_tables_are_counted_by_hand() -> None:
    result = made(
        {
            "compare": ([False] * 20, [True] * 15 + [False] * 5),
            "any p < 0.05": ([True] * 12 + [False] * 8, [True] * 20),
        }
    )
    rows = result.rules()
    assert rows.loc[("compare", 100), "found"] == 0.75
    low, high = stats.binomtest(15, 20).proportion_ci(0.95)
    assert rows.loc[("compare", 100), "found_low"] == pytest.approx(low)
    assert rows.loc[("compare", 100), "found_high"] == pytest.approx(high)
    assert rows.loc[("compare", 100), "false_alarms_low"] == 0
    assert rows.loc[("any p < 0.05", 100), "found_high"] == 1
    delays = result.delays().loc[("adwin", "spread")]
    assert (delays["false_alarms"], delays["found"], delays["delay"]) == (0.25, 0.75, 20.0)
    text = result.to_markdown()
    assert "**compare** found most (75%, in 1 ms a window)" in text
    assert "any p < 0.05 (60%)" in text
    assert "| compare | 5% | 0.0% | 0% to 17% | kept |" in text
    assert "<table" in result._repr_html_()
    assert len(result.to_frame()) == 2
    assert result.plot().get_xlabel().startswith("share of windows")


def test_a_broken_promise_is_told() -> None:
    rules = {"compare": ([True] * 10 + [False] * 10, [True] * 20)}
    text = made(rules).to_markdown()
    assert "**broken**" in text
    assert "Not to be trusted" in text


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_healthy_rows_are_of_one_law_and_changed_ones_are_not(scenario: Any) -> None:
    rng = np.random.default_rng(0)
    one, two, changed = (scenario.draw(3000, rng, flag) for flag in (False, False, True))
    assert list(one) == list(two) == list(changed)
    again = scenario.draw(50, np.random.default_rng(5), True)
    pd.testing.assert_frame_equal(again, scenario.draw(50, np.random.default_rng(5), True))

    def far(a: pd.DataFrame, b: pd.DataFrame) -> float:
        return max(_gap(a[c], b[c]) for c in a)

    if scenario.name == "ties broken":
        assert far(one, changed) < 0.06, "each column is as before"
        assert np.abs(one.corr() - changed.corr()).to_numpy().max() > 0.3
    elif scenario.name == "unit error":
        highest = [frame.select_dtypes("number").max().max() for frame in (one, changed)]
        assert highest[1] > 100 * highest[0]
    elif scenario.name == "missing":
        assert changed.isna().any(axis=None)
    else:
        assert far(one, changed) > 1.15 * far(one, two)


def _gap(a: pd.Series, b: pd.Series) -> float:
    """The largest change of a share, of values at or below, or of one category."""
    if a.dtype == object:
        shares = [x.value_counts(normalize=True) for x in (a, b)]
        return float(shares[0].sub(shares[1], fill_value=0).abs().max())
    return float(stats.ks_2samp(a, b, method="asymp").statistic)


def test_annotated_series_are_those_of_river() -> None:
    for name in data.ANNOTATED:
        values, marks = data.annotated(name)
        assert np.isfinite(values).all()
        assert len(marks) == 5
        assert all(0 < at < len(values) for each in marks for at in each)


def test_mistakes() -> None:
    for wrong in ({"sizes": (5,)}, {"repeats": 0}, {"scenarios": ("none",)}):
        with pytest.raises(DataError, match="known scenarios"):
            Study(**wrong)  # type: ignore[arg-type]
