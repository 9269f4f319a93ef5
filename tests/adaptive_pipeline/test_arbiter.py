"""The arbiter: one at a time, with a pause, and a reason for each 'not now'."""

from __future__ import annotations

import json

import pytest

from modelward.adaptive_pipeline import Arbiter, Signal
from modelward.core.errors import ConfigError

FREE = {"busy": None, "rows": 500, "needed": 100}


def alert(since: int | None = None, trigger: str = "alert") -> Signal:
    return Signal(trigger=trigger, reason=f"{trigger} says so", since=since)


def test_a_storm_gives_one_start() -> None:
    arbiter = Arbiter(cooldown=50)
    starts = 0
    for position in range(1, 41):
        for _ in range(25):
            arbiter.submit(alert())
            decision = arbiter.decide(position=position, **FREE)
            starts += decision is not None and decision.start
    assert starts == 1


def test_each_change_of_answer_is_told_once() -> None:
    arbiter = Arbiter(cooldown=0)
    arbiter.submit(alert())
    said = [
        arbiter.decide(position=p, busy=busy, rows=rows, needed=100)
        for p, (busy, rows) in enumerate(
            [("a challenger is being compared", 500)] * 3 + [(None, 50)] * 3 + [(None, 100)] * 2
        )
    ]
    told = [decision.because for decision in said if decision]
    assert told == [
        "not now, because a challenger is being compared",
        "not now, because the window holds too few rows (100 needed)",
        "now: nothing else runs and the window holds 100 rows",
    ]


def test_the_cooldown_counts_from_the_last_start() -> None:
    arbiter = Arbiter(cooldown=100)
    arbiter.submit(alert())
    assert arbiter.decide(position=10, **FREE).start
    arbiter.submit(alert())
    assert not arbiter.decide(position=109, **FREE).start
    assert arbiter.decide(position=110, **FREE).start


def test_reasons_merge_and_the_earliest_change_stands() -> None:
    arbiter = Arbiter()
    for signal in (alert(700), alert(650), alert(None, "manual"), alert(800)):
        arbiter.submit(signal)
    decision = arbiter.decide(position=1, **FREE)
    assert decision.merged == 4
    assert decision.signal.since == 650
    assert decision.signal.reason == "alert says so; manual: manual says so"


def test_a_dropped_signal_is_gone_and_the_state_survives() -> None:
    arbiter = Arbiter(cooldown=10)
    arbiter.submit(alert(5))
    arbiter.decide(position=1, busy="x", rows=0, needed=1)
    again = Arbiter(cooldown=10).restore(json.loads(json.dumps(arbiter.state)))
    assert again.decide(position=2, busy="x", rows=0, needed=1) is None  # said already
    assert again.decide(position=3, **FREE) == arbiter.decide(position=3, **FREE)
    arbiter.submit(alert())
    arbiter.drop()
    assert arbiter.decide(position=500, **FREE) is None


def test_a_negative_cooldown_is_named() -> None:
    with pytest.raises(ConfigError, match="got -1"):
        Arbiter(cooldown=-1)
