"""What is wrong in a configuration file: problems with their place, and the error that holds them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from modelward.core.errors import ConfigError

KeyPath = tuple[str | int, ...]
Position = tuple[int, int]

MAX_PROBLEMS = 100
_WIDTH = 60  # characters of one key or value that a message shows


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where it is (line and column count from 1), what was found, what is allowed.

    `path` is the key's full path, as in `detectors[2].threshold`; empty for the file as a whole.

    >>> print(Problem("job.yaml", 7, 3, "size", "found int -1", "greater than 0"))
    job.yaml:7:3: size: found int -1; allowed: greater than 0
    """

    file: str
    line: int
    column: int
    path: str
    found: str
    allowed: str = ""
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.file}:{self.line}:{self.column}: "
        text += f"{self.path}: {self.found}" if self.path else self.found
        if self.hint:
            text += f"; {self.hint}"
        if self.allowed:
            text += f"{'' if self.hint.endswith('?') else ';'} allowed: {self.allowed}"
        return text


class InvalidConfigError(ConfigError):
    """A configuration file has mistakes: `problems` holds them, the message has one on each line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))

    def __reduce__(self) -> tuple[type[InvalidConfigError], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class Report:
    """The problems found so far in one file."""

    def __init__(self, file: str) -> None:
        self.file = printable(file)
        self._problems: dict[Problem, None] = {}

    def __bool__(self) -> bool:
        return bool(self._problems)

    def add(
        self, found: str, at: Position, path: KeyPath, *, allowed: str = "", hint: str = ""
    ) -> None:
        """Note a problem; the same one twice counts once."""
        self._problems[Problem(self.file, *at, join(path), found, allowed, hint)] = None

    def fatal(
        self,
        found: str,
        at: Position = (1, 1),
        path: KeyPath = (),
        *,
        allowed: str = "",
        hint: str = "",
    ) -> InvalidConfigError:
        """Give the error to raise for a problem after which nothing more can be read."""
        return self.error(last=Problem(self.file, *at, join(path), found, allowed, hint))

    def error(self, *, last: Problem | None = None, unlisted: int = 0) -> InvalidConfigError:
        """Make the error: the first `MAX_PROBLEMS`, `last`, and a count of all others."""
        found = sorted(self._problems, key=lambda p: (p.line, p.column))
        listed = found[:MAX_PROBLEMS] + ([last] if last else [])
        if unlisted := unlisted + len(found[MAX_PROBLEMS:]):
            listed.append(Problem(self.file, 1, 1, "", f"{unlisted:,} more problems, not listed"))
        return InvalidConfigError(listed)


def join(path: KeyPath) -> str:
    """Write a path as a person reads it.

    >>> join(("jobs", 0, "learning rate"))
    "jobs[0]['learning rate']"
    """
    text = ""
    for part in path:
        if isinstance(part, str) and part.isidentifier():
            text += f".{shorten(part)}" if text else shorten(part)
        else:
            text += f"[{quote(part) if isinstance(part, str) else part}]"
    return text


def printable(text: str) -> str:
    r"""Escape what is no character to see: one message is one line, and moves no cursor.

    >>> printable("a\nb\x1b é")
    'a\\nb\\x1b é'
    """
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def shorten(text: str, width: int = _WIDTH) -> str:
    """Cut a long text down to what fits in a message."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def quote(text: str) -> str:
    """Quote a text, with what cannot be printed escaped."""
    return repr(shorten(text))


def nearest(word: str, options: Sequence[str]) -> str:
    """Suggest the option most like a word; empty where none is near.

    >>> nearest("algoritm", ["threshold", "algorithm"])
    "did you mean 'algorithm'?"
    """
    spelled = {option.lower(): option for option in options}
    close = difflib.get_close_matches(word[:_WIDTH].lower(), spelled, n=1)
    return f"did you mean {quote(spelled[close[0]])}?" if close else ""
