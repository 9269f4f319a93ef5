"""Every function a rule can name, and those of other packages that the user allows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib.metadata import entry_points
from types import MappingProxyType

from modelward.core.errors import ConfigError
from modelward.modelcards.rules.functions import cards, markdown, presence, schemas, text
from modelward.modelcards.rules.functions.function import Function

GROUP = "modelward.card_functions"
"""Entry-point group by which an installed package adds functions: `name = "package.module:function"`."""

FUNCTIONS: Mapping[str, Function] = MappingProxyType(
    presence.FUNCTIONS | text.FUNCTIONS | schemas.FUNCTIONS | markdown.FUNCTIONS | cards.FUNCTIONS
)
"""Every built-in function by name; read-only."""


def find(name: str, allowed: Collection[str]) -> Function | None:
    """Give a function: a built-in one, or one of an installed package whose name is `allowed`.

    Code of the card's own repository is never run: what is not installed is not found. Raises
    `ConfigError` when an allowed function cannot be loaded.
    """
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    if name not in allowed:
        return None
    for entry in entry_points(group=GROUP, name=name):
        try:
            loaded = entry.load()
        except Exception as error:
            raise ConfigError(
                f"expected the function {name!r} from {entry.value}, got: {error}"
            ) from error
        return loaded if isinstance(loaded, Function) else Function(loaded)
    return None
