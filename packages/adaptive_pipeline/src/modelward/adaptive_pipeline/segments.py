"""Segments: the values of declared columns, by which the loss is followed apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import Connection, select

from modelward.adaptive_pipeline.store.schema import state

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.store.store import Store

_KEY = "segments"
_MOST = 50  # values of a column that are followed apart
_LONGEST = 160  # characters of a segment's name
_load = select(state.c.value).where(state.c.key == _KEY)


@dataclass(slots=True)
class Segments:
    """Names the segments of a row: `column=value` for the values known, else `column=other`.

    The first 50 values of a column become known and stay so, in every process on the store.

    >>> segments = Segments(("place",), {})
    >>> segments.of({"place": "north", "x": 1})
    ['', 'place=north']
    """

    columns: tuple[str, ...]
    known: dict[str, list[str]]
    _changed: bool = field(default=False, init=False)

    @classmethod
    def load(cls, columns: Sequence[str], connection: Connection) -> Self:
        """Give the values known in the store."""
        if not columns:
            return cls((), {})
        kept = connection.scalar(_load)
        return cls(tuple(columns), dict(kept or {}))

    def save(self, store: Store, connection: Connection) -> None:
        """Keep the values that became known."""
        if self._changed:
            store.save_state(_KEY, self.known, connection=connection)
            self._changed = False

    def of(self, row: Mapping[str, Any]) -> list[str]:
        """Name the segments of a row; the first is "", that of all rows."""
        return ["", *(self._name(c, str(row[c])) for c in self.columns if c in row)]

    def _name(self, column: str, value: str) -> str:
        known = self.known.setdefault(column, [])
        name = f"{column}={value}"
        if value in known:
            return name
        if len(known) >= _MOST or len(name) > _LONGEST:
            return f"{column}=other"
        known.append(value)
        self._changed = True
        return name
