"""Regular expressions of rules, matched in bounded time."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from modelward.core.errors import DataError

TIMEOUT_S = 1.0
_FLAGS = {"i": "IGNORECASE", "m": "MULTILINE", "s": "DOTALL", "u": "UNICODE", "g": None, "y": None}


def matches(pattern: str, text: str, *, whole: bool = False) -> bool:
    """Tell whether a pattern is found in a text (or is the whole of it).

    `/…/i` is understood, as rules have it. Raises `DataError` for what is no regular expression, and
    for one that takes more than a second on this text.

    >>> matches("^[a-z]+$", "abc"), matches("/^ABC/i", "abcd"), matches("b", "abc", whole=True)
    (True, True, False)
    """
    compiled = compile_pattern(pattern)
    try:
        search = compiled.fullmatch if whole else compiled.search
        return search(text, timeout=TIMEOUT_S) is not None
    except TimeoutError as error:
        raise DataError(
            f"expected a pattern that is done within {TIMEOUT_S:g} s, got {pattern[:80]!r} on a "
            f"text of {len(text)} characters",
            hint="repetitions inside repetitions, as (a+)+, take for ever: write it simpler.",
        ) from error


@lru_cache(maxsize=512)
def compile_pattern(pattern: str) -> Any:
    """Compile a pattern. Raises `DataError` for what is none."""
    import regex

    flags = 0
    if pattern.startswith("/") and pattern.rfind("/") > 0:
        end = pattern.rfind("/")
        letters = pattern[end + 1 :]
        if set(letters) <= _FLAGS.keys():
            pattern = pattern[1:end]
            for letter in letters:
                flags |= getattr(regex, _FLAGS[letter] or "V0")
    try:
        return regex.compile(pattern, flags)
    except regex.error as error:
        raise DataError(f"expected a regular expression, got {pattern[:80]!r}: {error}") from error
