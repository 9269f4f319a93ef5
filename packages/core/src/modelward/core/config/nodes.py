"""From text to a tree in which every key and value knows its line and column.

The parser is PyYAML's safe one (libyaml's where PyYAML was built with it); only its stream of
events is used. Values are made here, so that nothing a file says can make an object, and the limits
hold while reading: on depth, on values and on text, both counted after aliases and variables are
filled in (which is what stops a billion laughs).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from modelward.core.config.environment import expand
from modelward.core.config.problems import InvalidConfigError, Position, Report, quote, shorten
from modelward.core.config.reading import MAX_BYTES, end_of
from modelward.core.config.scalars import Scalar, resolve

MAX_DEPTH = 64
MAX_VALUES = 20_000
MAX_TEXT = MAX_BYTES
# libyaml compares each %TAG line with all before it: a file full of them takes many seconds.
_MAX_TAG_LINES = 64

_NAMES = {bool: "bool", int: "int", float: "float", str: "string"}
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Node:
    """A value of the file: `kind` is scalar, list or map, and `at` its line and column.

    `text` is a scalar as the file has it, before variables. `children` holds the values by key or
    index, `keys` the positions of the keys. `broken` marks a value already reported. `size`,
    `length` and `height` count the values, characters and levels from here down, aliases filled in.
    """

    kind: str
    at: Position
    value: Scalar = None
    text: str = ""
    children: dict[str | int, Node] = field(default_factory=dict)
    keys: dict[str | int, Position] = field(default_factory=dict)
    broken: bool = False
    size: int = 1
    length: int = 0
    height: int = 0

    def plain(self) -> Any:
        """Give the value as fresh None, bool, int, float, str, list and dict."""
        if self.kind == "map":
            return {key: child.plain() for key, child in self.children.items()}
        if self.kind == "list":
            return [child.plain() for child in self.children.values()]
        return self.value

    def describe(self, *, hidden: bool = False) -> str:
        """Say what stands here, as in `int 12`; the content is left out where it is hidden."""
        if self.kind != "scalar":
            kind, unit = ("mapping", "key") if self.kind == "map" else ("list", "item")
            count = len(self.children)
            return f"a {kind} of {count:,} {unit}{'' if count == 1 else 's'}"
        if self.value is None:
            return "null"
        text = quote(self.text) if isinstance(self.value, str) else shorten(self.text)
        return f"{_NAMES[type(self.value)]} {'(hidden)' if hidden else text}"


def compose(text: str, report: Report, environ: Mapping[str, str]) -> Node:
    """Read one document; an empty file is an empty mapping.

    Mistakes that leave the rest readable are added to `report`; the others raise
    `InvalidConfigError` at once.
    """
    if text.count("%TAG") > _MAX_TAG_LINES:
        at = end_of(text[: text.index("%TAG")])
        raise report.fatal("too many %TAG lines", at, hint="tags are not allowed; remove them")
    loader = _Loader(text)
    composer = _Composer(loader, end_of(text), report, environ)
    try:
        return composer.document()
    except yaml.MarkedYAMLError as error:  # the only kind left once the characters are checked
        at = composer.position(error.problem_mark or error.context_mark)
        if "maximum nesting depth" in str(error.problem):  # the parser's own limit, from 6.0.4 on
            raise report.fatal(
                "nested too deep", at, allowed=f"at most {MAX_DEPTH} levels"
            ) from None
        fault = ", ".join(filter(None, (error.context, error.problem)))
    finally:
        loader.dispose()
    lines = text.splitlines()
    variable = at[0] <= len(lines) and "${" in lines[at[0] - 1]
    raise report.fatal(
        f"not valid YAML: {fault}",
        at,
        tuple(composer.path),
        hint='inside [ ] and { } write "${NAME}" in quotes' if variable else "",
    )


class _Composer:
    def __init__(
        self, loader: Any, end: Position, report: Report, environ: Mapping[str, str]
    ) -> None:
        self.next = loader.get_event
        self.end = end
        self.report = report
        self.environ = environ
        self.anchors: dict[str, Node | None] = {}  # None while the anchored node is being read
        self.path: list[str | int] = []
        self.size = self.length = self.depth = 0
        self.at: Position = (1, 1)

    def document(self) -> Node:
        self.next()  # the start of the stream
        if isinstance(self.next(), yaml.StreamEndEvent):
            return Node("map", (1, 1))
        root = self.node(self.next())
        self.next()  # the end of the document
        following = self.next()
        if not isinstance(following, yaml.StreamEndEvent):
            self.at = self.position(following.start_mark)
            raise self.fatal("a second document begins here", allowed="one document in a file")
        if root.kind == "scalar" and not root.text and root.value is None:
            return Node("map", root.at)
        return root

    def node(self, event: yaml.Event, *, variables: bool = True) -> Node:
        self.at = self.position(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event)
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)  # noqa: S101
        node = Node("scalar", self.at)
        self.spend(1, 0)
        if event.anchor:
            self.anchors[event.anchor] = None
        if event.tag:
            self.reject(node, "a YAML tag", "remove it; quote a text that begins with !")
        before = self.size, self.length
        if isinstance(event, yaml.ScalarEvent):
            self.scalar(node, event, variables=variables)
        else:
            self.collection(node, event)
        node.size += self.size - before[0]
        node.length = self.length - before[1]
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def alias(self, event: yaml.AliasEvent) -> Node:
        name = str(event.anchor)
        target = self.anchors.get(name)
        if target is not None:
            self.spend(target.size, target.length)
            self.check_depth(self.depth + target.height)
            return target
        node = Node("scalar", self.at)
        self.spend(1, 0)
        if name in self.anchors:
            self.reject(node, "an alias of the value it stands in", "write the value out")
        else:
            self.reject(
                node, "an alias without an anchor before it", "quote a text that begins with *"
            )
        return node

    def scalar(self, node: Node, event: yaml.ScalarEvent, *, variables: bool) -> None:
        node.text = node.value = event.value
        self.spend(0, len(event.value))
        if event.implicit[0]:
            try:
                node.value = resolve(event.value)
            except ValueError as error:
                self.reject(node, str(error), "quote it if it is a text")
        if isinstance(node.value, str) and variables and "${" in node.value:
            node.value, faults = expand(node.value, self.environ, lambda n: self.spend(0, n))
            for fact, hint in faults:
                self.reject(node, fact, hint)

    def collection(self, node: Node, event: yaml.CollectionStartEvent) -> None:
        self.depth += 1
        self.check_depth(self.depth)
        if isinstance(event, yaml.SequenceStartEvent):
            node.kind = "list"
            while not isinstance(event := self.next(), yaml.SequenceEndEvent):
                self.path.append(len(node.children))
                node.children[len(node.children)] = self.node(event)
                self.path.pop()
        else:
            node.kind = "map"
            while not isinstance(event := self.next(), yaml.MappingEndEvent):
                self.entry(node, event)
        self.depth -= 1
        node.height = 1 + max((child.height for child in node.children.values()), default=0)

    def entry(self, parent: Node, event: yaml.Event) -> None:
        at = self.position(event.start_mark)
        node = self.node(event, variables=False)
        self.size -= 1  # what is counted is values
        key, kept, self.at = node.value, False, at
        if not isinstance(key, str) or node.kind != "scalar":
            self.reject(parent, "a key that is not a string", "quote it", "strings as keys")
            key = ""
        elif key == "<<" and isinstance(event, yaml.ScalarEvent) and event.implicit[0]:
            self.reject(parent, "a merge key (<<)", "write the keys out")
        elif key in parent.keys:
            line = parent.keys[key][0]
            self.report.add(f"the key is given twice, first on line {line}", at, (*self.path, key))
        else:
            parent.keys[key] = at
            kept = True
        self.path.append(key)
        value = self.node(self.next())  # also one that is not kept, so that its mistakes are told
        self.path.pop()
        if kept:
            parent.children[key] = value

    def spend(self, size: int, length: int) -> None:
        self.size += size
        self.length += length
        if self.size > MAX_VALUES:
            raise self.fatal(
                "too many values", allowed=f"at most {MAX_VALUES:,}, aliases filled in"
            )
        if self.length > MAX_TEXT:
            raise self.fatal(
                "too much text with aliases and variables filled in",
                allowed=f"at most {MAX_TEXT:,} characters",
            )

    def check_depth(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise self.fatal("nested too deep", allowed=f"at most {MAX_DEPTH} levels")

    def position(self, mark: Any) -> Position:
        # At the end of a file without a last line break, libyaml is already on the next line.
        return min((mark.line + 1, mark.column + 1), self.end)

    def reject(self, node: Node, found: str, hint: str, allowed: str = "") -> None:
        node.broken = True
        self.report.add(found, self.at, tuple(self.path), allowed=allowed, hint=hint)

    def fatal(self, found: str, *, allowed: str) -> InvalidConfigError:
        return self.report.fatal(found, self.at, tuple(self.path), allowed=allowed)
