"""What is written to a target: without extras, or with those fields that are carried."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from modelward.modelcards.conversion.loss import Loss


@dataclass(frozen=True, slots=True)
class Target:
    """A card in another format. `render` adds carried fields; `carrier` says where they stand.

    A carried field is a value by JSON pointer; None takes out what reading would add. `cut` are the
    texts that are too long for the target.
    """

    plain: str | bytes
    render: Callable[[Mapping[str, Any]], str] | None = None
    carrier: str = ""
    cut: tuple[Loss, ...] = ()

    def write(self, carried: Mapping[str, Any]) -> str | bytes:
        """Write it, with what is carried."""
        return self.render(carried) if self.render and carried else self.plain
