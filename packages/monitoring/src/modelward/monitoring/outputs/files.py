"""Writing a set of files into a folder without touching what somebody else wrote or changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from modelward.core.errors import ConfigError
from modelward.core.files import write_whole

RECORD = "EXPORTED.sha256"
"""The digests of what was written, in the form `sha256sum --check` reads."""


def write_all(folder: Path, files: Mapping[str, str], *, force: bool = False) -> list[Path]:
    """Write texts by their paths within `folder`, and give where each is.

    Nothing is written when one that is there is not as an earlier call left it: somebody wrote or
    changed it. `force` overwrites it. Raises `ConfigError` then, and where the folder cannot be
    written.
    """
    try:
        known = _recorded(folder / RECORD)
        for path, text in files.items():
            if not force and _foreign(folder / path, text, known.get(path)):
                raise ConfigError(
                    f"expected to write {folder / path}, got a file that was not written by this "
                    "export, or was changed since",
                    hint="choose another folder, or overwrite it with force.",
                )
        record = "".join(f"{_digest(text.encode())}  {path}\n" for path, text in files.items())
        return [
            write_whole(folder / path, text) for path, text in (*files.items(), (RECORD, record))
        ]
    except OSError as error:
        raise ConfigError(
            f"expected a folder to write into at {folder}, got: {error}",
            hint="choose another folder, or let this user write to it.",
        ) from error


def _foreign(path: Path, text: str, known: str | None) -> bool:
    if not path.exists() and not path.is_symlink():
        return False
    found = path.read_bytes()
    return found != text.encode() and _digest(found) != known


def _recorded(record: Path) -> dict[str, str]:
    if not record.is_file():
        return {}
    lines = record.read_text("utf-8", "replace").splitlines()
    return {path: digest for digest, _, path in (line.partition("  ") for line in lines)}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
