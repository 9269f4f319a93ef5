"""The performance trigger: quick where the loss rises, quiet where it does not."""

from __future__ import annotations

import json

import numpy as np
import pytest

from modelward.adaptive_pipeline import Performance
from modelward.core.errors import ConfigError


def watch(trigger: Performance, losses: np.ndarray, start: int = 0):
    for seq, loss in enumerate(losses, start=start):
        if signal := trigger.update(float(loss), seq=seq):
            return seq, signal
    return None


def errors(rng: np.random.Generator, rate: float, n: int) -> np.ndarray:
    return (rng.random(n) < rate).astype(float)


@pytest.mark.parametrize("seed", range(5))
def test_a_jump_is_shown_soon_and_its_beginning_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = watch(Performance(), np.r_[errors(rng, 0.05, 500), errors(rng, 0.4, 300)])
    assert found is not None
    at, signal = found
    assert 500 < at <= 620
    assert abs(signal.since - 500) <= 60
    assert "above the level" in signal.reason


@pytest.mark.slow
def test_false_alarms_are_as_rare_as_promised() -> None:
    settings = {"alpha": 0.02, "every": 10, "tolerance": 0.0, "reference": 200}
    promised = 10 / 0.02  # labels to a false alarm, on average, at least
    rng = np.random.default_rng(8)
    runs = []
    for _ in range(60):
        trigger = Performance(**settings)
        losses = errors(rng, 0.2, 1_000)
        found = watch(trigger, losses)
        runs.append(found[0] - 200 if found else len(losses) - 200)
    # Runs that were cut off at 800 count as 800: the mean is an underestimate.
    assert np.mean(runs) >= promised


def test_a_small_rise_within_the_tolerance_is_no_alarm() -> None:
    rng = np.random.default_rng(0)
    losses = np.r_[errors(rng, 0.05, 300), errors(rng, 0.08, 3_000)]
    assert watch(Performance(tolerance=0.05), losses) is None


def test_it_works_for_losses_of_any_size() -> None:
    rng = np.random.default_rng(1)
    losses = np.r_[rng.exponential(100, 400), rng.exponential(400, 300)]
    found = watch(Performance(tolerance=20.0), losses)
    assert found is not None
    assert found[0] > 400


def test_it_fires_once_and_again_after_rearm_or_reset() -> None:
    rng = np.random.default_rng(2)
    trigger = Performance(reference=100)
    assert watch(trigger, np.r_[errors(rng, 0.05, 200), errors(rng, 0.5, 200)]) is not None
    assert watch(trigger, errors(rng, 0.5, 300)) is None
    trigger.rearm()
    assert watch(trigger, errors(rng, 0.5, 300)) is not None
    trigger.reset()
    assert trigger.level is None
    assert watch(trigger, errors(rng, 0.5, 300)) is None  # 0.5 is its new normal


def test_it_goes_on_from_its_state() -> None:
    rng = np.random.default_rng(3)
    losses = np.r_[errors(rng, 0.1, 300), errors(rng, 0.5, 200)]
    whole = watch(Performance(), losses)
    for cut in (50, 250, 320):
        first = Performance()
        assert watch(first, losses[:cut]) is None
        kept = json.loads(json.dumps(first.state))
        assert watch(Performance().restore(kept), losses[cut:], start=cut) == whole


def test_settings_out_of_range_are_named() -> None:
    with pytest.raises(ConfigError, match="expected tolerance >= 0, reference and minimum >= 20"):
        Performance(minimum=5)


def test_a_plain_limit_fires_at_once_and_says_so() -> None:
    trigger = Performance(limit=0.3, last=50, reference=1_000)
    rng = np.random.default_rng(4)
    losses = np.r_[errors(rng, 0.1, 300), np.ones(100)]
    at, signal = watch(trigger, losses)
    sums = np.convolve(losses, np.ones(50), "valid")
    first = int(np.argmax(sums > 15))  # the oracle: the first window above the limit
    assert at == first + 49
    assert signal.since == first
    assert "over the last 50 labels, above the limit 0.3 (plain threshold)" in signal.reason
    assert trigger.level is None  # it needed no reference
    assert "limit=0.3" in signal.trigger


def test_without_a_limit_there_is_no_threshold_and_with_one_both_rules_hold() -> None:
    rng = np.random.default_rng(5)
    high = errors(rng, 0.6, 1_000)
    assert watch(Performance(), high) is None  # always was high: no change
    assert "plain threshold" in watch(Performance(limit=0.5), high)[1].reason
    change = np.r_[errors(rng, 0.05, 300), errors(rng, 0.5, 300)]
    assert "confidence sequence" in watch(Performance(limit=0.9), change)[1].reason


def test_the_limit_is_about_labels_since_rearm_and_goes_on_from_its_state() -> None:
    trigger = Performance(limit=0.5, last=40)
    assert watch(trigger, np.ones(39)) is None
    kept = json.loads(json.dumps(trigger.state))
    assert trigger.update(1.0, seq=39) is not None
    trigger.rearm()
    assert watch(trigger, np.ones(39), start=40) is None
    assert trigger.update(1.0, seq=79).since == 40
    assert Performance(limit=0.5, last=40).restore(kept).update(1.0, seq=39).since == 0


@pytest.mark.parametrize("wrong", [{"last": 0}, {"limit": float("nan")}, {"limit": float("inf")}])
def test_a_limit_out_of_range_is_named(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="expected last >= 1 and a finite limit"):
        Performance(**wrong)
