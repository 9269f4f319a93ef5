"""Fires by the calendar."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.cron import CronTrigger

from modelward.adaptive_pipeline.triggers.signal import Signal
from modelward.adaptive_pipeline.triggers.trigger import Trigger
from modelward.core.errors import ConfigError

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


class Schedule(Trigger):
    """Asks for a retraining at the times of a cron expression.

    `cron` has five fields: minute, hour, day of the month, month, day of the week (0 and 7 are
    Sunday, names may be used), at the wall clock of `timezone`. Times that passed while nobody
    looked, however many, give one signal. A clock that is set back gives none twice: the next one
    comes when it has caught up.

    Raises `ConfigError` for an expression that cannot be read or never comes true, one that limits
    both kinds of day, and an unknown time zone.

    >>> nightly = Schedule("0 3 * * *")
    >>> nightly.poll(0.0), nightly.poll(3 * 3600 - 1)
    (None, None)
    >>> nightly.poll(3 * 3600).reason
    "'0 3 * * *' (UTC) was due at 1970-01-01T03:00:00+00:00"
    >>> nightly.poll(3 * 3600 + 1) is None
    True
    """

    def __init__(self, cron: str, *, timezone: str = "UTC") -> None:
        self.cron = cron
        self.timezone = timezone
        self._times = _times(cron, timezone)
        self._due: float | None = None
        try:
            self._after(0.0)
        except (OverflowError, ValueError) as error:
            raise ConfigError(
                f"expected a cron expression that comes true, got {cron!r}"
            ) from error

    def poll(self, now: float) -> Signal | None:
        """Give a signal when a time has come since the last look; `now` is in Unix seconds."""
        if self._due is None:
            self._due = self._after(now)
        if now < self._due:
            return None
        due, self._due = self._due, self._after(now)
        more = " and after that" if self._after(due) <= now else ""
        text = datetime.fromtimestamp(due, self._times.timezone).isoformat()
        reason = f"'{self.cron}' ({self.timezone}) was due at {text}{more}"
        return Signal(trigger=self.name, reason=reason)

    def _after(self, moment: float) -> float:
        """Give the first time that is later than a moment."""
        then = datetime.fromtimestamp(moment, UTC)
        found = self._times.get_next_fire_time(then, then)
        if found is None:
            raise ValueError("it never comes")
        return float(found.timestamp())

    @property
    def state(self) -> dict[str, Any]:
        """When it is due next, as plain values for `restore`."""
        return {"due": self._due}

    def restore(self, state: dict[str, Any]) -> Self:
        """Go on from a `state` taken before."""
        self._due = state["due"]
        return self

    def __repr__(self) -> str:
        return f"Schedule({self.cron!r}, timezone={self.timezone!r})"


def _times(cron: str, timezone: str) -> CronTrigger:
    try:
        minute, hour, day, month, weekday = cron.split()
        if day != "*" and weekday != "*":
            raise ConfigError(
                f"expected a day of the month or a day of the week, got both in {cron!r}",
                hint="use two schedules, one for each.",
            )
        return CronTrigger(
            minute=minute,
            hour=hour,
            day=day,
            month=month,
            day_of_week=_weekdays(weekday),
            timezone=ZoneInfo(timezone),
        )
    except ConfigError:
        raise
    except ZoneInfoNotFoundError as error:
        raise ConfigError(
            f"expected a time zone, got {timezone!r}", hint="for example Europe/Helsinki."
        ) from error
    except ValueError as error:
        raise ConfigError(
            f"expected a cron expression of five fields, got {cron!r}",
            hint="minute, hour, day, month, weekday: '0 3 * * 1' is Mondays at 03:00.",
        ) from error


def _weekdays(field: str) -> str:
    """Write cron's days of the week as names: apscheduler 3 counts them from Monday, cron from Sunday."""
    if field == "*":
        return field
    chosen: set[int] = set()
    for part in field.lower().split(","):
        span, _, step = part.partition("/")
        first, dash, last = ("0-6" if span == "*" else span).partition("-")
        begin = _weekday(first)
        end = _weekday(last) if dash else 6 if step else begin
        if end < begin and last.isalpha():
            end += 7  # fri-mon
        days = range(begin, end + 1, int(step or 1))
        if not days:
            raise ValueError(f"no days in {part!r}")
        chosen |= {day % 7 for day in days}
    return ",".join(_DAYS[day] for day in sorted(chosen))


def _weekday(text: str) -> int:
    day = _DAYS.index(text) if text.isalpha() else int(text)
    if not 0 <= day <= 7:
        raise ValueError(f"no day {day}")
    return day
