"""What a trigger says when it fires."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """A trigger's wish for a retraining: who, why, and since when things seem to have changed.

    `since` is the sequence number of the first prediction after the change (1 is the first ever
    served), or None where the trigger does not know.

    >>> Signal(trigger="manual", reason="new sensor mounted").since is None
    True
    """

    trigger: str
    reason: str
    since: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give the fields as plain values, from which `Signal(**fields)` rebuilds it."""
        return asdict(self)


def told(text: str, longest: int) -> str:
    r"""Make what a stranger wrote fit for a reason: one line, printable, of bounded length.

    >>> told("loss\nhigh" + "!" * 1000, 12)
    'loss high!!!'
    """
    return "".join(c if c.isprintable() else " " for c in text[:longest])
