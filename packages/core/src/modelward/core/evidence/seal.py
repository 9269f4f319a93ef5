"""Content digests: one canonical form for records, one streaming hash for files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_BLOCK = 1 << 20


def canonical(content: Mapping[str, Any]) -> bytes:
    r"""Write JSON content in its one canonical form: sorted keys, no spaces, UTF-8, finite numbers.

    Two records with the same content have the same bytes, whatever the order of their keys.
    Raises `ValueError` for NaN or infinity, which JSON does not have.

    >>> canonical({"b": 1.0, "a": "é"})
    b'{"a":"\xc3\xa9","b":1.0}'
    """
    return json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode("utf-8")


def digest(content: Mapping[str, Any]) -> str:
    """Give the SHA-256 of the canonical form, as `sha256:` and 64 hexadecimal digits.

    >>> digest({"a": 1}) == digest(dict(reversed({"a": 1}.items())))
    True
    """
    return "sha256:" + hashlib.sha256(canonical(content)).hexdigest()


def sha256_file(path: str | Path) -> str:
    """Give the SHA-256 of a file's bytes as 64 hexadecimal digits; memory stays flat.

    Raises `OSError` when the file cannot be read.
    """
    hasher = hashlib.sha256()
    with Path(path).open("rb") as stream:
        while block := stream.read(_BLOCK):
            hasher.update(block)
    return hasher.hexdigest()
