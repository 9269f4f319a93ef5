"""Addresses within the dashboard. A name is always a value of the query, so that any name will do."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from markupsafe import Markup

from modelward.monitoring.fleet.records import Window, instant


def address(path: str, **values: Any) -> str:
    """Give an address with those values that are set.

    >>> address("/model", name="a/b?c&d"), address("/", search="", page=None)
    ('/model?name=a%2Fb%3Fc%26d', '/')
    """
    said = {name: str(value) for name, value in values.items() if value not in (None, "")}
    # Half of a surrogate pair is no UTF-8: such a name is shown, and has no page of its own.
    query = urlencode(said, quote_via=quote, errors="replace")
    return f"{path}?{query}" if query else path


def link(text: str, path: str, **values: Any) -> Markup:
    """Give a link; whatever its text is, it stays text."""
    return Markup('<a href="{}">{}</a>').format(address(path, **values), shown(text))


def shown(text: str) -> str:
    r"""Give a text that can be seen and encoded: controls and halves of pairs become signs.

    >>> shown("a\nb\u202e")
    'a␤b�'
    """
    visible = "".join(_sign(c) for c in text)
    return visible or "(no name)"


def _sign(character: str) -> str:
    if character == "\n":
        return "\N{SYMBOL FOR NEWLINE}"
    if "\ud800" <= character <= "\udfff":
        return "\N{REPLACEMENT CHARACTER}"
    # Marks that turn the direction of what follows could make one name look like another.
    turning = "\u202a" <= character <= "\u202e" or "\u2066" <= character <= "\u2069"
    if turning or (not character.isprintable() and character != " "):
        return "\N{REPLACEMENT CHARACTER}"
    return character


def window_text(window: Window) -> str:
    """Give a window as the value of a query."""
    return f"{window.start.isoformat()}/{window.end.isoformat()}"


def window_of(text: str) -> Window | None:
    """Give the window of a query's value. Raises `DataError` for anything else.

    >>> window_of("2026-03-01/2026-03-02"), window_of("")
    (Window('2026-03-01T00:00Z', '2026-03-02T00:00Z'), None)
    """
    if not text:
        return None
    start, _, end = text.replace(" ", "+").partition("/")  # a plus that a query took for a space
    return Window(instant(start), instant(end))
