"""Performance judged over a fleet: what is found, what is not judged, and how often it is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from modelward.core.errors import DataError
from modelward.core.metrics import Estimate
from modelward.monitoring.decisions.degradation import degradation
from modelward.monitoring.fleet.records import Performance


def share(right: int, n: int) -> Estimate:
    """Wilson's interval."""
    z, p = 1.959964, right / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Estimate(p, low=min(p, middle - reach), high=max(p, middle + reach), level=0.95, n=n)


def fleet(rng: np.random.Generator, truths: list[float]) -> dict[str, Performance]:
    return {
        f"m{i}": Performance(
            "accuracy",
            baseline=share(int(rng.binomial(1_000, 0.85)), 1_000),
            realised=share(int(rng.binomial(500, truth)), 500),
        )
        for i, truth in enumerate(truths)
    }


def test_few_of_the_alarms_are_false_and_most_losses_are_found():
    rng = np.random.default_rng(0)
    false = alarms = found = 0
    for _ in range(20):
        decided = degradation(fleet(rng, [0.85] * 190 + [0.74] * 10), q=0.1, smallest_loss=0.0)
        hit = {int(name[1:]) for name, d in decided.items() if d.degraded}
        alarms += len(hit)
        false += sum(i < 190 for i in hit)
        found += sum(i >= 190 for i in hit)
    assert false / alarms <= 0.1 + 0.04
    assert found / 200 >= 0.9


def test_a_healthy_fleet_rarely_gives_any_alarm():
    rng = np.random.default_rng(1)
    runs = 200
    any_alarm = sum(
        any(d.degraded for d in degradation(fleet(rng, [0.85] * 50), smallest_loss=0.0).values())
        for _ in range(runs)
    )
    assert any_alarm / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


def test_a_loss_too_small_to_matter_is_no_alarm():
    large = Performance(
        "accuracy", baseline=share(90_000, 100_000), realised=share(89_000, 100_000)
    )
    assert degradation({"m": large}, smallest_loss=0.0)["m"].degraded
    assert not degradation({"m": large}, smallest_loss=0.05)["m"].degraded


def test_the_direction_of_the_metric_counts():
    low, high = (Estimate(v, low=v - 0.1, high=v + 0.1, level=0.95, n=100) for v in (1.0, 2.0))
    worse = Performance("mae", baseline=low, realised=high, higher_is_better=False)
    better = Performance("mae", baseline=high, realised=low, higher_is_better=False)
    decided = degradation({"worse": worse, "better": better})
    assert decided["worse"].degraded
    assert not decided["better"].degraded
    assert "q <= 0.05 over 2 models" in decided["worse"].rule


def test_labels_count_more_than_an_estimate_and_the_words_say_which():
    sure = share(900, 1_000)
    both = Performance("accuracy", baseline=sure, realised=share(300, 500), estimated=sure)
    only = Performance("accuracy", baseline=sure, estimated=share(300, 500))
    decided = degradation({"both": both, "only": only})
    assert decided["both"].words == "accuracy 0.9 to 0.6"
    assert decided["only"].words == "estimated accuracy 0.9 to 0.6"
    assert decided["both"].degraded
    assert decided["only"].degraded


@pytest.mark.parametrize(
    ("performance", "reason"),
    [
        (Performance("accuracy", realised=share(1, 2)), "no baseline"),
        (Performance("accuracy", baseline=share(1, 2)), "no value"),
        (
            Performance("accuracy", baseline=Estimate(0.9), realised=share(1, 2)),
            "a value without an interval",
        ),
    ],
)
def test_what_cannot_be_judged_is_said(performance, reason):
    (decided,) = degradation({"m": performance}).values()
    assert decided.cannot_say == reason
    assert decided.q_value is None
    assert not decided.degraded


def test_settings_out_of_range_are_refused():
    with pytest.raises(DataError, match="0 < q < 1"):
        degradation({}, q=1.5)
    assert degradation({}) == {}
