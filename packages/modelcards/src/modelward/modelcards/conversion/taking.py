"""Taking fields out of content: what is not taken is what a conversion would lose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelward.modelcards.codecs.document import Place
from modelward.modelcards.conversion.pointers import flatten


class Taker:
    """Content from which fields are taken; it knows which are left."""

    def __init__(self, content: Any) -> None:
        self.content = content
        self._left = flatten(content)

    def look(self, *place: str | int) -> Any:
        """Give what stands at a place, without taking it; None where nothing does."""
        value = self.content
        for key in place:
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def take(self, *place: str | int) -> Any:
        """Give what stands at a place, with all below it, and count it as taken."""
        value = self.look(*place)
        if value is not None:
            for taken in flatten(value, place):  # and not all that is left: cards have thousands
                self._left.pop(taken, None)
        return value

    def text(self, *place: str | int) -> str | None:
        """Take what stands at a place as text; what is no text or number stays, and is lost or carried."""
        value = self.look(*place)
        if value is None or isinstance(value, dict | list | bool):
            return None
        self.take(*place)
        return str(value)

    def each(self, *place: str | int) -> Iterator[Place]:
        """Give the place of each entry of a list."""
        value = self.look(*place)
        for i in range(len(value) if isinstance(value, list) else 0):
            yield (*place, i)

    def left(self) -> dict[Place, Any]:
        """Give what was not taken and says something."""
        return {
            place: value for place, value in self._left.items() if value not in ({}, [], None, "")
        }


def compact(**fields: Any) -> dict[str, Any]:
    """Make a mapping of those fields that say something.

    >>> compact(a=1, b=None, c=[])
    {'a': 1}
    """
    return {key: value for key, value in fields.items() if value not in (None, {}, [], "")}
