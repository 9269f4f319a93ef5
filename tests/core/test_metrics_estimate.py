"""An estimate is a number with an honest interval, or none."""

from __future__ import annotations

import json
import math
import pickle
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from modelward.core.errors import DataError
from modelward.core.metrics import Estimate


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(0.91, 0.88, 0.93, 0.95, 400), "0.91 [0.88, 0.93] (95 %, n=400)"),
        (Estimate(0.91, 0.88, 0.93, 0.995), "0.91 [0.88, 0.93] (99.5 %)"),
        (Estimate(12345.678), "1.235e+04"),
        (Estimate(1.0, n=3), "1 (n=3)"),
        (Estimate(0.0, -math.inf, 1.0, 0.9), "0 [-inf, 1] (90 %)"),
        (Estimate(math.nan), "nan"),
    ],
)
def test_it_prints_on_one_line(estimate: Estimate, text: str) -> None:
    assert repr(estimate) == str(estimate) == f"{estimate}" == text


def test_a_format_is_for_the_value() -> None:
    assert f"{Estimate(0.12345, 0.1, 0.2, 0.95):.2f}" == "0.12"


def test_exclusion() -> None:
    found = Estimate(0.4, 0.1, 0.7, 0.95)
    assert [found.excludes(x) for x in (0.05, 0.1, 0.4, 0.7, 0.75)] == [
        True,
        False,
        False,
        False,
        True,
    ]
    assert not Estimate(0.4).excludes(99)


def test_it_is_a_frozen_value() -> None:
    found = Estimate(0.4, 0.1, 0.7, 0.95, 9)
    assert Estimate(**json.loads(json.dumps(found.to_dict()))) == found
    assert pickle.loads(pickle.dumps(found)) == found
    assert len({found, Estimate(0.4, 0.1, 0.7, 0.95, 9)}) == 1
    with pytest.raises(FrozenInstanceError):
        found.value = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"low": 0.0}, "expected both bounds or none, got low=0.0, high=None"),
        ({"high": 0.0}, "Hint: use -inf or inf for a one-sided interval."),
        ({"low": 1.0, "high": 0.0, "level": 0.9}, "expected low <= high, got low=1.0, high=0.0"),
        ({"low": math.nan, "high": 0.0, "level": 0.9}, "expected low <= high, got low=nan"),
        ({"low": 0.0, "high": 1.0}, "expected a level for an interval, got None"),
        ({"level": 95}, "expected 0 < level < 1, got 95\n\nHint: 95 % is 0.95."),
        ({"level": math.nan}, "expected 0 < level < 1, got nan"),
        ({"n": -1}, "expected n >= 0, got -1"),
    ],
)
def test_what_cannot_be_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        Estimate(0.5, **fields)
    assert message in str(caught.value)
