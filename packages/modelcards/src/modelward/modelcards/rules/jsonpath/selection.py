"""Finding what a JSONPath selects: each node once, with its place, in bounded work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from modelward.core.errors import DataError
from modelward.modelcards.codecs.document import Place
from modelward.modelcards.rules.jsonpath.syntax import (
    WILD,
    Expression,
    Query,
    Segment,
    compile_path,
)
from modelward.modelcards.rules.patterns import matches

MAX_STEPS = 1_000_000
Node = tuple[Place, Any]
_NOTHING = object()


def select(content: Any, path: str) -> list[Node]:
    """Give place and value of each node a path selects; a node selected twice comes once.

    With `~` the value is the key, as Spectral has it. Raises `DataError` for what is no JSONPath,
    and for one that takes more than a million steps on this content.

    >>> select({"a": [{"b": 1}, {"b": 2}]}, "$.a[?@.b > 1].b")
    [(('a', 1, 'b'), 2)]
    >>> select({"a": {"b": 1}}, "$.a.*~")
    [(('a', 'b'), 'b')]
    """
    return _Selection(content, path).query(compile_path(path), ((), content))


class _Selection:
    def __init__(self, content: Any, path: str) -> None:
        self.content, self.path, self.steps = content, path, 0

    def query(self, query: Query, start: Node) -> list[Node]:
        nodes = [((), self.content) if query.root else start]
        for segment in query.segments:
            nodes = self.segment(segment, nodes)
        return nodes

    def segment(self, segment: Segment, nodes: list[Node]) -> list[Node]:
        if segment.special == "~":
            return [(place, place[-1]) for place, _ in nodes if place]
        if segment.special == "^":
            return self.once((p[:-1], self.at(p[:-1])) for p, _ in nodes if p)
        if segment.deep:
            nodes = self.once(self.below(nodes))
        return self.once(
            found
            for node in nodes
            for selector in segment.selectors
            for found in self.selector(selector, node)
        )

    def once(self, nodes: Iterable[Node]) -> list[Node]:
        """Keep each place once: this is what bounds `$..*..*..*` by the size of the card."""
        seen: dict[Place, Any] = {}
        for place, value in nodes:
            self.spend()
            seen.setdefault(place, value)
        return list(seen.items())

    def spend(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise DataError(
                f"expected a JSONPath of at most {MAX_STEPS} steps, got more for {self.path!r}"
            )

    def at(self, place: Place) -> Any:
        value = self.content
        for key in place:
            value = value[key]
        return value

    def below(self, nodes: list[Node]) -> Iterator[Node]:
        visited: set[Place] = set()
        for node in nodes:
            stack = [node]
            while stack:
                place, value = stack.pop()
                if place in visited:
                    continue
                visited.add(place)
                self.spend()
                yield place, value
                stack.extend(reversed(list(children(place, value))))

    def selector(self, selector: Any, node: Node) -> Iterator[Node]:
        place, value = node
        if selector is WILD:
            yield from children(place, value)
        elif isinstance(selector, Expression):
            yield from (child for child in children(place, value) if self.holds(selector, child))
        elif isinstance(selector, str):
            if isinstance(value, dict) and selector in value:
                yield (*place, selector), value[selector]
        elif isinstance(value, list):
            if isinstance(selector, slice):
                if selector.step != 0:
                    yield from (
                        ((*place, i), value[i]) for i in range(*selector.indices(len(value)))
                    )
            elif -len(value) <= selector < len(value):
                i = selector % len(value)
                yield (*place, i), value[i]

    def holds(self, expression: Expression, node: Node) -> bool:
        self.spend()
        kind, parts = expression.kind, expression.parts
        if kind in {"or", "and"}:
            joined = any if kind == "or" else all
            return joined(self.holds(part, node) for part in parts)
        if kind == "not":
            return not self.holds(parts[0], node)
        if kind == "test":
            return bool(self.query(parts[0], node))
        if kind in {"function", "property"}:
            return bool(self.value(expression, node) not in (_NOTHING, False, 0, None))
        left, right = (self.value(part, node) for part in parts)
        if kind == "=~":
            return isinstance(left, str) and matches(str(right), left)
        return _compare(kind, left, right)

    def value(self, expression: Expression, node: Node) -> Any:
        kind, parts = expression.kind, expression.parts
        if kind == "literal":
            return parts[0]
        if kind == "property":
            return node[0][-1] if node[0] else _NOTHING
        if kind == "function":
            return self.call(parts[0], parts[1:], node)
        found = self.query(parts[0], node)
        if not found and _asks_length(parts[0]):  # as in Spectral's scripts: @.length
            shorter = Query(parts[0].root, parts[0].segments[:-1])
            found = self.query(shorter, node)
            return len(found[0][1]) if found and isinstance(found[0][1], list | str) else _NOTHING
        return found[0][1] if found else _NOTHING

    def call(self, name: str, arguments: tuple[Expression, ...], node: Node) -> Any:
        if name == "count":
            return len(self.query(arguments[0].parts[0], node))
        values = [self.value(argument, node) for argument in arguments]
        if name == "value":
            return values[0]
        if name == "length":
            return len(values[0]) if isinstance(values[0], str | list | dict) else _NOTHING
        text, pattern = values[0], values[1] if len(values) > 1 else _NOTHING
        if not isinstance(text, str) or not isinstance(pattern, str):
            return False
        return matches(pattern, text, whole=name == "match")


def children(place: Place, value: Any) -> Iterator[Node]:
    """Give what stands directly below a value."""
    if isinstance(value, dict):
        yield from (((*place, key), child) for key, child in value.items())
    elif isinstance(value, list):
        yield from (((*place, i), child) for i, child in enumerate(value))


def _asks_length(query: Query) -> bool:
    return bool(query.segments) and query.segments[-1].selectors == ("length",)


def _compare(operator: str, left: Any, right: Any) -> bool:
    if operator == "==":
        return _same(left, right)
    if operator == "!=":
        return not _same(left, right)
    if operator in {"<=", ">="} and _same(left, right):
        return True
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (left, right))
    if not numbers and not (isinstance(left, str) and isinstance(right, str)):
        return False
    return bool(left < right) if operator in {"<", "<="} else bool(left > right)


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, bool) != isinstance(right, bool):
        return False
    return bool(left == right)
