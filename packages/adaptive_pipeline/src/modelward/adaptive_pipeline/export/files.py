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
    """Write texts by their paths within `folder`, and give where each is; all or, mostly, none.

    A file that is there stays, and nothing is written, when it is not as an earlier call left it:
    somebody wrote or changed it. `force` overwrites it.

    Raises `ConfigError` then, and where the folder cannot be written.
    """
    try:
        known = _recorded(folder)
        for path, text in files.items():
            if not force and not _ours(folder / path, text, known.get(path)):
                raise ConfigError(
                    f"expected to write {folder / path}, got a file that was not written by this "
                    "command, or was changed since",
                    hint="choose another folder, or overwrite it with --force.",
                )
        lines = [f"{_digest(text.encode())}  {path}\n" for path, text in files.items()]
        return [write_whole(folder / p, t) for p, t in [*files.items(), (RECORD, "".join(lines))]]
    except OSError as error:
        raise ConfigError(
            f"expected a folder to write into at {folder}, got: {error}",
            hint="choose another folder, or let this user write to it.",
        ) from error


def _ours(path: Path, text: str, known: str | None) -> bool:
    if not path.exists() and not path.is_symlink():
        return True
    found = path.read_bytes()
    return found == text.encode() or _digest(found) == known


def _recorded(folder: Path) -> dict[str, str]:
    record = folder / RECORD
    if not record.is_file():
        return {}
    lines = (line.partition("  ") for line in record.read_text("utf-8", "replace").splitlines())
    return {path: digest for digest, _, path in lines}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
