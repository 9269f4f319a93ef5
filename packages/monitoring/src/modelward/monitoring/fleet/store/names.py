"""Names as keys: of one length, whatever characters they have."""

from __future__ import annotations

import hashlib

from modelward.core.errors import DataError
from modelward.monitoring.fleet.records import LONGEST_NAME


def key(*parts: str) -> str:
    """Give the SHA-256 of one or several texts, in hexadecimal.

    >>> key("fraud")[:8], key("a", "bc") == key("ab", "c")
    ('f02b95ed', False)
    """
    if len(parts) == 1:
        return hashlib.sha256(parts[0].encode("utf-8", "surrogatepass")).hexdigest()
    return key("\0".join(f"{len(part)}:{part}" for part in parts))


def checked(value: str, *, what: str, longest: int = LONGEST_NAME) -> str:
    """Give a text back that every database can hold.

    Raises `DataError` for one that is too long, or with characters that are none: NUL, or half of a
    surrogate pair.
    """
    if len(value) > longest:
        raise DataError(f"expected {what} of at most {longest} characters, got {len(value)}")
    if "\0" in value:
        raise DataError(f"expected {what} without NUL characters, got {value[:60]!r}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"expected {what} of whole characters, got {value[:60]!r}") from error
    return value
