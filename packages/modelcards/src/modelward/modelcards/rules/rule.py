"""One rule: which values it is about, what it asks of them, and how grave an answer is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modelward.modelcards.codecs.document import Document, Place, dotted
from modelward.modelcards.rules.finding import Finding, Severity
from modelward.modelcards.rules.functions.function import UNDEFINED, Function, Target
from modelward.modelcards.rules.jsonpath.selection import Node, select

_SIMPLE = re.compile(r"\$(\.[A-Za-z_]\w*)*")
_PRINTED = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Then:
    """What a rule asks: a function, its options, and the field of the given value (None: itself)."""

    name: str
    function: Function
    options: Mapping[str, Any] = field(default_factory=dict)
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule, in the Spectral style: `given` paths, `then` functions, severity, message.

    `severity` None is off. `extras` keeps what a ruleset says besides (a citation, a link).
    """

    name: str
    given: tuple[str, ...]
    then: tuple[Then, ...]
    severity: Severity | None = "warning"
    message: str = "{{error}}"
    description: str = ""
    extras: Mapping[str, Any] = field(default_factory=dict)

    def at(self, severity: Severity | None) -> Rule:
        """Give the same rule at another severity."""
        return replace(self, severity=severity)

    def run(self, document: Document) -> Iterator[Finding]:
        """Hold a card against the rule. A `given` that matches nothing asks nothing."""
        if self.severity is None:
            return
        for path in self.given:
            for node in find(document.content, path):
                for then in self.then:
                    yield from self._ask(document, then, node)

    def _ask(self, document: Document, then: Then, node: Node) -> Iterator[Finding]:
        for place, value in _targets(node, then.field):
            takes = then.function.takes
            if takes is not None and not _is_one_of(value, takes):
                continue
            target = Target(value, place, document)
            for below, error in then.function.call(target, then.options):
                at = (*place, *below)
                yield Finding.at(
                    document,
                    at,
                    rule=self.name,
                    severity=self.severity or "warning",
                    message=self._worded(error, at, value),
                )

    def _worded(self, error: str, place: Place, value: Any) -> str:
        if self.message == "{{error}}":
            return error
        words = {
            "error": error,
            "path": dotted(place),
            "property": str(place[-1]) if place else "",
            "value": "" if value is UNDEFINED else str(value)[:200],
            "description": self.description,
        }
        return _PRINTED.sub(lambda found: words.get(found[1], ""), self.message)


def find(content: Any, path: str) -> list[Node]:
    """Give the nodes a path selects; a plain path of names is walked without a parser."""
    if not _SIMPLE.fullmatch(path):
        return select(content, path)
    value, place = content, tuple(path.split(".")[1:])
    for key in place:
        if not isinstance(value, dict) or key not in value:
            return []
        value = value[key]
    return [(place, value)]


def _targets(node: Node, name: str | None) -> list[Node]:
    place, value = node
    if name is None or not isinstance(value, dict | list):
        return [node]
    if name == "@key":
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        return [((*place, key), key) for key in keys]
    if name.startswith("$"):
        found = [((*place, *below), inner) for below, inner in find(value, name)]
        return found or [(place, UNDEFINED)]
    inner: Any = value
    path: list[str | int] = []
    for key in name.split("."):
        step: str | int = int(key) if isinstance(inner, list) and key.isdigit() else key
        path.append(step)
        try:
            inner = inner[step]
        except (KeyError, IndexError, TypeError):
            inner = UNDEFINED
    return [((*place, *path), inner)]


def _is_one_of(value: Any, kinds: tuple[type, ...]) -> bool:
    if isinstance(value, bool) and bool not in kinds:
        return False
    return isinstance(value, kinds)
