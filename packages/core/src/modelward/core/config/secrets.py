"""Which values of a file are secret, so that no message repeats them."""

from __future__ import annotations

from functools import cached_property
from typing import Any, get_origin

from pydantic import Secret, SecretBytes, SecretStr

from modelward.core.config.nodes import Node
from modelward.core.config.shapes import plain_type, type_below, union_members, walk


class Secrets:
    """The scalars of a file that stand where the model has, or could have, a secret.

    Where one scalar is given in place of a whole model that holds a secret, it counts as one too.
    """

    def __init__(self, model: Any, root: Node) -> None:
        self._nodes: dict[int, Node] = {}
        self._seen: set[tuple[int, int]] = set()
        self._holding: dict[int, bool] = {}
        self._find(model, root)

    def __contains__(self, node: Node) -> bool:
        return id(node) in self._nodes

    def shown_in(self, text: str) -> bool:
        """Tell whether a text repeats a secret, as it is or escaped."""
        return any(secret in text for secret in self._texts)

    @cached_property
    def _texts(self) -> set[str]:
        values = {str(node.value) for node in self._nodes.values()} - {"", "None"}
        return values | {repr(value)[1:-1] for value in values}

    def _find(self, kind: Any, node: Node) -> None:
        if not self._holds(kind) or (id(kind), id(node)) in self._seen:
            return
        self._seen.add((id(kind), id(node)))
        kind = plain_type(kind)
        if node.kind == "scalar":
            self._nodes[id(node)] = node
        elif members := union_members(kind):
            for member in members:
                self._find(member, node)
        else:
            for part, child in node.children.items():
                self._find(kind if _is_secret(kind) else type_below(kind, part), child)

    def _holds(self, kind: Any) -> bool:
        # Types live as long as the model, so that their identity is a key.
        if id(kind) not in self._holding:
            self._holding[id(kind)] = any(map(_is_secret, walk(kind, set())))
        return self._holding[id(kind)]


def _is_secret(kind: Any) -> bool:
    base = get_origin(kind) or kind
    return isinstance(base, type) and issubclass(base, Secret | SecretStr | SecretBytes)
