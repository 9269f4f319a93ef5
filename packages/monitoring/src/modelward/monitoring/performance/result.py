"""The result: how well a model does in one window, measured or estimated, against its reference."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from modelward.core.errors import DataError
from modelward.core.evidence import Evidence
from modelward.core.metrics import Estimate
from modelward.monitoring.fleet.records import Performance, Window
from modelward.monitoring.performance.specs import spec_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from modelward.monitoring.performance.history import PerformanceHistory

Verdict = Literal["worse", "steady", "cannot say"]
BLIND = "without labels a change of what the labels mean (concept drift) cannot be seen"


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowPerformance:
    """The performance of one window (or one segment of it), against the baseline.

    `realised` is measured on the `labelled` rows that have a label, `estimated` without labels on
    all `rows` but those `skipped` for a missing value; either may be None. `method` says how it was
    estimated. `window` is a `Window` or a name, `segment` empty for all rows. `smallest_loss` (in
    the metric's unit) is the loss below which nobody minds. `cannot_say` is the reason why there is
    no value, `notes` are what a reader must know of the value there is.
    """

    metric: str
    window: Window | str = ""
    segment: str = ""
    method: str = ""
    baseline: Estimate | None = None
    realised: Estimate | None = None
    estimated: Estimate | None = None
    rows: int = 0
    skipped: int = 0
    labelled: int = 0
    smallest_loss: float = 0.0
    cannot_say: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def higher_is_better(self) -> bool:
        """Which way is better."""
        return spec_of(self.metric).higher_is_better

    @property
    def value(self) -> Estimate | None:
        """The realised value where there is one, else the estimated."""
        return self.realised if self.realised is not None else self.estimated

    @property
    def threshold(self) -> float | None:
        """The baseline less the smallest loss that matters, in the metric's direction."""
        if self.baseline is None:
            return None
        return self.baseline.value - (1 if self.higher_is_better else -1) * self.smallest_loss

    @property
    def lost(self) -> Estimate | None:
        """How much worse than the baseline, with its interval; negative where it is better.

        Put together from both intervals: Zou and Donner, Statistics in Medicine 27 (2008) 1693-1702.
        None where one of both is not known.
        """
        return _lost(self.baseline, self.value, self.higher_is_better)

    @property
    def verdict(self) -> Verdict:
        """Worse (than the baseline by more than chance and the smallest loss), steady, or cannot say.

        Steady means that no loss was shown; the interval says how large a one could be overlooked.
        """
        lost = self.lost
        if lost is None or lost.low is None:
            return "cannot say"
        return "worse" if lost.low > self.smallest_loss else "steady"

    @property
    def words(self) -> str:
        """What is known, in one sentence, and what cannot be known."""
        if self.value is None:
            return f"cannot say: {self.cannot_say or 'no value'}"
        how = "" if self.realised is not None else "estimated "
        text = f"{how}{self.metric} {self.value.value:.4g}"
        if self.baseline is not None:
            text = f"{how}{self.metric} {self.baseline.value:.4g} to {self.value.value:.4g}"
        if self.verdict == "cannot say":
            none = "there is no baseline" if self.baseline is None else "a value has no interval"
            why = self.cannot_say or none
            text += f"; cannot say whether it is worse: {why}"
        else:
            text += ", worse" if self.verdict == "worse" else ", no loss shown"
            text += f"; no estimate: {self.cannot_say}" if self.cannot_say else ""
        return text if self.realised is not None else f"{text}; {BLIND}"

    def to_performance(self) -> Performance:
        """Give it as the fleet keeps it."""
        return Performance(
            metric=self.metric,
            baseline=self.baseline,
            realised=self.realised,
            estimated=self.estimated,
            higher_is_better=self.higher_is_better,
        )

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain JSON content."""
        lost = self.lost
        return {
            "window": str(self.window),
            "segment": self.segment,
            **self.to_performance().to_dict(),
            "method": self.method,
            "lost": None if lost is None else lost.to_dict(),
            "smallest_loss": self.smallest_loss,
            "verdict": self.verdict,
            "rows": self.rows,
            "skipped": self.skipped,
            "labelled": self.labelled,
            "in_words": self.words,
            "cannot_say": self.cannot_say,
            "notes": list(self.notes),
        }

    def to_json(self) -> str:
        """Give it as JSON."""
        return self._alone().to_json()

    def to_frame(self) -> pd.DataFrame:
        """Give it as a frame of one row."""
        return self._alone().to_frame()

    def to_evidence(self, *, model: str = "model", version: str | None = None) -> Evidence:
        """Give the evidence record, kind `monitoring.performance`."""
        return self._alone().to_evidence(model=model, version=version)

    def __repr__(self) -> str:
        where = " ".join(part for part in (str(self.window), self.segment) if part)
        lines = [f"{where}: {self.words}" if where else self.words]
        parts = {name: getattr(self, name) for name in ("realised", "estimated", "baseline")}
        lines += [f"  {name}: {found!r}" for name, found in parts.items() if found is not None]
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])

    def _repr_html_(self) -> str:
        return self._alone()._repr_html_()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw it as a history of one window."""
        return self._alone().plot(ax)

    def _alone(self) -> PerformanceHistory:
        from modelward.monitoring.performance.history import PerformanceHistory

        return PerformanceHistory((self,))


def known(found: Estimate | None) -> Estimate | None:
    """Give the estimate, or None where its value is not a finite number."""
    return found if found is not None and math.isfinite(found.value) else None


def check_settings(metric: str, level: float, smallest_loss: float) -> None:
    """Raise `DataError` for an unknown metric, a level or a smallest loss out of range."""
    spec_of(metric)
    if not 0 < level < 1 or not 0 <= smallest_loss < math.inf:
        raise DataError(
            "expected 0 < level < 1 and a finite smallest_loss >= 0, "
            f"got level={level}, smallest_loss={smallest_loss}"
        )


def _lost(before: Estimate | None, after: Estimate | None, falling: bool) -> Estimate | None:
    if before is None or after is None:
        return None
    sign = 1.0 if falling else -1.0
    value = sign * (before.value - after.value)
    sides = (before.low, before.high, after.low, after.high)
    if any(side is None or not math.isfinite(side) for side in sides):
        return Estimate(value, n=after.n)
    b_low, b_high, a_low, a_high = (float(side or 0.0) for side in sides)
    down, up = max(0.0, before.value - b_low), max(0.0, b_high - before.value)
    fell, rose = max(0.0, after.value - a_low), max(0.0, a_high - after.value)
    low, high = (
        (math.hypot(down, rose), math.hypot(up, fell))
        if falling
        else (
            math.hypot(up, fell),
            math.hypot(down, rose),
        )
    )
    return Estimate(value, value - low, value + high, after.level, after.n)
