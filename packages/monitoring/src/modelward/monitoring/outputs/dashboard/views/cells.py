"""Cells of tables: states as words with a sign, numbers that can be read, moments."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from markupsafe import Markup

from modelward.core.metrics import Estimate
from modelward.core.pages import Tile
from modelward.core.pages.blocks import Status
from modelward.monitoring.fleet.records import Performance, Window
from modelward.monitoring.outputs.dashboard.addresses import shown

STATUS: dict[str, Status] = {
    "alarmed": "bad",
    "cannot say": "warning",
    "silent": "warning",
    "new": "neutral",
    "steady": "good",
    "failed": "bad",
    "lost": "bad",
    "overdue": "bad",
    "running": "neutral",
    "queued": "neutral",
    "succeeded": "good",
    "drifted": "bad",
}
_LONGEST = 300


def state(name: str) -> Tile:
    """Give a state as a cell: its word, and a sign beside the colour."""
    return Tile("", name, status=STATUS.get(name, "neutral"))


def number(value: float | None) -> float | int | None:
    """Give a number with the digits that matter: whole from 100 on."""
    if value is None or abs(value) < 100:
        return value
    return round(value)


def moment(when: datetime | None) -> str | None:
    """Give a moment to the minute."""
    return None if when is None else f"{when:%Y-%m-%d %H:%M}"


def when(moment_: datetime | None) -> Markup | None:
    """Give a moment as a cell that is not broken in two."""
    if moment_ is None:
        return None
    return Markup('<time datetime="{}">{}</time>').format(moment_.isoformat(), moment(moment_))


def stretch(window: Window) -> str:
    """Give a window as a person would write it.

    >>> stretch(Window.of("2026-03-01", hours=24)), stretch(Window.of("2026-03-01T06", hours=1))
    ('2026-03-01', '2026-03-01 06:00 to 07:00')
    """
    start, end = window.start, window.end
    midnight = start.time() == end.time() == time()
    if midnight and (end - start).days == 1:
        return f"{start:%Y-%m-%d}"
    if midnight:
        return f"{start:%Y-%m-%d} to {end - timedelta(days=1):%Y-%m-%d}"
    return (
        f"{moment(start)} to {end:%H:%M}"
        if start.date() == end.date()
        else f"{moment(start)} to {moment(end)}"
    )


def chance(value: float | None) -> float | str | None:
    """Give a q-value; of one that is smaller than anybody's patience only that.

    >>> chance(0.04), chance(6e-246)
    (0.04, '< 1e-9')
    """
    return "< 1e-9" if value is not None and value < 1e-9 else value


def several(names: tuple[str, ...], most: int = 3) -> str | None:
    """Give some names, and how many more there are."""
    if not names:
        return None
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(cut(name) for name in names[:most]) + more


def cut(text: str, longest: int = _LONGEST) -> str:
    """Give a text that can be seen, its end cut where it is too long for a cell."""
    seen = shown(text)
    return seen if len(seen) <= longest else f"{seen[: longest - 1]}…"


def words(text: str | None) -> Markup | None:
    """Give a sentence as a cell, which stays wide enough to be read on a phone."""
    return Markup('<span class="words">{}</span>').format(cut(text)) if text else None


def whole(text: str | None) -> Markup | None:
    """Give a short text as a cell that is not broken in two."""
    return Markup('<span class="whole">{}</span>').format(shown(text)) if text else None


def interval(found: Estimate | None) -> str | None:
    """Give a value with its interval."""
    if found is None:
        return None
    if found.low is None or found.high is None:
        return f"{found.value:.4g}"
    return f"{found.value:.4g} ({found.low:.3g} to {found.high:.3g})"


def performance(found: Performance | None) -> str | None:
    """Give the performance in one cell: the value, and whether it is measured or estimated."""
    if found is None or found.value is None:
        return None
    how = "" if found.realised is not None else " est."
    return f"{found.metric} {found.value.value:.4g}{how}"


def seconds(value: float | None) -> str | None:
    """Give a duration in the unit a person would use.

    >>> seconds(0.25), seconds(90), seconds(7_200), seconds(200_000)
    ('0.25 s', '1.5 min', '2 h', '2.3 days')
    """
    if value is None:
        return None
    for size, unit in ((86_400.0, "days"), (3_600.0, "h"), (60.0, "min")):
        if value >= size * (2 if unit == "days" else 1):
            return f"{value / size:.2g} {unit}"
    return f"{value:.3g} s"


def size(value: float | None) -> str | None:
    """Give a number of bytes in the unit a person would use.

    >>> size(1_500), size(3.2e9)
    ('1.5 kB', '3.2 GB')
    """
    if value is None:
        return None
    for scale, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value:.0f} B"
