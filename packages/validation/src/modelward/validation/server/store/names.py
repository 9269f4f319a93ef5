"""Names as keys: of one length, whatever characters they have."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from modelward.core.errors import DataError
from modelward.validation.server.store.schema import LONGEST_NAME

MOST_INFO = 64 * 1024
"""Characters of metainfo, as JSON."""
DEEPEST = 32


def key(text: str) -> str:
    """Give the SHA-256 of a text, in hexadecimal.

    >>> key("brake")[:8]
    '87679724'
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def checked(value: Any, *, what: str, longest: int = LONGEST_NAME, empty: bool = False) -> str:
    """Give a text back that every database can hold.

    Raises `DataError` for what is no text, or one that is empty (unless it may be), too long, or with
    characters that are none: NUL, or half of a surrogate pair.
    """
    if not isinstance(value, str) or not (value.strip() or empty):
        raise DataError(f"expected {what} as a text, got {value!r}")
    if len(value) > longest:
        raise DataError(f"expected {what} of at most {longest} characters, got {len(value)}")
    if "\0" in value:
        raise DataError(f"expected {what} without NUL characters, got {value[:60]!r}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"expected {what} of whole characters, got {value[:60]!r}") from error
    return value


def checked_info(value: Any) -> dict[str, Any]:
    """Give metainfo back: an object of JSON that is not too large. Raises `DataError`."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise DataError(f"expected metainfo as an object, got {type(value).__name__}")
    try:
        size = len(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(f"expected metainfo that JSON can hold, got: {error}") from error
    if _depth(value) > DEEPEST:
        raise DataError(f"expected metainfo of at most {DEEPEST} levels, got more")
    if size > MOST_INFO:
        raise DataError(f"expected metainfo of at most {MOST_INFO} characters, got {size}")
    return value


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level and depth <= DEEPEST:
        inner = [each.values() if isinstance(each, dict) else each for each in level]
        level = [v for each in inner for v in each if isinstance(v, dict | list)]
        depth += 1
    return depth
