"""A number in a JSON or YAML file, named by its JSON pointer (RFC 6901)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from modelward.core.errors import DataError
from modelward.modelcards.verification.witnesses import MAX_FILE_BYTES, Problem


def number_at(path: Path, pointer: str) -> float | Problem:
    """Give the number a pointer names in a file, or why there is none."""
    content = _read(path)
    if isinstance(content, Problem):
        return content
    if pointer and not pointer.startswith("/"):
        return Problem("unbacked", f"{pointer!r} is no JSON pointer: it starts with /")
    value = content
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return Problem("unbacked", f"{path.name} has nothing at {pointer}")
    try:
        if isinstance(value, bool | dict | list | None):
            raise ValueError
        return float(value)
    except ValueError:
        return Problem("unbacked", f"{path.name} has no number at {pointer}")


def _read(path: Path) -> Any:
    from modelward.modelcards.codecs.yaml import parse

    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            return Problem("unreachable", f"{path.name} has more than {MAX_FILE_BYTES} bytes")
        text = path.read_text("utf-8")
        if path.suffix in {".yaml", ".yml"}:
            return parse(text, path).content
        return json.loads(text)
    except (OSError, ValueError, RecursionError, DataError) as error:
        return Problem("unreachable", f"{path.name} cannot be read: {str(error)[:120]}")
