"""What has changed between two cards, and what that means for a reader."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from modelward.core.optional import require
from modelward.modelcards.codecs.document import one_line

Verdict = Literal["worse", "removed", "better", "within interval", "changed", "added"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
_SIGNS = {
    "worse": "🔻",
    "removed": "➖",
    "better": "🔺",
    "within interval": "≈",
    "changed": "✏️",
    "added": "➕",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is not as it was. `alarming` when a reader should be told first.

    *worse* and *better* go by the direction the card declares; *within interval*: the numbers differ,
    and their intervals overlap.
    """

    section: str
    what: str
    verdict: Verdict
    before: str
    after: str
    alarming: bool = False

    def __str__(self) -> str:
        both = (
            f"{self.before} → {self.after}"
            if self.before and self.after
            else self.before or self.after
        )
        return one_line(f"{self.section}: {self.what}: {self.verdict}: {both}")


@dataclass(frozen=True, slots=True, repr=False)
class CardDiff:
    """What has changed from one card to another, section by section. True when nothing has."""

    changes: tuple[Change, ...]
    before: str = "before"
    after: str = "after"

    def __bool__(self) -> bool:
        return not self.changes

    def __repr__(self) -> str:
        lines = [self.verdict, *(str(change) for change in self.changes[:30])]
        left = len(self.changes) - 30
        return "\n".join([*lines, *([f"and {left} more"] if left > 0 else [])])

    @property
    def verdict(self) -> str:
        """What has changed, in one line."""
        counts = Counter(change.verdict for change in self.changes)
        words = ", ".join(f"{counts[v]} {v}" for v in VERDICTS if counts[v])
        return f"{one_line(self.before)} → {one_line(self.after)}: {words or 'no change'}"

    @property
    def alarming(self) -> tuple[Change, ...]:
        """The changes a reader should be told first."""
        return tuple(change for change in self.changes if change.alarming)

    def to_dict(self) -> dict[str, Any]:
        """Give every change as plain content."""
        return {
            "before": self.before,
            "after": self.after,
            "changes": [asdict(change) for change in self.changes],
        }

    def to_json(self) -> str:
        """Give `to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)

    def to_frame(self) -> Any:
        """Give one row per change. Raises `MissingPackageError` without pandas."""
        pandas = require("pandas", feature="a table of changes", install="pandas")
        return pandas.DataFrame([asdict(change) for change in self.changes])

    def to_markdown(self) -> str:
        """Write it for a pull request: what is alarming first, then every section in a table."""
        from modelward.modelcards.render.escaping import cell

        if not self.changes:
            return "The model card has not changed.\n"
        lines = [f"**Model card**: {cell(self.verdict)}", ""]
        lines += [f"- {_SIGNS[c.verdict]} {cell(str(c))}" for c in self.alarming]
        lines += [""] if self.alarming else []
        lines += ["| section | what | | before | after |", "| --- | --- | --- | --- | --- |"]
        for c in self.changes:
            verdict = f"{_SIGNS[c.verdict]} {c.verdict}"
            cells = (c.section, c.what, verdict, c.before, c.after)
            lines.append("| " + " | ".join(cell(text) for text in cells) + " |")
        return "\n".join(lines) + "\n"

    def _repr_html_(self) -> str:
        from modelward.core.pages import Notice, Table, notebook

        rows = [[c.section, c.what, c.verdict, c.before, c.after] for c in self.changes]
        columns = ["section", "what", "verdict", "before", "after"]
        notice = Notice(self.verdict, "warning" if self.alarming else "neutral")
        return notebook(notice, *([Table("Changes", columns, rows)] if rows else []))
