"""Charts of a card's numbers: small SVG drawn here, with the numbers in words for who cannot see it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from typing import Any

from markupsafe import Markup

from modelward.core.pages import Block, Figure
from modelward.modelcards.codecs.document import Document, Place
from modelward.modelcards.verification import layout

MOST_BARS = 24
_ROW, _LEFT, _WIDTH, _RIGHT = 26, 230, 380, 110
_LONGEST = 32
Bar = tuple[str, float, float | None, float | None, str]


def charts(document: Document, *, intervals: bool = True) -> Iterator[Block]:
    """Draw the numbers of a card that lie between 0 and 1, section by section, with their intervals."""
    groups: dict[str, list[Bar]] = {}
    for place, metric in layout.metrics(document.content):
        bar = _bar(document, place, metric, intervals)
        if bar is not None:
            groups.setdefault(str(place[0]), []).append(bar)
    for section, bars in groups.items():
        if len(bars) >= 2:
            shown = bars[:MOST_BARS]
            more = f" The first {MOST_BARS} of {len(bars)}." if len(bars) > MOST_BARS else ""
            title = section.replace("_", " ")
            words = "; ".join(f"{name} {text}" for name, _, __, ___, text in shown)
            yield Figure(
                _svg(shown),
                f"Bars from 0 to 1. {words}.",
                f"Numbers of the {title}{', with intervals' if intervals else ''}.{more}",
            )


def _bar(document: Document, place: Place, metric: dict[str, Any], intervals: bool) -> Bar | None:
    value = _number(document.text((*place, "value")))
    if value is None or not 0 <= value <= 1:
        return None
    ends = [
        _number(document.text((*place, "confidence_interval", key)))
        for key in ("lower_bound", "upper_bound")
    ]
    low, high = (e if intervals and e is not None and 0 <= e <= 1 else None for e in ends)
    name = str(metric.get("type") or "number")
    part = document.said(place, metric, "slice")
    text = document.text((*place, "value"))
    text += f" ({low:g} to {high:g})" if low is not None and high is not None else ""
    return (f"{name} ({part})" if part else name)[:60], value, low, high, text


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _svg(bars: list[Bar]) -> Markup:
    # Texts are escaped one by one: Markup.format does so too, at ten times the cost.
    width, bottom = _LEFT + _WIDTH + _RIGHT, _ROW * len(bars) + 4
    rows = "".join(_row(i * _ROW + 4, bar) for i, bar in enumerate(bars))
    ticks = "".join(
        f'<text x="{_LEFT + tick * _WIDTH}" y="{bottom + 14}" text-anchor="middle" '
        f'fill="currentColor" font-size="11">{tick}</text>'
        for tick in (0, 0.5, 1)
    )
    return Markup(  # noqa: S704 - every text in it was escaped
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom + 20}" '
        f'font-size="13">{rows}<path d="M{_LEFT} {bottom}H{_LEFT + _WIDTH}" '
        f'stroke="currentColor" fill="none"/>{ticks}</svg>'
    )


def _row(y: int, bar: Bar) -> str:
    name, value, low, high, text = bar
    shown = escape(name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…")
    drawn = (
        f'<text x="{_LEFT - 8}" y="{y + 13}" text-anchor="end" fill="currentColor">{shown}</text>'
        f'<rect x="{_LEFT}" y="{y}" width="{max(1.0, value * _WIDTH):.1f}" height="16" '
        'fill="#3b7dd8" fill-opacity="0.55"/>'
    )
    if low is not None and high is not None:
        a, b = _LEFT + low * _WIDTH, _LEFT + high * _WIDTH
        drawn += (
            f'<path d="M{a:.1f} {y + 4}V{y + 12}M{a:.1f} {y + 8}H{b:.1f}M{b:.1f} {y + 4}V{y + 12}" '
            'fill="none" stroke="currentColor" stroke-width="1.5"/>'
        )
    number = escape(text.split(" ", 1)[0])
    return f'{drawn}<text x="{_LEFT + _WIDTH + 8}" y="{y + 13}" fill="currentColor">{number}</text>'
