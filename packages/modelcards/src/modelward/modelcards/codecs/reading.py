"""Reading a card of any format; YAML, the usual one, without loading the others."""

from __future__ import annotations

from pathlib import Path

from modelward.modelcards.codecs import yaml
from modelward.modelcards.codecs.document import Document


def read_any(path: str | Path, form: str | None = None) -> Document:
    """Read a card. Raises `DataError` for what is none."""
    source = Path(path)
    if form in (None, "yaml") and source.suffix.lower() in {".yaml", ".yml"}:
        return yaml.read(source)
    from modelward.modelcards.conversion.convert import read_card

    return read_card(source, form)
