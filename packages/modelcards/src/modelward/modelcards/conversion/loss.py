"""What a conversion gives: the text, and each field that it dropped, carried or cut."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from modelward.core.optional import require
from modelward.modelcards.codecs.document import one_line

Fate = Literal["dropped", "changed", "carried", "cut"]


@dataclass(frozen=True, slots=True)
class Loss:
    """A field that the target has no place for.

    *dropped*: it is not in what was written. *changed*: it is, and reads back as something else, or
    elsewhere. *carried*: it is, where only we read it back.
    *cut*: it is too long for the target, and only its beginning was written.
    """

    place: str
    fate: Fate
    value: str
    reason: str = ""

    def __str__(self) -> str:
        why = f" ({self.reason})" if self.reason else ""
        return one_line(f"{self.fate}: {self.place} = {self.value}{why}")


@dataclass(frozen=True, slots=True, repr=False)
class Conversion:
    """A card in another format. `content` is what to write; `losses` what that does not hold.

    True when nothing was dropped or cut.
    """

    format: str
    content: str | bytes
    losses: tuple[Loss, ...] = ()

    def __bool__(self) -> bool:
        return not self.dropped

    def __repr__(self) -> str:
        carried = sum(loss.fate == "carried" for loss in self.losses)
        head = f"{self.format}: {len(self.dropped)} fields dropped, {carried} carried"
        return "\n".join([head, *(str(loss) for loss in self.dropped[:20])])

    @property
    def dropped(self) -> tuple[Loss, ...]:
        """The fields that are not, or not wholly, in what was written."""
        return tuple(loss for loss in self.losses if loss.fate in {"dropped", "cut"})

    @property
    def text(self) -> str:
        """The content as text; a binary format is given as base64."""
        if isinstance(self.content, str):
            return self.content
        import base64

        return base64.b64encode(self.content).decode()

    def to_dict(self) -> dict[str, Any]:
        """Give format, content and losses as plain content."""
        return {
            "format": self.format,
            "content": self.text,
            "losses": [asdict(x) for x in self.losses],
        }

    def to_json(self) -> str:
        """Give `to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)

    def to_frame(self) -> Any:
        """Give one row per loss. Raises `MissingPackageError` without pandas."""
        pandas = require("pandas", feature="a table of losses", install="pandas")
        return pandas.DataFrame([asdict(loss) for loss in self.losses])


def shown(value: Any) -> str:
    """Write a value on one short line."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:77] + "..."
