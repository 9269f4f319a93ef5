"""Writing files whole or not at all."""

from __future__ import annotations

import uuid
from pathlib import Path


def write_whole(path: str | Path, text: str) -> Path:
    """Write a text as UTF-8, making its folder, and give its path.

    A reader sees the old file or the new one and never half of it; after a crash at most a hidden
    `.partial` file is left beside it. Raises `OSError` when it cannot be written.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.partial")
    try:
        partial.write_text(text, encoding="utf-8", newline="")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target
