"""Darknet's `.cfg`: sections of settings, in order, each with its line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modelward.core.errors import DataError

LARGEST = 1_000_000
"""Bytes of a `.cfg`; the largest in use have some 20,000."""


@dataclass(frozen=True, slots=True)
class Section:
    """One `[section]`: its kind, settings as text, and where it stands (`file:line`)."""

    kind: str
    where: str
    settings: Mapping[str, str] = field(default_factory=dict)

    def text(self, name: str, default: str) -> str:
        """Give a setting as text."""
        return self.settings.get(name, default)

    def integer(self, name: str, default: int | None = None) -> int:
        """Give a whole number. Raises `DataError` where it is none, or missing without a default."""
        return self.integers(name, default)[0]

    def number(self, name: str, default: float) -> float:
        """Give a number. Raises `DataError` where it is none."""
        return self.numbers(name, default)[0]

    def integers(self, name: str, default: int | None = None) -> list[int]:
        """Give whole numbers, separated by commas."""
        found = self.numbers(name, default)
        if any(value != int(value) for value in found):
            raise DataError(
                f"expected whole numbers for {name} at {self.where}, got {self.settings[name]!r}"
            )
        return [int(value) for value in found]

    def numbers(self, name: str, default: float | None = None) -> list[float]:
        """Give numbers, separated by commas."""
        if name not in self.settings:
            if default is None:
                raise DataError(f"expected {name} in [{self.kind}] at {self.where}, got none")
            return [default]
        text = self.settings[name]
        try:
            found = [float(part) for part in text.split(",") if part.strip()]
            if not found or any(abs(value) > 1e9 for value in found):
                raise ValueError(text)
        except (ValueError, OverflowError) as error:
            raise DataError(
                f"expected numbers for {name} in [{self.kind}] at {self.where}, got {text!r}"
            ) from error
        return found


def read_sections(path: str | Path) -> list[Section]:
    """Read a `.cfg`: `[net]` first, then the layers.

    Raises `DataError` for a file that cannot be read, is larger than 1 MB, or is no such file.
    """
    file = Path(path)
    try:
        if file.stat().st_size > LARGEST:
            raise DataError(f"expected a .cfg of at most {LARGEST} bytes, got {file}")
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise DataError(f"expected a readable .cfg, got: {error}") from error
    sections: list[Section] = []
    settings: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        text = line.split("#", maxsplit=1)[0].strip()
        where = f"{file.name}:{number}"
        if not text or text.startswith(";"):
            continue
        if text.startswith("["):
            settings = {}
            sections.append(Section(text.strip("[] ").lower(), where, settings))
        elif "=" in text and sections:
            name, value = text.split("=", maxsplit=1)
            settings[name.strip()] = value.strip()
        else:
            raise DataError(
                f"expected [section] or name=value at {where}, got {text[:60]!r}",
                hint="is this a Darknet .cfg?",
            )
    if not sections or sections[0].kind not in {"net", "network"}:
        raise DataError(
            f"expected a Darknet .cfg that begins with [net], got {file.name}",
            hint="conf is the .cfg file, weights the .weights file.",
        )
    if len(sections) == 1:
        raise DataError(f"expected layers after [net] in {file.name}, got none")
    return sections
