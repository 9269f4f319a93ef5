"""What a window's data is like, against what was expected."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from modelward.core.evidence import Evidence, Metric, Subject
from modelward.core.pages import Block, Notice, Table, Tile, Tiles, notebook
from modelward.core.pages.blocks import Status

if TYPE_CHECKING:
    import pandas as pd

CheckState = Literal["met", "failed", "cannot say"]
_STATUS: dict[CheckState, Status] = {"failed": "bad", "cannot say": "warning", "met": "good"}


@dataclass(frozen=True, slots=True)
class QualityCheck:
    """One expectation and how the window stands to it.

    `column` is empty where it is about the table. `observed` and `limit` are shares in [0, 1], rows
    or hours, as the `expectation` is about.
    """

    column: str
    expectation: str
    state: CheckState
    words: str
    observed: float | None = None
    limit: float | None = None

    def __str__(self) -> str:
        return f"{self.column}: {self.words}" if self.column else self.words


@dataclass(frozen=True, slots=True)
class QualityResult:
    """The checks of one window, the failed first."""

    checks: tuple[QualityCheck, ...]
    rows: int

    def __post_init__(self) -> None:
        order = list(_STATUS)
        ranked = tuple(sorted(self.checks, key=lambda c: order.index(c.state)))
        object.__setattr__(self, "checks", ranked)

    @property
    def failures(self) -> tuple[str, ...]:
        """What failed, in words; to be handed to `Fleet.record`."""
        return tuple(str(c) for c in self.checks if c.state == "failed")

    @property
    def cannot_say(self) -> tuple[str, ...]:
        """What could not be checked, in words."""
        return tuple(str(c) for c in self.checks if c.state == "cannot say")

    def to_dict(self) -> dict[str, Any]:
        """Give the result as plain JSON content."""
        return {"rows": self.rows, "checks": [asdict(c) for c in self.checks]}

    def to_json(self) -> str:
        """Give the result as JSON."""
        return json.dumps(self.to_dict(), allow_nan=False)

    def to_frame(self) -> pd.DataFrame:
        """Give one row a check, the failed first."""
        import pandas as pd

        return pd.DataFrame([asdict(c) for c in self.checks])

    def to_evidence(self, *, model: str = "model", version: str | None = None) -> Evidence:
        """Give the evidence record, kind `monitoring.quality`."""
        return Evidence.create(
            kind="monitoring.quality",
            subject=Subject(name=model, version=version),
            tool="modelward-monitoring",
            metrics=[
                Metric.of("expectations_checked", len(self.checks)),
                Metric.of("expectations_failed", len(self.failures)),
                Metric.of("expectations_unjudged", len(self.cannot_say)),
            ],
            findings=[*self.failures, *(f"cannot say: {words}" for words in self.cannot_say)]
            or ["every expectation is met"],
        )

    def __repr__(self) -> str:
        lines = [
            f"{len(self.failures)} of {len(self.checks)} expectations failed ({self.rows} rows)"
        ]
        lines += [f"  {words}" for words in self.failures[:20]]
        lines += [f"  cannot say: {words}" for words in self.cannot_say[:5]]
        return "\n".join(lines)

    def blocks(self) -> list[Block]:
        """Give the headline, the tiles and the table, for pages and notebooks."""
        if self.failures:
            text = f"{len(self.failures)} of {len(self.checks)} expectations failed."
            notice = Notice(text, "bad")
        elif self.cannot_say:
            notice = Notice("Nothing failed, but not everything could be checked.", "warning")
        else:
            notice = Notice("Every expectation is met.", "good")
        rows = [
            [
                c.column or "(table)",
                c.expectation,
                Tile("", c.state, status=_STATUS[c.state]),
                c.words,
            ]
            for c in self.checks
        ]
        tiles = [Tile("Rows", str(self.rows)), Tile("Expectations", str(len(self.checks)))]
        columns = ["column", "expectation", "state", "in words"]
        return [notice, Tiles(tiles), Table("Every expectation, the failed first", columns, rows)]

    def _repr_html_(self) -> str:
        return notebook(*self.blocks())
