"""Charts of a card's numbers: small SVG drawn here, with the numbers in words for who cannot see it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from typing import Any

from markupsafe import Markup

from modelward.core.pages import Block, Html
from modelward.modelcards.codecs.document import Document, Place
from modelward.modelcards.verification import layout

MOST_BARS = 24
_ROW, _WIDTH, _RIGHT = 44, 400, 70
_LONGEST, _DIGITS = 56, 8
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
            title = f"Numbers of the {title}{', with intervals' if intervals else ''}.{more}"
            yield Html(
                Markup(  # noqa: S704 - every text in it was escaped
                    f'<figure><div role="img" aria-label="Bars from 0 to 1. {escape(words)}.">'
                    f"{_svg(shown)}</div><figcaption>{escape(title)}</figcaption></figure>"
                )
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
    full = f"{name} ({part})" if part else name
    shown = full if len(full) <= _LONGEST else full[: _LONGEST - 1] + "…"
    return shown, value, low, high, text


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _svg(bars: list[Bar]) -> str:
    # Texts are escaped one by one: Markup.format does so too, at ten times the cost.
    bottom = _ROW * len(bars) + 2
    rows = "".join(_row(i * _ROW, bar) for i, bar in enumerate(bars))
    ticks = "".join(
        f'<text x="{tick * _WIDTH:g}" y="{bottom + 15}" text-anchor="{anchor}" '
        f'fill="currentColor" font-size="12">{tick:g}</text>'
        for tick, anchor in ((0, "start"), (0.5, "middle"), (1, "end"))
    )
    # Drawn as large as it is, and smaller only where a screen is narrower.
    size = f'width="100%" height="{bottom + 20}" viewBox="0 0 {_WIDTH + _RIGHT} {bottom + 20}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} preserveAspectRatio="xMinYMin" '
        f'font-size="14">{rows}<path d="M0 {bottom}H{_WIDTH}" stroke="currentColor" '
        f'fill="none"/>{ticks}</svg>'
    )


def _row(y: int, bar: Bar) -> str:
    name, value, low, high, text = bar
    drawn = (
        f'<text x="0" y="{y + 15}" fill="currentColor">{escape(name)}</text>'
        f'<rect x="0" y="{y + 21}" width="{max(1.0, value * _WIDTH):.1f}" height="14" '
        'fill="#3b7dd8" fill-opacity="0.55"/>'
    )
    if low is not None and high is not None:
        a, b = low * _WIDTH, high * _WIDTH
        drawn += (
            f'<path d="M{a:.1f} {y + 24}V{y + 32}M{a:.1f} {y + 28}H{b:.1f}M{b:.1f} {y + 24}V{y + 32}" '
            'fill="none" stroke="currentColor" stroke-width="1.5"/>'
        )
    number = escape(text.split(" ", 1)[0][:_DIGITS])
    return f'{drawn}<text x="{_WIDTH + 8}" y="{y + 33}" fill="currentColor">{number}</text>'
