"""What a plain scalar means: the core schema of YAML 1.2.2 (section 10.3.2).

Unlike YAML 1.1, `1e-3` is a number, and `no`, `on`, `12:30`, `1_000` and `2024-01-31` are strings;
a field that wants a bool, an int or a date still reads them.
"""

from __future__ import annotations

import math
import re

Scalar = None | bool | int | float | str

MAX_DIGITS = 1000
_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((s + w for s in ("", "+") for w in (".inf", ".Inf", ".INF")), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")


def is_text(text: str) -> bool:
    """Tell whether a plain scalar is a string.

    >>> is_text("1_000"), is_text("1e3")
    (True, False)
    """
    return text not in _WORDS and not _INTEGER.fullmatch(text) and not _FLOAT.fullmatch(text)


def resolve(text: str) -> Scalar:
    """Give the value of a plain scalar.

    Raises `ValueError` for a number of more than 1,000 characters (Python's own limit on digits
    can be switched off, and reading them takes quadratic time).

    >>> [resolve(text) for text in ("", "true", "0x1f", "1e-3", "no", "1.2.3")]
    [None, True, 31, 0.001, 'no', '1.2.3']
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789" or is_text(text):
        return text
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of {len(text):,} characters")
    if not _INTEGER.fullmatch(text):
        return float(text)
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
