"""The arbiter: one at a time, with pauses and a budget, and a reason for each 'not now'."""

from __future__ import annotations

import json

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from modelward.adaptive_pipeline import Arbiter, Decision, Signal
from modelward.core.errors import ConfigError

DAY = 86_400
FREE = {"busy": None, "rows": 500, "needed": 100}


def alert(since: int | None = None, trigger: str = "alert", reason: str = "") -> Signal:
    return Signal(trigger=trigger, reason=reason or f"{trigger} says so", since=since)


def test_a_storm_gives_one_start() -> None:
    arbiter = Arbiter(cooldown=50)
    starts = 0
    for position in range(1, 41):
        for _ in range(25):
            arbiter.submit(alert())
            decision = arbiter.decide(position=position, now=float(position), **FREE)
            starts += decision is not None and decision.start
    assert starts == 1


def test_each_change_of_answer_is_told_once() -> None:
    arbiter = Arbiter(cooldown=0)
    arbiter.submit(alert())
    asked = [("a challenger is being compared", 500)] * 3 + [(None, 50)] * 3 + [(None, 100)] * 2
    said = [
        arbiter.decide(position=p, now=0.0, busy=busy, rows=rows, needed=100)
        for p, (busy, rows) in enumerate(asked)
    ]
    assert [decision.because for decision in said if decision] == [
        "not now, because a challenger is being compared",
        "not now, because the window holds too few rows (100 needed)",
        "now: nothing else runs and the window holds 100 rows",
    ]


def test_the_cooldown_counts_labels_from_the_last_start() -> None:
    arbiter = Arbiter(cooldown=100)
    arbiter.submit(alert())
    assert arbiter.decide(position=10, now=0.0, **FREE).start
    arbiter.submit(alert())
    assert not arbiter.decide(position=109, now=9e9, **FREE).start
    assert arbiter.decide(position=110, now=9e9, **FREE).start


def test_the_cooldown_counts_seconds_too() -> None:
    arbiter = Arbiter(cooldown=0, cooldown_seconds=600)
    arbiter.submit(alert())
    assert arbiter.decide(position=1, now=1_000.0, **FREE).start
    arbiter.submit(alert())
    waits = arbiter.decide(position=900, now=1_599.0, **FREE)
    assert waits.because == "not now, because the last start was less than 600 seconds ago"
    assert arbiter.decide(position=900, now=1_600.0, **FREE).start


def test_the_debounce_merges_what_follows_the_first_wish_and_a_storm_cannot_put_it_off() -> None:
    arbiter = Arbiter(cooldown=0, debounce=60)
    decisions = []
    for second in range(61):
        arbiter.submit(alert(reason=f"alert {second}"))
        if said := arbiter.decide(position=1, now=float(second), **FREE):
            decisions.append((second, said))
    (first, waits), (last, starts) = decisions
    assert (first, waits.start) == (0, False)
    assert "within 60 seconds" in waits.because
    assert (last, starts.start, starts.merged) == (60, True, 61)


def test_the_budget_is_that_of_any_24_hours() -> None:
    arbiter = Arbiter(cooldown=0, budget=2)

    def starts(now: float) -> bool:
        arbiter.submit(alert())
        said = arbiter.decide(position=1, now=now, **FREE)
        return said is not None and said.start

    hour = 3_600.0
    assert [starts(0.0), starts(23 * hour)] == [True, True]
    assert not starts(23.9 * hour)
    assert starts(24 * hour)  # the first is a day old
    assert not starts(46 * hour)
    assert starts(47 * hour)


def test_a_clock_set_back_ends_no_pause_early_and_none_never() -> None:
    arbiter = Arbiter(cooldown=0, cooldown_seconds=100)
    arbiter.submit(alert())
    assert arbiter.decide(position=1, now=1e9, **FREE).start
    arbiter.submit(alert())
    assert not arbiter.decide(position=1, now=1e9 + 40, **FREE).start
    # Back by a year: forty of the hundred seconds had passed.
    assert arbiter.decide(position=1, now=1e9 - 3e7, **FREE) is None
    assert arbiter.decide(position=1, now=1e9 - 3e7 + 59, **FREE) is None
    assert arbiter.decide(position=1, now=1e9 - 3e7 + 60, **FREE).start


def test_reasons_merge_and_the_earliest_change_stands() -> None:
    arbiter = Arbiter()
    for signal in (alert(700), alert(650), alert(None, "manual"), alert(800)):
        arbiter.submit(signal)
    decision = arbiter.decide(position=1, now=0.0, **FREE)
    assert decision.merged == 4
    assert decision.signal == Signal(
        trigger="alert + manual", reason="alert says so; manual: manual says so", since=650
    )


def test_what_is_told_stays_short_however_many_wishes_there_are() -> None:
    arbiter = Arbiter()
    for number in range(1_000):
        arbiter.submit(alert(trigger=f"t{number}", reason=f"{number} " + "long " * 1_000))
    signal = arbiter.pending
    assert signal.reason.endswith("; and 990 more")
    assert len(signal.reason) < 6_000
    assert len(json.dumps(arbiter.state)) < 8_000


def test_a_dropped_wish_is_told_with_its_reason() -> None:
    arbiter = Arbiter()
    assert arbiter.drop() is None
    arbiter.submit(alert(5))
    arbiter.submit(alert(3))
    dropped = arbiter.drop("a new champion serves")
    assert dropped == Decision(
        start=False,
        because="dropped, because a new champion serves",
        signal=alert(3),
        merged=2,
    )
    assert arbiter.pending is None
    assert arbiter.decide(position=500, now=0.0, **FREE) is None


def test_it_goes_on_from_its_state() -> None:
    arbiter = Arbiter(cooldown=10, debounce=5)
    arbiter.submit(alert(5))
    arbiter.decide(position=1, now=0.0, busy="x", rows=0, needed=1)
    kept = json.loads(json.dumps(arbiter.state))
    again = Arbiter(cooldown=10, debounce=5).restore(kept)
    assert again.state == arbiter.state
    assert again.decide(position=2, now=1.0, busy="x", rows=0, needed=1) is None  # said already
    assert again.decide(position=3, now=5.0, **FREE) == arbiter.decide(position=3, now=5.0, **FREE)


@pytest.mark.parametrize(
    "wrong", [{"cooldown": -1}, {"cooldown_seconds": -1.0}, {"debounce": -1.0}, {"budget": 0}]
)
def test_settings_out_of_range_are_named(wrong: dict[str, float]) -> None:
    (name,) = wrong
    with pytest.raises(ConfigError, match=f"{name}=-?[01]"):
        Arbiter(**wrong)


class Life(RuleBasedStateMachine):
    """An arbiter that is asked, restarted, and whose clock is set forwards and back.

    `elapsed` is the time that has passed by what the arbiter could see: the sum of the steps
    forward from one question to the next. All it promises about time is promised of that.
    """

    COOLDOWN, SECONDS, DEBOUNCE, BUDGET = 20, 3_600, 60, 3

    def __init__(self) -> None:
        super().__init__()
        self.arbiter = self.fresh()
        self.position, self.clock, self.asked_at, self.elapsed = 0, 10_000_000, None, 0
        self.waiting: list[Signal] = []
        self.first_asked: int | None = None
        self.starts: list[tuple[int, int]] = []
        self.accepted = self.settled = 0
        self.answer = ""

    def fresh(self) -> Arbiter:
        return Arbiter(
            cooldown=self.COOLDOWN,
            cooldown_seconds=self.SECONDS,
            debounce=self.DEBOUNCE,
            budget=self.BUDGET,
        )

    @rule(since=st.none() | st.integers(1, 99), who=st.sampled_from("abc"), times=st.integers(1, 5))
    def wish(self, since: int | None, who: str, times: int) -> None:
        for _ in range(times):
            signal = alert(since, trigger=who)
            self.arbiter.submit(signal)
            self.waiting.append(signal)
            self.accepted += 1

    @rule(labels=st.integers(0, 30))
    def labels_come(self, labels: int) -> None:
        self.position += labels

    @rule(seconds=st.sampled_from([1, 59, 60, 3_599, 3_600, 20_000, 86_400, -1, -3_600, -90_000]))
    def time_passes(self, seconds: int) -> None:
        self.clock += seconds

    @rule()
    def restart(self) -> None:
        kept = json.loads(json.dumps(self.arbiter.state))
        self.arbiter = self.fresh().restore(kept)

    @precondition(lambda self: self.waiting)
    @rule()
    def drop(self) -> None:
        dropped = self.arbiter.drop("it is over")
        assert dropped.because == "dropped, because it is over"
        self.settle(dropped)

    @rule(busy=st.sampled_from([None, None, None, "busy"]), rows=st.sampled_from([500, 500, 50]))
    def ask(self, busy: str | None, rows: int) -> None:
        decision = self.arbiter.decide(
            position=self.position, now=float(self.clock), busy=busy, rows=rows, needed=100
        )
        if not self.waiting:
            assert decision is None
            return
        if self.asked_at is not None:
            self.elapsed += max(0, self.clock - self.asked_at)
        self.asked_at = self.clock
        if self.first_asked is None:
            self.first_asked = self.elapsed
        assert (decision is not None and decision.start) == self.may_start(busy, rows)
        if decision is not None:
            assert decision.because != self.answer
            self.answer = decision.because
            assert decision.merged == len(self.waiting)
            if decision.start:
                self.starts.append((self.position, self.elapsed))
                self.settle(decision)

    def may_start(self, busy: str | None, rows: int) -> bool:
        today = [at for _, at in self.starts if at > self.elapsed - DAY]
        rested = not self.starts or (
            self.position - self.starts[-1][0] >= self.COOLDOWN
            and self.elapsed - self.starts[-1][1] >= self.SECONDS
        )
        quiet = self.elapsed - self.first_asked >= self.DEBOUNCE
        return busy is None and rows >= 100 and rested and quiet and len(today) < self.BUDGET

    def settle(self, decision: Decision) -> None:
        known = [s.since for s in self.waiting if s.since is not None]
        assert decision.signal.since == min(known, default=None)
        assert set(decision.signal.trigger.split(" + ")) == {s.trigger for s in self.waiting}
        self.settled += decision.merged
        self.waiting, self.first_asked, self.answer = [], None, ""

    @invariant()
    def no_wish_is_lost(self) -> None:
        assert self.settled + len(self.waiting) == self.accepted
        assert (self.arbiter.pending is not None) == bool(self.waiting)


Life.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
test_whatever_happens = Life.TestCase
