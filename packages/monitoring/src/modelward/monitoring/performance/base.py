"""What every estimator of performance without labels offers, and what they share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from modelward.core.errors import ConfigError, DataError, StateError
from modelward.core.metrics import Estimate
from modelward.monitoring.fleet.records import Window
from modelward.monitoring.performance.history import PerformanceHistory
from modelward.monitoring.performance.measurement import Windows, pairs, segments
from modelward.monitoring.performance.result import WindowPerformance, check_settings, known
from modelward.monitoring.performance.specs import spec_of
from modelward.monitoring.performance.state import Arrays, read_state, write_state

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
LEAST_REFERENCE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What an estimator makes of the rows of a window, before it is held against the baseline."""

    estimated: Estimate | None = None
    realised: Estimate | None = None
    skipped: int = 0
    labelled: int = 0
    cannot_say: str = ""
    notes: tuple[str, ...] = ()


class PerformanceEstimator(ABC):
    """An estimator of a metric on rows without labels, learned from a reference with labels.

    `fit` learns from a labelled reference the model was not trained on, `estimate` judges a window,
    `over` many windows and their segments, `save` and `load` keep what was learned.

    What none of them can see is concept drift: that the same rows now have other labels. Every
    result says so.

    `metric` is one of `supported`; `level` is what intervals promise; `smallest_loss` (in the
    metric's unit) the loss below which nobody minds. A window of fewer than `least_rows` usable
    rows, or with more than the share `most_missing` of its rows unusable, gives 'cannot say'.
    `positive` is the class of precision, recall, F1 and ROC AUC. With one `seed` the same rows give
    the same result.
    """

    method: ClassVar[str]
    supported: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        *,
        metric: str,
        level: float = 0.95,
        smallest_loss: float = 0.0,
        least_rows: int = 30,
        most_missing: float = 0.05,
        positive: Any = 1,
        seed: int = 0,
    ) -> None:
        check_settings(metric, level, smallest_loss)
        if metric not in self.supported:
            raise ConfigError(
                f"expected a metric {self.method} can estimate, got {metric!r}",
                hint=f"one of {', '.join(self.supported)}.",
            )
        if least_rows < 1 or not 0 <= most_missing < 1:
            raise ConfigError(
                "expected least_rows >= 1 and 0 <= most_missing < 1, "
                f"got {least_rows} and {most_missing}"
            )
        self.metric = metric
        self.level = level
        self.smallest_loss = smallest_loss
        self.least_rows = least_rows
        self.most_missing = most_missing
        self.positive = positive
        self.seed = seed
        self._baseline: Estimate | None = None

    @abstractmethod
    def fit(
        self,
        reference: pd.DataFrame,
        *,
        y_true: str,
        prediction: str | None = None,
        probability: str | Mapping[Any, str] | None = None,
        features: list[str] | None = None,
    ) -> Self:
        """Learn from a labelled reference, and give the estimator itself."""

    @abstractmethod
    def _judge(self, frame: pd.DataFrame) -> Finding:
        """Estimate the metric on the rows of a window."""

    @abstractmethod
    def _learned(self) -> tuple[dict[str, Any], Arrays]:
        """Give what was learned, as plain settings and arrays."""

    @abstractmethod
    def _recall(self, settings: dict[str, Any], arrays: Arrays) -> None:
        """Take back what `_learned` gave."""

    @property
    def baseline(self) -> Estimate:
        """The metric on the reference, measured. Raises `StateError` before `fit`."""
        if self._baseline is None:
            raise StateError(
                f"expected a fitted {type(self).__name__}, got one that is not",
                hint="call fit(reference, y_true=..., prediction=...) first.",
            )
        return self._baseline

    def estimate(
        self, frame: pd.DataFrame, *, window: Window | str = "", segment: str = ""
    ) -> WindowPerformance:
        """Estimate the metric on a window; where the frame has labels, measure it beside.

        The interval holds the value that labels would show. Raises `DataError` for missing columns
        and values that cannot be, and `StateError` before `fit`.
        """
        baseline = self.baseline
        found = self._judge(frame)
        return WindowPerformance(
            metric=self.metric,
            window=window,
            segment=segment,
            method=self.method,
            baseline=known(baseline),
            realised=known(found.realised),
            estimated=known(found.estimated),
            rows=len(frame),
            skipped=found.skipped,
            labelled=found.labelled,
            smallest_loss=self.smallest_loss,
            cannot_say=found.cannot_say,
            notes=found.notes,
        )

    def over(self, windows: pd.DataFrame | Windows, *, by: str | None = None) -> PerformanceHistory:
        """Estimate windows, oldest first: frames by window, or pairs of window and frame.

        Each value of the column `by` is a segment of its own, held against the whole baseline.
        """
        from tqdm.auto import tqdm

        todo = [
            (window, segment, part)
            for window, frame in pairs(windows)
            for segment, part in segments(frame, by)
        ]
        return PerformanceHistory(
            tuple(
                self.estimate(part, window=window, segment=segment)
                for window, segment, part in tqdm(todo, desc=self.method, delay=2, disable=None)
            )
        )

    def save(self, path: str | Path) -> Path:
        """Keep what was learned in one file of settings and numbers (`.npz`), without pickles."""
        baseline = self.baseline
        settings, arrays = self._learned()
        return write_state(
            path,
            {
                "method": self.method,
                "options": self._options(),
                "baseline": baseline.to_dict(),
                **settings,
            },
            arrays,
        )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Rebuild from a file of `save`. Raises `DataError` for what is no such file."""
        settings, arrays = read_state(path)
        if settings.get("method") != cls.method:
            raise DataError(
                f"expected the state of {cls.method}, got that of {settings.get('method')}",
                hint="load it with the class that saved it.",
            )
        try:
            found = cls(**settings["options"])
            found._recall(settings, arrays)
            found._baseline = Estimate(**settings["baseline"])
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DataError(f"expected the whole state of {cls.method}, got {error!r}") from error
        return found

    def _options(self) -> dict[str, Any]:
        return {
            name: getattr(self, name)
            for name in (
                "metric",
                "level",
                "smallest_loss",
                "least_rows",
                "most_missing",
                "positive",
                "seed",
            )
        }

    def _unusable(self, rows: int, usable: int) -> str:
        """Say why these rows are too few, or nothing."""
        if usable < self.least_rows:
            return f"expected at least {self.least_rows} usable rows, got {usable}"
        if rows - usable > self.most_missing * rows:
            return (
                f"{rows - usable} of {rows} rows have a missing prediction or probability, "
                f"more than {self.most_missing:.0%}"
            )
        return ""

    def _interval(self, value: float, draws: Floats, n: int) -> Estimate:
        """Put the interval of the draws about the value, within the metric's range."""
        low, high = np.quantile(draws, [(1 - self.level) / 2, (1 + self.level) / 2])
        lowest, highest = spec_of(self.metric).range
        low, high = float(np.clip(low, lowest, highest)), float(np.clip(high, lowest, highest))
        return Estimate(value, min(low, value), max(high, value), self.level, n)

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self._options().items())
        return f"{type(self).__name__}({options})"
