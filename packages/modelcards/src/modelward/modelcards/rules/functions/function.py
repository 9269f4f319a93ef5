"""What a rule's function is: what it takes, which options it knows, and how it is called."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelward.core.errors import DataError
from modelward.modelcards.codecs.document import Document, Place
from modelward.modelcards.rules.patterns import compile_pattern

UNDEFINED: Any = type(
    "Undefined", (), {"__repr__": lambda _: "undefined", "__bool__": lambda _: False}
)()
"""The value of a field that is not there."""
Result = tuple[Place, str]
"""Where a function found something (below its target), and what."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a function looks at: a value, its place, and the document around it."""

    value: Any
    place: Place
    document: Document

    @property
    def named(self) -> str:
        """The property's name as messages start with it."""
        return f'"{self.place[-1]}" property' if self.place else "the card"


@dataclass(frozen=True, slots=True)
class Function:
    """A function of rules.

    `call(target, options)` gives results. `takes` are the types of value it looks at (None: any,
    also the undefined one); another value is passed over, as in Spectral. `options` are the names it
    knows, `needs` those it cannot do without, `patterns` those that are regular expressions.
    """

    call: Callable[[Target, Mapping[str, Any]], Iterator[Result]]
    takes: tuple[type, ...] | None = None
    options: Mapping[str, type | tuple[type, ...]] | None = None
    needs: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()

    def check_options(self, options: Any) -> str:
        """Say what is wrong with a rule's options, or nothing."""
        if not isinstance(options, dict):
            return f"expected a mapping as functionOptions, got {type(options).__name__}"
        known = self.options or {}
        for name, value in options.items():
            if name not in known:
                return f"expected options of {', '.join(known) or 'none'}, got {name!r}"
            if not isinstance(value, known[name]):
                return f"the option {name!r} cannot be {value!r}"
            if name in self.patterns:
                try:
                    compile_pattern(value)
                except DataError as error:
                    return error.fact
        missing = [name for name in self.needs if name not in options]
        return f"expected the option {missing[0]!r}, got none" if missing else ""
