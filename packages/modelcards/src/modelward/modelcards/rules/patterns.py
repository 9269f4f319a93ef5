"""Regular expressions of rules, matched in bounded time."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from modelward.core.errors import DataError

TIMEOUT_S = 1.0
_FLAGS = {"i": "IGNORECASE", "m": "MULTILINE", "s": "DOTALL", "u": "UNICODE", "g": None, "y": None}

MOST_SIGNS = 100_000
_TOKENS = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\{(\d+)(?:,\d*)?\}|.", re.DOTALL)


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
    """Compile a pattern. Raises `DataError` for what is none, and for one that would be too long."""
    import regex

    if _written_out(pattern) > MOST_SIGNS:  # compiling writes a{9999999} out, and has no time limit
        raise DataError(
            f"expected a pattern of at most {MOST_SIGNS} signs, repetitions written out, got more in "
            f"{pattern[:80]!r}"
        )

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


def _written_out(pattern: str) -> int:
    """Count a pattern's signs, each as often as it must be there.

    >>> _written_out("ab{3}(?:cd{2}){10}")
    54
    """
    groups, last = [0], 0
    for token in _TOKENS.finditer(pattern):
        if token[0] == "(":
            groups.append(0)
            continue
        if token[0] == ")" and len(groups) > 1:
            last = groups.pop()
        elif token[1] is None:
            last = 1
        else:
            last *= max(int(token[1][:9]) - 1, 0)
        groups[-1] += last
    return sum(groups)
