"""What the study found: shares with their intervals, delays and costs, by rule."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import pandas as pd

from modelward.core.files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class _Trial(Protocol):
    experiment: Any
    subject: str
    n: int
    seed: int


@dataclass(frozen=True, slots=True)
class StudyResult:
    """Every judgement of every trial, one row each: of windows, of streams, and of annotated series."""

    windows: pd.DataFrame
    streams: pd.DataFrame
    annotated: pd.DataFrame

    @classmethod
    def of(cls, trials: Mapping[Any, Iterable[Mapping[str, Any]]]) -> Self:
        """Lay the rows of trials together."""
        parts: dict[str, list[dict[str, Any]]] = {"windows": [], "streams": [], "annotated": []}
        for trial, rows in trials.items():
            where: _Trial = trial
            head = {"subject": where.subject, "n": where.n, "seed": where.seed}
            parts[where.experiment] += [{**head, **row} for row in rows]
        return cls(**{name: pd.DataFrame(rows) for name, rows in parts.items()})

    def rules(self) -> pd.DataFrame:
        """By rule and rows of a window: share of healthy windows that alarm, of changed ones found.

        With the bounds of 95 % intervals (Clopper and Pearson 1934) and the median milliseconds (of the
        processor) of
        one judgement.
        """
        return _summed(self.windows, ["rule", "n"])

    def scenarios(self) -> pd.DataFrame:
        """By rule (rows) and scenario (columns): the share of changes found, over all sizes."""
        found = self.windows.pivot_table("found", "rule", "subject", aggfunc="mean", sort=False)
        return found.astype(float)

    def delays(self) -> pd.DataFrame:
        """By detector and stream: share that alarmed before the change, share found, median delay."""
        found = _summed(self.streams, ["rule", "subject"])
        delay = self.streams.groupby(["rule", "subject"], sort=False)["delay"].median()
        return found.assign(delay=delay.astype(float))

    def series(self) -> pd.DataFrame:
        """By detector, over the annotated series: share of changes found, false ones a series."""
        grouped = self.annotated.groupby("rule", sort=False)
        return grouped.agg(
            series=("subject", "nunique"),
            found=("found", "mean"),
            false=("false", "mean"),
            told=("told", "mean"),
            milliseconds=("milliseconds", "median"),
        ).astype({"found": float})

    def to_frame(self) -> pd.DataFrame:
        """Give the table by rule and size."""
        return self.rules().reset_index()

    def to_dict(self) -> dict[str, Any]:
        """Give the tables as plain JSON content."""
        tables = {
            "rules": self.rules(),
            "scenarios": self.scenarios(),
            "delays": self.delays(),
            "series": self.series(),
        }
        return {
            name: json.loads(frame.reset_index().to_json(orient="records"))
            for name, frame in tables.items()
        }

    def to_json(self) -> str:
        """Give the tables as JSON."""
        return json.dumps(self.to_dict(), indent=1)

    def to_markdown(self) -> str:
        """Give the guide 'which method when', written from these numbers."""
        from modelward.monitoring.study.guide import guide

        return guide(self)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the false alarms of each rule against the changes it found."""
        from modelward.monitoring.study.plots import plot_rules

        return plot_rules(self, ax)

    def save(self, folder: str | Path, *, name: str = "drift-methods") -> Path:
        """Write the guide, its pictures and the numbers into a folder, and give the guide's path."""
        from modelward.monitoring.study.plots import pictures

        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        for picture, svg in pictures(self).items():
            write_whole(place / f"{name}-{picture}.svg", svg)
        write_whole(place / f"{name}.json", self.to_json() + "\n")
        return write_whole(place / f"{name}.md", self.to_markdown())

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(index=False, float_format="{:.3f}".format))

    def __repr__(self) -> str:
        seeds = self.windows["seed"].nunique() if len(self.windows) else 0
        return (
            f"StudyResult({len(self.windows)} judgements of windows, {len(self.streams)} of streams, "
            f"{len(self.annotated)} of annotated series; {seeds} seeds)"
        )


def _summed(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    grouped = rows.groupby(by, sort=False)
    found = grouped.agg(
        trials=("seed", "size"),
        false_alarms=("false_alarm", "sum"),
        found=("found", "sum"),
        milliseconds=("milliseconds", "median"),
    )
    table = pd.DataFrame(index=found.index)
    table["trials"] = found["trials"]
    for name in ("false_alarms", "found"):
        low, high = _interval(found[name].astype(int), found["trials"])
        table[name] = found[name].astype(float) / found["trials"]
        table[f"{name}_low"], table[f"{name}_high"] = low, high
    return table.assign(milliseconds=found["milliseconds"])


def _interval(hits: Any, n: Any, level: float = 0.95) -> tuple[Any, Any]:
    from scipy import special

    half = (1 - level) / 2
    low = special.betaincinv(hits.clip(lower=1), n - hits + 1, half) * (hits > 0)
    high = special.betaincinv(hits + 1, (n - hits).clip(lower=1), 1 - half)
    return low, high.where(n > hits, 1.0)
