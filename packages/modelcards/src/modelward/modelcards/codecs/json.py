"""JSON cards: positions where a YAML reader can give them, numbers as written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from modelward.core.errors import DataError
from modelward.modelcards.codecs import yaml
from modelward.modelcards.codecs.document import Document
from modelward.modelcards.codecs.exact import Exact
from modelward.modelcards.codecs.made import document_of

_MOST_DIGITS = 300


def parse_json(text: str, source: Path) -> Document:
    """Read a JSON object. Raises `DataError` naming line and column of what is none."""
    content = load_json(text, source)
    try:
        return yaml.parse(text, source)  # JSON is YAML, but for tabs and the odd escape
    except DataError:
        return document_of(content, source)


def load_json(text: str, source: Path) -> dict[str, Any]:
    """Read the content alone, numbers as written; NaN and Infinity, which are no JSON, as text."""
    try:
        content = json.loads(
            text,
            parse_float=Exact.of,
            parse_int=_whole,
            parse_constant=str,
            object_pairs_hook=_once,
        )
    except json.JSONDecodeError as error:
        raise DataError(
            f"{source}:{error.lineno}:{error.colno}: not valid JSON: {error.msg}"
        ) from error
    except RecursionError as error:
        raise DataError(f"{source}:1:1: not valid JSON: nested too deep") from error
    except ValueError as error:
        raise DataError(f"{source}:1:1: not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{source}:1:1: expected a JSON object, got {type(content).__name__}")
    return content


def _whole(text: str) -> int | str:
    """Give a number; one of more digits than Python reads stays text, as in YAML."""
    return int(text) if len(text) <= _MOST_DIGITS else text


def dump_json(content: dict[str, Any]) -> str:
    """Write JSON; a number that remembers how it was written is written so."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def dump_leaf(value: Any) -> str:
    """Write one carried value as JSON, a number as it was written."""
    return str(value) if isinstance(value, Exact) else json.dumps(value, ensure_ascii=False)


def load_leaf(text: Any) -> Any:
    """Read one carried value; what is no JSON is taken as it stands."""
    try:
        return json.loads(text, parse_float=Exact.of, parse_constant=str)
    except (TypeError, ValueError):
        return text


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise ValueError(f"key {key!r} is given twice")
        content[key] = value
    return content
