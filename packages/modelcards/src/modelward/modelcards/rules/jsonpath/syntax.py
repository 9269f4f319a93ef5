"""Reading a JSONPath expression into segments and filters.

The grammar is that of RFC 9535 (https://www.rfc-editor.org/rfc/rfc9535), with what Spectral's paths
have besides: `~` (the key), `^` (the parent), `@property` (the key inside a filter), `=~ /…/`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from modelward.core.errors import DataError

MAX_LENGTH = 1000
_NAME = re.compile(r"[^\W\d](?:[\w-])*|[\w$-]+")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")
_INTEGER = re.compile(r"-?\d+")
_STRING = re.compile(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"")
_REGEX = re.compile(r"/((?:[^/\\]|\\.)+)/([ims]*)")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_WORDS = {"true": True, "false": False, "null": None}
OPERATORS = ("==", "!=", "<=", ">=", "<", ">", "=~")
FUNCTIONS = ("length", "count", "match", "search", "value")


@dataclass(frozen=True, slots=True)
class Query:
    """A path from the root (`$`) or from the node under a filter (`@`)."""

    root: bool
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """One step: `selectors` below a node, or anywhere below it (`deep`), or `~` or `^`."""

    selectors: tuple[Any, ...] = ()
    deep: bool = False
    special: str = ""


@dataclass(frozen=True, slots=True)
class Expression:
    """An operation of a filter: `kind` is or, and, not, test, property, literal, function or operator."""

    kind: str
    parts: tuple[Any, ...]


WILD = object()


@lru_cache(maxsize=512)
def compile_path(text: str) -> Query:
    """Read an expression. Raises `DataError` saying where it breaks.

    >>> compile_path("$.model_details.name").segments[1].selectors
    ('name',)
    """
    if len(text) > MAX_LENGTH:
        raise DataError(f"expected a JSONPath of at most {MAX_LENGTH} characters, got {len(text)}")
    parser = _Parser(text)
    try:
        query = parser.query()
    except RecursionError as error:
        raise DataError(f"expected a JSONPath, got one nested too deep: {text[:60]}") from error
    if parser.at < len(text):
        raise parser.wrong("the end")
    return query


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0

    def wrong(self, wanted: str) -> DataError:
        rest = self.text[self.at : self.at + 20] or "the end"
        return DataError(
            f"expected {wanted} at character {self.at + 1} of the JSONPath {self.text!r}, got {rest!r}"
        )

    def skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at] in " \t\n\r":
            self.at += 1

    def take(self, word: str) -> bool:
        if not self.text.startswith(word, self.at):
            return False
        self.at += len(word)
        return True

    def need(self, word: str) -> None:
        self.skip()
        if not self.take(word):
            raise self.wrong(repr(word))

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        if found and found.end() > self.at:
            self.at = found.end()
            return found
        return None

    def query(self) -> Query:
        self.skip()
        root = self.take("$")
        if not root and not self.take("@"):
            raise self.wrong("'$' or '@'")
        segments = []
        while (segment := self.segment()) is not None:
            segments.append(segment)
        return Query(root, tuple(segments))

    def segment(self) -> Segment | None:
        start = self.at
        self.skip()
        if self.take("~"):
            return Segment(special="~")
        if self.take("^"):
            return Segment(special="^")
        if self.take(".."):
            return Segment(self.bracket() if self.take("[") else (self.name(),), deep=True)
        if self.take("."):
            return Segment((self.name(),))
        if self.take("["):
            return Segment(self.bracket())
        self.at = start
        return None

    def name(self) -> Any:
        if self.take("*"):
            return WILD
        found = self.match(_NAME)
        if found is None:
            raise self.wrong("a name or '*'")
        return found[0]

    def bracket(self) -> tuple[Any, ...]:
        selectors = [self.selector()]
        self.skip()
        while self.take(","):
            selectors.append(self.selector())
            self.skip()
        self.need("]")
        return tuple(selectors)

    def selector(self) -> Any:
        self.skip()
        if self.take("*"):
            return WILD
        if self.take("?"):
            return self.disjunction()
        if (text := self.string()) is not None:
            return text
        return self.position()

    def position(self) -> int | slice:
        numbers: list[int | None] = []
        while True:
            self.skip()
            found = self.match(_INTEGER)
            numbers.append(int(found[0]) if found else None)
            self.skip()
            if len(numbers) == 3 or not self.take(":"):
                break
        if len(numbers) == 1:
            if numbers[0] is None:
                raise self.wrong("a name, a number, '*' or '?'")
            return numbers[0]
        return slice(*numbers)

    def string(self) -> str | None:
        found = self.match(_STRING)
        if found is None:
            return None
        return _ESCAPE.sub(_unescaped, found[1] if found[1] is not None else found[2])

    def disjunction(self) -> Expression:
        return self.joined("||", "or", self.conjunction)

    def conjunction(self) -> Expression:
        return self.joined("&&", "and", self.unary)

    def joined(self, sign: str, kind: str, part: Any) -> Expression:
        parts = [part()]
        self.skip()
        while self.take(sign):
            parts.append(part())
            self.skip()
        return parts[0] if len(parts) == 1 else Expression(kind, tuple(parts))

    def unary(self) -> Expression:
        self.skip()
        if self.text.startswith("!", self.at) and not self.text.startswith("!=", self.at):
            self.at += 1
            return Expression("not", (self.unary(),))
        if self.take("("):
            inner = self.disjunction()
            self.need(")")
            return inner
        return self.comparison()

    def comparison(self) -> Expression:
        left = self.operand()
        self.skip()
        operator = next((o for o in OPERATORS if self.take(o)), None)
        if operator is None:
            if left.kind == "literal":
                raise self.wrong("an operator")
            return left
        return Expression(operator, (left, self.operand()))

    def operand(self) -> Expression:
        self.skip()
        if self.take("@property"):
            return Expression("property", ())
        if self.text[self.at : self.at + 1] in {"$", "@"}:
            return Expression("test", (self.query(),))
        literal = self.literal()
        return Expression("literal", literal) if literal else self.function()

    def literal(self) -> tuple[Any, ...]:
        """Give a value in a tuple, or an empty tuple."""
        if (text := self.string()) is not None:
            return (text,)
        if found := self.match(_REGEX):
            return (found[1],)
        if found := self.match(_NUMBER):
            return (float(found[0]),)
        return next(((value,) for word, value in _WORDS.items() if self.take(word)), ())

    def function(self) -> Expression:
        for name in FUNCTIONS:
            if self.take(f"{name}("):
                arguments = [self.operand()]
                self.skip()
                while self.take(","):
                    arguments.append(self.operand())
                    self.skip()
                self.need(")")
                return Expression("function", (name, *arguments))
        raise self.wrong("a path, a value or a function")


def _unescaped(found: re.Match[str]) -> str:
    sign = found[1]
    if len(sign) == 5:
        return chr(int(sign[1:], 16))
    return _ESCAPES.get(sign, sign)
