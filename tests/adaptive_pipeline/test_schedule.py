"""The schedule: each time of a cron expression once, whatever the clock and the process do."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelward.adaptive_pipeline import Schedule
from modelward.core.errors import ConfigError

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


def at(day: int = 0, hour: int = 0, minute: int = 0) -> float:
    """Unix seconds, counted from a Monday at midnight UTC."""
    return (MONDAY + timedelta(days=day, hours=hour, minutes=minute)).timestamp()


def fired(schedule: Schedule, first: datetime, last: datetime) -> list[datetime]:
    """Look every 15 minutes; give when a signal came."""
    zone, moment, found = first.tzinfo, first.astimezone(UTC), []
    while moment <= last.astimezone(UTC):
        if schedule.poll(moment.timestamp()):
            found.append(moment.astimezone(zone))
        moment += timedelta(minutes=15)
    return found


@pytest.mark.parametrize(
    ("weekdays", "expected"),
    [
        ("*", "Mon Tue Wed Thu Fri Sat Sun"),
        ("1", "Mon"),
        ("0", "Sun"),
        ("7", "Sun"),
        ("1-5", "Mon Tue Wed Thu Fri"),
        ("5-7", "Fri Sat Sun"),
        ("0-2", "Mon Tue Sun"),
        ("*/2", "Tue Thu Sat Sun"),
        ("1/3", "Mon Thu"),
        ("mon,Wed", "Mon Wed"),
        ("fri-mon", "Mon Fri Sat Sun"),
    ],
)
def test_days_of_the_week_are_counted_as_cron_counts_them(weekdays: str, expected: str) -> None:
    schedule = Schedule(f"0 3 * * {weekdays}")
    found = fired(schedule, MONDAY, MONDAY + timedelta(days=6, hours=23))
    assert [f"{moment:%a}" for moment in found] == expected.split()
    assert {f"{moment:%H:%M}" for moment in found} == {"03:00"}


def test_the_reason_says_what_was_due() -> None:
    schedule = Schedule("30 4 1 * *", timezone="Europe/Helsinki")
    schedule.poll(at())
    signal = schedule.poll(datetime(2026, 2, 1, 2, 30, tzinfo=UTC).timestamp())
    assert signal.reason == "'30 4 1 * *' (Europe/Helsinki) was due at 2026-02-01T04:30:00+02:00"
    assert signal.trigger == "Schedule('30 4 1 * *', timezone='Europe/Helsinki')"


def test_what_was_missed_while_down_gives_one_signal() -> None:
    schedule = Schedule("0 * * * *")
    schedule.poll(at())
    kept = json.loads(json.dumps(schedule.state))
    later = Schedule("0 * * * *").restore(kept)
    signal = later.poll(at(day=10, minute=30))
    assert signal.reason.endswith("was due at 2026-01-05T01:00:00+00:00 and after that")
    assert later.poll(at(day=10, minute=59)) is None
    assert later.poll(at(day=10, hour=1)) is not None


def test_the_first_look_asks_for_nothing_of_the_past() -> None:
    assert Schedule("* * * * *").poll(at(day=3)) is None


def test_a_clock_set_back_gives_none_twice() -> None:
    schedule = Schedule("0 3 * * *")
    schedule.poll(at())
    assert schedule.poll(at(hour=3)) is not None
    assert fired(schedule, MONDAY - timedelta(days=2), MONDAY + timedelta(hours=23)) == []
    assert schedule.poll(at(day=1, hour=3)) is not None


def test_a_promotion_does_not_move_it() -> None:
    schedule = Schedule("0 3 * * *")
    schedule.poll(at())
    schedule.reset()
    schedule.rearm()
    assert schedule.poll(at(hour=3)) is not None


def test_it_keeps_to_the_wall_clock_when_summer_time_comes_and_goes() -> None:
    zone = ZoneInfo("Europe/Helsinki")
    year = fired(
        Schedule("30 6 * * *", timezone="Europe/Helsinki"),
        datetime(2026, 3, 27, tzinfo=zone),
        datetime(2026, 4, 1, tzinfo=zone),
    )
    assert [f"{moment:%d %H:%M}" for moment in year] == [
        f"{day} 06:30" for day in (27, 28, 29, 30, 31)
    ]
    twice = fired(
        Schedule("30 3 * * *", timezone="Europe/Helsinki"),  # 03:30 comes twice on 25 October
        datetime(2026, 10, 24, tzinfo=zone),
        datetime(2026, 10, 26, 12, tzinfo=zone),
    )
    assert [moment.day for moment in twice][:2] == [24, 25]
    assert twice[-1].day == 26


@given(steps=st.lists(st.integers(-7_200, 20_000), min_size=1, max_size=60), cut=st.integers(0, 60))
@settings(max_examples=100, deadline=None)
def test_no_hour_is_told_twice_whatever_the_clock_does(steps: list[int], cut: int) -> None:
    schedule, now, latest, signals = Schedule("0 * * * *"), at(), at(), 0
    schedule.poll(now)
    for number, step in enumerate(steps):
        now += step
        if number == cut:
            schedule = Schedule("0 * * * *").restore(json.loads(json.dumps(schedule.state)))
        # The oracle: an hour begins between the latest moment ever looked at and now.
        due = now > latest and now // 3_600 > latest // 3_600
        latest = max(latest, now)
        assert (schedule.poll(now) is not None) == due
        signals += due
    assert signals <= (latest - at()) // 3_600


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "0 3 * *",
        "0 3 * * * *",
        "61 * * * *",
        "0 3 * * 8",
        "0 3 * * 5-2",
        "0 3 * * mon-",
        "a * * * *",
        "0 3 * * -1",
        "0 3 * * */0",
        "0 3 * * montag",
        "0 0 30 2 *",
    ],
)
def test_an_expression_that_cannot_be_read_or_never_comes_true_is_named(cron: str) -> None:
    with pytest.raises(ConfigError, match="expected a cron expression"):
        Schedule(cron)


def test_two_kinds_of_day_are_refused_because_cron_would_mean_either() -> None:
    with pytest.raises(ConfigError, match="day of the month or a day of the week, got both"):
        Schedule("0 3 1 * 1")


def test_an_unknown_time_zone_is_named() -> None:
    with pytest.raises(ConfigError, match="expected a time zone, got 'Mars/Olympus'"):
        Schedule("0 3 * * *", timezone="Mars/Olympus")
