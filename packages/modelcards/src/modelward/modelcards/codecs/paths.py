"""Which files are meant: paths, folders and patterns, in order, each once."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from modelward.core.errors import DataError

_NAMES = ("modelcard", "model_card", "model-card")


def card_files(patterns: Sequence[str | Path]) -> list[Path]:
    """Give the files that patterns name.

    A file is taken as it is, `**/*.yaml` as a pattern, a folder by the cards in it (files called
    modelcard or model_card, or ending so). Raises `DataError` for a pattern that names nothing.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = Path(pattern)
        if path.is_dir():
            files = [p for p in sorted(path.rglob("*.y*ml")) if _is_called_card(p)]
        elif path.exists() or not glob.has_magic(str(pattern)):
            files = [path]
        else:
            matched = glob.glob(str(pattern), recursive=True)  # noqa: PTH207 - it may be absolute
            files = [p for p in sorted(map(Path, matched)) if p.is_file()]
        if not files:
            raise DataError(
                f"expected cards at {pattern}, found none",
                hint="name a file, a folder with files called modelcard.yaml, or a pattern.",
            )
        found |= dict.fromkeys(files)
    return list(found)


def _is_called_card(path: Path) -> bool:
    named = path.suffix in {".yaml", ".yml"} and path.stem.lower().endswith(_NAMES)
    return named and path.is_file()
