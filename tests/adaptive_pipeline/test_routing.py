"""Routing: the same arm for the same unit for ever, a fair share, and a new draw each time."""

from __future__ import annotations

import math

import pytest

from modelward.adaptive_pipeline.gateway.routing import assign
from modelward.core.errors import ConfigError

UNITS = [f"user-{number}" for number in range(20_000)]


def arms(salt: str, share: float) -> list[bool]:
    return [assign(unit, salt=salt, share=share).arm == "challenger" for unit in UNITS]


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01])
def test_the_share_is_kept(share: float) -> None:
    n = sum(arms("trial-1", share))
    assert abs(n - share * len(UNITS)) <= 4 * math.sqrt(len(UNITS) * share * (1 - share))


def test_experiments_are_independent_draws() -> None:
    both = sum(a and b for a, b in zip(arms("trial-1", 0.5), arms("trial-2", 0.5), strict=True))
    assert abs(both - len(UNITS) / 4) <= 4 * math.sqrt(len(UNITS) * 3 / 16)


def test_a_growing_share_takes_nobody_back() -> None:
    small, large = arms("trial-1", 0.1), arms("trial-1", 0.4)
    assert all(b for a, b in zip(small, large, strict=True) if a)


def test_it_is_the_same_on_every_machine_and_for_ever() -> None:
    """Written down once: a change here would move people in the middle of an experiment."""
    found = [assign(f"user-{n}", salt="trial-1", share=0.5).arm for n in range(24)]
    assert "".join("C" if arm == "challenger" else "." for arm in found) == (
        ".CC...CC...CC....C..C.C."
    )


def test_the_probability_is_that_of_the_arm() -> None:
    found = {assign(unit, salt="s", share=0.2) for unit in UNITS[:200]}
    assert {(each.arm, each.probability) for each in found} == {
        ("champion", 0.8),
        ("challenger", 0.2),
    }


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match="a share between 0 and 1"):
        assign("u", salt="s", share=share)
