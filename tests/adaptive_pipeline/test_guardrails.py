"""Guardrails and A/B comparisons: what may not get worse does not, and shares are what was drawn."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelward.adaptive_pipeline.comparison import (
    Comparison,
    ErrorRate,
    Latency,
    Observation,
    Segments,
    comparison_from,
)
from modelward.core.errors import ConfigError, DataError


def ab(rng: np.random.Generator, losses: tuple[float, float], share: float) -> Observation:
    """One A/B request with 0/1 losses of these rates."""
    ours = bool(rng.uniform() < share)
    loss = float(rng.uniform() < losses[ours])
    return Observation(
        champion=None if ours else loss,
        challenger=loss if ours else None,
        arm="challenger" if ours else "champion",
        probability=share if ours else 1 - share,
    )


def end(comparison: Comparison, draw: Any, n: int) -> Any:
    verdict = comparison.verdict
    for _ in range(n):
        verdict = comparison.update(draw())
        if verdict.final:
            break
    return verdict


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_ab_finds_the_better_model(share: float) -> None:
    rng = np.random.default_rng(1)
    verdict = end(Comparison(design="ab"), lambda: ab(rng, (0.4, 0.2), share), 5_000)
    assert verdict.word == "promote"
    assert verdict.gain.low <= 0.2 <= verdict.gain.high


@pytest.mark.slow
@pytest.mark.parametrize("statistic", ["betting", "asymptotic"])
@pytest.mark.parametrize("share", [0.5, 0.2])
def test_ab_of_equals_promotes_at_most_half_alpha_of_the_time(statistic: Any, share: float) -> None:
    rng, runs = np.random.default_rng(2), 120
    words = [
        end(
            Comparison(design="ab", statistic=statistic, alpha=0.1, maximum=600),
            lambda: ab(rng, (0.3, 0.3), share),
            600,
        ).word
        for _ in range(runs)
    ]
    assert words.count("promote") / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


def test_ab_pseudo_outcomes_have_the_mean_of_the_difference() -> None:
    """Whatever the running means, the expectation given the past is the difference: drawn often."""
    from modelward.adaptive_pipeline.comparison.gains import Independent

    rng = np.random.default_rng(5)
    gains = []
    for _ in range(400):
        stream = Independent(0.3)
        for _ in range(40):
            ours = rng.uniform() < 0.3
            loss = rng.normal(1.0 if ours else 3.0, 1.0)
            number = stream.of(None if ours else loss, loss if ours else None, 0.3)
            gains.append(number)
    assert np.mean(gains) == pytest.approx(2.0, abs=4 * np.std(gains) / math.sqrt(len(gains)))


@pytest.mark.parametrize("what", ["requests", "labels"])
def test_a_share_that_is_not_the_one_drawn_makes_the_verdict_invalid(what: str) -> None:
    rng, comparison = np.random.default_rng(3), Comparison(design="ab", minimum=100)
    if what == "requests":
        for _ in range(150):
            comparison.update(ab(rng, (0.9, 0.0), 0.5))
        comparison.exposures(champion=900, challenger=600)
        verdict = comparison.verdict
    else:  # one arm's labels come half as often

        def draw() -> Observation:
            while True:
                seen = ab(rng, (0.4, 0.39), 0.5)
                if seen.arm == "champion" or rng.uniform() < 0.5:
                    return seen

        verdict = end(comparison, draw, 3_000)
    assert (verdict.word, verdict.valid) == ("inconclusive", False)
    assert f"of {'1500' if what == 'requests' else ''}" in verdict.reason
    assert what in verdict.reason
    assert verdict.to_dict()["valid"] is False


def paired(rng: np.random.Generator, **harm: float) -> Observation:
    """A challenger that is clearly better, but for some harm."""
    segment = "country=FI" if rng.uniform() < 0.3 else "country=SE"
    worse = harm.get("segment", 0.0) if segment == "country=FI" else 0.0
    failed = rng.uniform() < harm.get("failures", 0.0)
    return Observation(
        champion=float(rng.uniform() < 0.4),
        challenger=None if failed else float(rng.uniform() < 0.1 + worse),
        challenger_failed=bool(failed),
        champion_latency=float(rng.exponential(0.01)),
        challenger_latency=float(rng.exponential(0.01 + harm.get("latency", 0.0))),
        segments=(segment,),
    )


RAILS = (ErrorRate(tolerance=0.02), Latency(tolerance=0.005), Segments(tolerance=0.1))


def test_a_better_challenger_that_does_no_harm_passes_all_rails() -> None:
    rng = np.random.default_rng(4)
    comparison = Comparison(guardrails=RAILS)
    verdict = end(comparison, lambda: paired(rng), 5_000)
    assert verdict.word == "promote"
    assert all(guard.passed for guard in verdict.guards)
    assert [guard.name for guard in verdict.guards][:2] == ["ErrorRate", "Latency"]
    assert {guard.name for guard in verdict.guards[2:]} == {"country=FI", "country=SE"}


@pytest.mark.parametrize(
    ("harm", "name"),
    [
        ({"failures": 0.1}, "ErrorRate"),
        ({"latency": 0.02}, "Latency"),
        ({"segment": 0.8}, "country=FI"),
    ],
)
def test_harm_rejects_whatever_the_gain(harm: dict[str, float], name: str) -> None:
    rng = np.random.default_rng(6)
    comparison = Comparison(guardrails=RAILS, minimum=60)
    verdict = end(comparison, lambda: paired(rng, **harm), 5_000)
    assert verdict.word == "reject"
    assert name in verdict.reason


def test_a_rail_that_cannot_be_shown_ends_inconclusive() -> None:
    rng = np.random.default_rng(7)
    comparison = Comparison(guardrails=[ErrorRate(tolerance=0.001)], maximum=600)
    verdict = end(comparison, lambda: paired(rng), 600)
    assert verdict.word == "inconclusive"
    assert "ErrorRate is not yet shown to be kept" in verdict.reason


def test_a_challenger_that_never_answers_is_rejected_or_given_up() -> None:
    """No gain can be measured: the guardrail finds it, and without one the maximum ends it."""
    failed = Observation(champion=1.0, challenger=None, challenger_failed=True)
    guarded = Comparison(guardrails=[ErrorRate(tolerance=0.02)])
    verdict = end(guarded, lambda: failed, 200)
    assert (verdict.word, verdict.reason) == (
        "reject",
        "ErrorRate is worse by more than 0.02 after 100 labels",
    )
    alone = Comparison(max_failures=10**6, maximum=300)
    verdict = end(alone, lambda: failed, 300)
    assert (verdict.word, verdict.gain.n) == ("inconclusive", 0)


def test_a_guardrail_that_measures_nothing_is_not_passed() -> None:
    rng = np.random.default_rng(9)
    comparison = Comparison(guardrails=[Latency(tolerance=0.1)], maximum=400)
    pair = lambda: Observation(  # noqa: E731
        champion=float(rng.uniform() < 0.5), challenger=float(rng.uniform() < 0.1)
    )
    verdict = end(comparison, pair, 400)
    assert verdict.word == "inconclusive"
    assert verdict.reason == "a gain is shown, but Latency is not yet shown to be kept"
    assert verdict.to_dict()["guards"][0]["harm"] is None


@pytest.mark.slow
def test_a_challenger_at_the_tolerance_is_promoted_at_most_alpha_of_the_time() -> None:
    """Failures exactly as many as tolerated, and a great gain: the rail alone keeps it out."""
    rng, runs, promoted = np.random.default_rng(8), 120, 0
    for _ in range(runs):
        comparison = Comparison(
            guardrails=[ErrorRate(tolerance=0.05)], max_failures=10**6, alpha=0.1, maximum=600
        )
        verdict = end(comparison, lambda: paired(rng, failures=0.05), 600)
        promoted += verdict.word == "promote"
    assert promoted / runs <= 0.1 + 3 * math.sqrt(0.1 * 0.9 / runs)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    cut=st.integers(1, 150),
    design=st.sampled_from(["paired", "ab"]),
    statistic=st.sampled_from(["auto", "asymptotic", "betting"]),
    other=st.integers(1, 300),
)
def test_it_goes_on_from_its_state_exactly(
    seed: int, cut: int, design: Any, statistic: Any, other: int
) -> None:
    """Through JSON, at any point, also when losses that are not 0 or 1 begin at some label."""
    rng = np.random.default_rng(seed)
    whole = Comparison(design=design, statistic=statistic, guardrails=RAILS, minimum=20)
    part = comparison_from(json.loads(json.dumps(whole.settings)))
    for i in range(160):
        drawn = paired(rng, failures=0.05) if design == "paired" else ab(rng, (0.4, 0.3), 0.4)
        if i >= other:
            halves = {
                name: None if loss is None else 0.7 * loss
                for name, loss in (("champion", drawn.champion), ("challenger", drawn.challenger))
            }
            drawn = replace(drawn, **halves)
        if i == cut:
            if design == "ab":
                for each in (whole, part):
                    each.exposures(champion=70, challenger=30)
            kept = json.loads(json.dumps(part.state))
            part = comparison_from(json.loads(json.dumps(part.settings))).restore(kept)
        verdict = whole.update(drawn).to_dict()
        assert verdict == part.update(drawn).to_dict()
        assert json.loads(json.dumps(verdict, allow_nan=False)) == verdict
    assert whole.state == part.state


def test_losses_of_another_kind_leave_the_bets() -> None:
    comparison = Comparison(minimum=20, guardrails=[Segments(tolerance=0.1)])
    for i in range(30):
        comparison.update(Observation(champion=float(i % 2), challenger=0.0, segments=("a=1",)))
    bets = comparison.gain
    comparison.update(Observation(champion=3.5, challenger=0.2, segments=("a=1",)))
    assert comparison.gain.n == bets.n + 1
    assert comparison.gain.high is not None
    assert comparison.gain.high > 1  # a bound no bet between -1 and 1 could give


def test_bad_input_is_named() -> None:
    with pytest.raises(DataError, match="an arm, 'champion' or 'challenger'"):
        Comparison(design="ab").update(Observation(champion=0.0, challenger=None))
    comparison = Comparison(design="ab")
    rng = np.random.default_rng(0)
    comparison.update(ab(rng, (0.5, 0.5), 0.5))
    with pytest.raises(DataError, match=r"share to stay 0\.5, got 0\.2"):
        comparison.update(ab(rng, (0.5, 0.5), 0.2))
    with pytest.raises(DataError, match="between 0 and 1 with statistic='betting', got 2"):
        Comparison(statistic="betting").update(Observation(champion=2.0, challenger=0.0))
    with pytest.raises(ConfigError, match="a tolerance and a weight above 0"):
        ErrorRate(tolerance=0.0)
    with pytest.raises(ConfigError, match="one guardrail of a kind"):
        Comparison(guardrails=[ErrorRate(tolerance=0.1), ErrorRate(tolerance=0.2)])
    with pytest.raises(ConfigError, match="the design"):
        Comparison(design="both")  # type: ignore[arg-type]
