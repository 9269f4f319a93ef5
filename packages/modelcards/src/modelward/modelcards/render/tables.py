"""Long tables of pages, drawn without a template: a card has hundreds of cells, each a macro's call."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from markupsafe import Markup

from modelward.core.pages import Html, Tile
from modelward.core.pages.page import figures

_SIGNS = {"good": "✓", "warning": "!", "bad": "✕", "neutral": "•"}


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Html:
    """Draw a table as `core.pages` draws it: the first cell of a row is its heading, text is escaped."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(_row(row) for row in rows)
    title = escape(caption)
    return Html(
        Markup(  # noqa: S704 - every text in it was escaped
            f'<div class="scroll" tabindex="0" role="region" aria-label="{title}">\n<table>\n'
            f"<caption>{title}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n"
            "</table>\n</div>"
        )
    )


def _row(row: Sequence[Any]) -> str:
    first, *rest = (_cell(value) for value in row)
    others = "".join(f"<td>{cell}</td>" for cell in rest)
    return f'<tr><th scope="row">{first}</th>{others}</tr>\n'


def _cell(value: Any) -> str:
    if isinstance(value, Tile):
        sign = f'<span aria-hidden="true">{_SIGNS[value.status]}</span>'
        return f'<span class="status {value.status}">{sign} {escape(value.value)}</span>'
    return escape(figures(value))
