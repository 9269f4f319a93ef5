"""YAML cards: read with positions and as written, within limits; written in the order given.

YAML 1.2 scalars and merge keys are understood, as in the cards of the GitHub Action this library
is compatible with. Dates stay text. Tags that would make objects are refused.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from modelward.core.errors import DataError
from modelward.modelcards.codecs.document import Document, Place, dotted
from modelward.modelcards.codecs.exact import Exact

MAX_BYTES = 8 << 20
MAX_VALUES = 100_000
MAX_TEXT = 16 << 20
MAX_DEPTH = 64

# libyaml compares each %TAG line with all before it: a file full of them takes many seconds.
_MAX_TAG_LINES = 64

_TAGS = "tag:yaml.org,2002:"
_READABLE = {
    yaml.ScalarNode: {
        _TAGS + name for name in ("str", "int", "float", "bool", "null", "timestamp", "value")
    },
    yaml.SequenceNode: {_TAGS + "seq"},
    yaml.MappingNode: {_TAGS + "map"},
}
_QUOTED = ("'", '"', "|", ">")
_INT = re.compile(r"[-+]?\d{1,300}")
_FLOAT = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d{1,4})?")
_RESOLVED = re.compile(r"[-+]?\d+\.\d*")  # what every YAML reader takes for a number
_LONGEST_PLAIN = 64
_EXPONENT = re.compile(r"[-+]?\d+[eE][-+]?\d{1,4}")
_WORDS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULLS = {"", "~", "null", "Null", "NULL"}


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Composes nodes, bounded in depth, and looks up once what each plain scalar is."""

    depth = 0

    def descend_resolver(self, above: yaml.Node | None, _: object) -> None:
        self.depth += 1
        if above is not None and self.depth > MAX_DEPTH + 1:
            raise yaml.MarkedYAMLError(
                None, None, f"nested deeper than {MAX_DEPTH}", above.start_mark
            )

    def ascend_resolver(self) -> None:
        self.depth -= 1

    def resolve(self, kind: type, value: Any, implicit: Any) -> str:
        if kind is yaml.ScalarNode and implicit[0] and len(value) <= _LONGEST_PLAIN:
            return _tag_of(value)
        return str(super().resolve(kind, value, implicit))


_RESOLVER = yaml.SafeLoader("")


@lru_cache(maxsize=8192)
def _tag_of(text: str) -> str:
    return str(_RESOLVER.resolve(yaml.ScalarNode, text, (True, False)))  # type: ignore[no-untyped-call]


def read(path: str | Path) -> Document:
    """Read a card's file.

    Raises `DataError`, with file and line where it can, for what is no readable YAML mapping, and for
    files over 8 MiB, over 100,000 values or sixteen million characters of text (both with aliases
    filled in), nested deeper than 64, with a key given twice, or with a tag.
    """
    source = Path(path)
    try:
        text = read_bytes(source).decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"expected a readable UTF-8 file {source}, got: {error}") from error
    return parse(text, source)


def read_bytes(source: Path) -> bytes:
    """Read a file of at most 8 MiB. Raises `DataError` for a larger one, and one that is not there."""
    try:
        with source.open("rb") as stream:
            written = stream.read(MAX_BYTES + 1)  # a device would give bytes for ever
    except OSError as error:
        raise DataError(f"expected a readable UTF-8 file {source}, got: {error}") from error
    if len(written) > MAX_BYTES:
        raise DataError(f"expected a card of at most {MAX_BYTES} bytes, got more in {source}")
    return written


def parse(text: str, source: Path = Path("card.yaml")) -> Document:
    """Read a card from text; see `read`.

    >>> document = parse("model_details: {name: scenes, version: {date: 2026-01-02}}")
    >>> document.content["model_details"]["version"]
    {'date': '2026-01-02'}
    """
    if text.count("%TAG") > _MAX_TAG_LINES:
        line = text.count("\n", 0, text.index("%TAG")) + 1
        raise DataError(f"{source}:{line}:1: more than {_MAX_TAG_LINES} times %TAG")
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise DataError(f"{source}:{_fault(text, error)}") from error
    reader = _Reader(source)
    content = reader.value(root, ()) if root is not None else {}
    if not isinstance(content, dict):
        raise DataError(
            f"{source}:1:1: expected a mapping at the top, got {type(content).__name__}"
        )
    return Document(source, content, reader.positions, reader.texts, text)


def _fault(text: str, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or error
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    if isinstance(error, yaml.reader.ReaderError):  # it counts bytes, and names no line
        before = text.partition(chr(error.character))[0]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        problem = f"control character U+{error.character:04X} is not allowed"
    return f"{line}:{column}: not valid YAML: {problem}"


class _Reader:
    def __init__(self, source: Path) -> None:
        self.source = source
        self.positions: dict[Place, tuple[int, int]] = {}
        self.texts: dict[Place, str] = {}
        self.count = 0
        self.length = 0

    def fail(self, node: yaml.Node, fact: str) -> DataError:
        return DataError(
            f"{self.source}:{node.start_mark.line + 1}:{node.start_mark.column + 1}: {fact}"
        )

    def spend(self, node: yaml.Node, text: str) -> None:
        self.length += len(text)
        if self.length > MAX_TEXT:
            raise self.fail(node, f"more than {MAX_TEXT} characters of text, aliases filled in")

    def value(self, node: yaml.Node, place: Place) -> Any:
        self.count += 1
        if self.count > MAX_VALUES:
            raise self.fail(node, f"more than {MAX_VALUES} values, aliases filled in")
        if len(place) > MAX_DEPTH:
            raise self.fail(node, "an alias that holds itself, or is nested too deep")
        self.plain(node)
        mark = node.start_mark
        self.positions[place] = (mark.line + 1, mark.column + 1)
        if isinstance(node, yaml.MappingNode):
            entries = self.entries(node, place)
            return {key: self.value(child, (*place, key)) for key, child in entries.items()}
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*place, i)) for i, child in enumerate(node.value)]
        self.spend(node, str(node.value))
        self.texts[place] = str(node.value)
        return self.scalar(node)

    def plain(self, node: yaml.Node) -> None:
        if node.tag not in _READABLE[type(node)]:
            raise self.fail(node, f"tag {node.tag} is not allowed in a card")

    def entries(self, node: yaml.MappingNode, place: Place) -> dict[str, yaml.Node]:
        own: dict[str, yaml.Node] = {}
        merged: dict[str, yaml.Node] = {}
        self.count += len(node.value)  # merges within merges multiply without making a value
        if self.count > MAX_VALUES:
            raise self.fail(node, f"more than {MAX_VALUES} values, aliases filled in")
        for key, child in node.value:
            if key.tag == _TAGS + "merge":
                parts = child.value if isinstance(child, yaml.SequenceNode) else [child]
                if len(place) > MAX_DEPTH or not all(
                    isinstance(p, yaml.MappingNode) for p in parts
                ):
                    raise self.fail(child, "expected mappings to merge")
                for part in parts:
                    for name, value in self.entries(part, (*place, "<<")).items():
                        merged.setdefault(name, value)
                continue
            if not isinstance(key, yaml.ScalarNode):
                raise self.fail(key, "expected a text as key")
            self.plain(key)
            if key.value in own:
                raise self.fail(key, f"key '{dotted((*place, key.value))}' is given twice")
            self.spend(key, key.value)
            own[key.value] = child
        return {**merged, **own} if merged else own

    def scalar(self, node: Any) -> Any:
        text = str(node.value)
        if node.style in _QUOTED:
            return text
        if (
            node.tag == "tag:yaml.org,2002:str"
        ):  # PyYAML does not take 1e3 for a number; YAML 1.2 does
            return _float(text) if _EXPONENT.fullmatch(text) else text
        if text in _NULLS:
            return None
        if text in _WORDS:
            return _WORDS[text]
        if _INT.fullmatch(text):
            return int(text)
        return _float(text) if _FLOAT.fullmatch(text) else text


def _float(text: str) -> float | str:
    """Give a number; one too large to be a float stays text, as `.inf` does."""
    number = float(text)
    return number if math.isfinite(number) else text


class _Writer(yaml.SafeDumper):
    """Quotes text that YAML 1.2, and so our reader, would take for a number."""

    def text(self, text: str) -> yaml.ScalarNode:
        style = "'" if _EXPONENT.fullmatch(text) else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    def exact(self, number: Exact) -> yaml.ScalarNode:
        text = str(number) if _RESOLVED.fullmatch(str(number)) else repr(float(number))
        return self.represent_scalar("tag:yaml.org,2002:float", text)


_Writer.add_representer(str, _Writer.text)
_Writer.add_representer(Exact, _Writer.exact)


def write(content: dict[str, Any]) -> str:
    r"""Write content as YAML, in the order it has.

    >>> write({"commit": "1e3"})
    "commit: '1e3'\n"
    >>> write({"b": 1.5, "a": ["x"]})
    'b: 1.5\na:\n- x\n'
    """
    return str(yaml.dump(content, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=100))
