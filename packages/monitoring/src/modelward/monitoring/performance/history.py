"""Performance over windows and segments: realised and estimated side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelward.core.errors import DataError
from modelward.core.evidence import Evidence, Metric, Subject
from modelward.core.metrics import Estimate
from modelward.core.pages import Notice, Table, Tile, notebook
from modelward.core.pages.blocks import Status
from modelward.monitoring.performance.result import BLIND, Verdict, WindowPerformance
from modelward.monitoring.performance.specs import spec_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

STATUS: dict[Verdict, Status] = {"worse": "bad", "cannot say": "warning", "steady": "good"}
_PARTS = ("realised", "estimated", "baseline")


@dataclass(frozen=True, slots=True)
class PerformanceHistory:
    """The performance of windows, oldest first; of each, all rows before its segments.

    Histories of one metric add up: `realised(...) + estimator.over(...)`.
    """

    windows: tuple[WindowPerformance, ...]

    def __post_init__(self) -> None:
        if len(names := {found.metric for found in self.windows}) > 1:
            raise DataError(f"expected windows of one metric, got {sorted(names)}")

    @property
    def metric(self) -> str:
        """The metric; empty where there is no window."""
        return self.windows[0].metric if self.windows else ""

    @property
    def worse(self) -> tuple[WindowPerformance, ...]:
        """The windows and segments that are worse than the baseline by more than chance."""
        return tuple(found for found in self.windows if found.verdict == "worse")

    @property
    def cannot_say(self) -> tuple[WindowPerformance, ...]:
        """Those that could not be judged."""
        return tuple(found for found in self.windows if found.verdict == "cannot say")

    @property
    def mean_absolute_error(self) -> float | None:
        """How far estimated and realised lie apart, on average over windows that have both."""
        gaps = [
            abs(found.estimated.value - found.realised.value)
            for found in self.windows
            if found.estimated is not None and found.realised is not None
        ]
        return sum(gaps) / len(gaps) if gaps else None

    def segment(self, name: str) -> PerformanceHistory:
        """Give the windows of one segment (empty: all rows)."""
        return PerformanceHistory(tuple(f for f in self.windows if f.segment == name))

    def __len__(self) -> int:
        return len(self.windows)

    def __iter__(self) -> Iterator[WindowPerformance]:
        return iter(self.windows)

    def __getitem__(self, place: int) -> WindowPerformance:
        return self.windows[place]

    def __add__(self, other: PerformanceHistory) -> PerformanceHistory:
        return PerformanceHistory((*self.windows, *other.windows))

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain JSON content."""
        return {"metric": self.metric, "windows": [found.to_dict() for found in self.windows]}

    def to_json(self) -> str:
        """Give it as JSON."""
        return json.dumps(self.to_dict(), allow_nan=False)

    def to_frame(self) -> pd.DataFrame:
        """Give one row a window and segment."""
        import pandas as pd

        rows = []
        for found in self.windows:
            row = found.to_dict()
            for part in (*_PARTS, "lost"):
                inside = row.pop(part) or {}
                row[part] = inside.get("value")
                row[f"{part}_low"], row[f"{part}_high"] = inside.get("low"), inside.get("high")
            rows.append(row)
        return pd.DataFrame(rows)

    def to_evidence(self, *, model: str = "model", version: str | None = None) -> Evidence:
        """Give the evidence record, kind `monitoring.performance`."""
        up = spec_of(self.metric).higher_is_better if self.windows else None
        unit = spec_of(self.metric).unit if self.windows else None
        metrics = [
            Metric.of(
                f"{part}_{self.metric}",
                getattr(found, part),
                unit=unit,
                higher_is_better=up,
                slice=_place(found) or None,
            )
            for found in self.windows
            for part in _PARTS
            if getattr(found, part) is not None
        ]
        words = [": ".join(part for part in (_place(f), f.words) if part) for f in self.windows]
        if any(found.realised is None for found in self.windows):
            words.append(BLIND)
        return Evidence.create(
            kind="monitoring.performance",
            subject=Subject(name=model, version=version),
            tool="modelward-monitoring",
            config={
                "metric": self.metric,
                "methods": sorted({found.method for found in self.windows if found.method}),
            },
            metrics=metrics,
            findings=words or ["no window"],
        )

    def __repr__(self) -> str:
        head = f"{self.metric or 'performance'} over {len(self)} windows and segments"
        counts = f"{len(self.worse)} worse than the baseline, {len(self.cannot_say)} cannot say"
        lines = [f"{head}: {counts}"]
        lines += [f"  {_place(found) or 'all rows'}: {found.words}" for found in self.windows[-20:]]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        status: Status = "bad" if self.worse else "warning" if self.cannot_say else "good"
        blocks: list[Any] = [Notice(f"{self!r}".splitlines()[0] + ".", status)]
        if any(found.realised is None for found in self.windows):
            blocks.append(Notice(BLIND[0].upper() + BLIND[1:] + ".", "warning"))
        rows = [
            [
                str(found.window),
                found.segment,
                Tile("", found.verdict, status=STATUS[found.verdict]),
                *(_cell(getattr(found, part)) for part in _PARTS),
                found.rows,
                found.cannot_say or "; ".join(found.notes),
            ]
            for found in self.windows
        ]
        head = ["window", "segment", "verdict", *_PARTS, "rows", "in words"]
        return notebook(*blocks, Table(f"{self.metric} of each window", head, rows))

    def plot(self, ax: Axes | None = None, *, segment: str = "") -> Axes:
        """Draw realised and estimated values over the windows, with bands, baseline and threshold."""
        from modelward.monitoring.performance.plots import plot_history

        return plot_history(self.segment(segment), ax)


def _place(found: WindowPerformance) -> str:
    return ", ".join(part for part in (str(found.window), found.segment) if part)


def _cell(found: Estimate | None) -> str | None:
    if found is None:
        return None
    text = f"{found.value:.4g}"
    return text if found.low is None else f"{text} ({found.low:.4g} to {found.high:.4g})"
