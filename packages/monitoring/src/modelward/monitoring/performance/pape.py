"""PAPE: a classifier's performance where the rows have shifted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from modelward.core.errors import StateError
from modelward.monitoring.performance.base import Finding
from modelward.monitoring.performance.calibration import Calibration
from modelward.monitoring.performance.cbpe import CBPE
from modelward.monitoring.performance.columns import feature_names
from modelward.monitoring.performance.density_ratio import DensityRatio, density_ratio
from modelward.monitoring.performance.encoding import Encoder
from modelward.monitoring.performance.expectation import Unlabelled
from modelward.monitoring.performance.support import Support

if TYPE_CHECKING:
    import pandas as pd

    from modelward.monitoring.performance.state import Arrays

Floats = npt.NDArray[np.float64]
LEAST_COVERED = 0.5


class PAPE(CBPE):
    """Probabilistic adaptive performance estimation: `CBPE` for rows that have shifted.

    A model's probability of 0.8 may be right for the reference on the whole and wrong for the
    regions a window is made of. For each window the reference is weighed so that it is spread as the
    window is (the ratio of the densities, by classifiers that tell the two apart), and the
    probabilities are calibrated anew on the weighed reference. Where no shift is to be seen, this is
    CBPE.

    It holds for covariate shift: other rows, the same law of the label given the row. The interval
    holds the chance of the labels, that of the calibration, and how far weights found in other ways,
    not clearly worse, lead elsewhere. Where
    fewer than `least_rows` reference rows' worth of weight is left, or most rows lie beyond the
    range of the reference, it cannot say. The features are all columns without another role that
    hold no times (a time tells every window from the reference), or those named in `fit`.

    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> def frame(n, share):  # of group b the model is far too sure
    ...     group, p = np.where(rng.uniform(size=n) < share, "b", "a"), rng.uniform(0.6, 1.0, size=n)
    ...     y = rng.uniform(size=n) < np.where(group == "b", 0.5, p)
    ...     return pd.DataFrame({"group": group, "p": p, "y": y, "said": True})
    >>> pape = PAPE(metric="accuracy")
    >>> pape = pape.fit(frame(3_000, 0.1), y_true="y", prediction="said", probability="p")
    >>> found = pape.estimate(frame(1_000, 0.9))
    >>> found.estimated.low < found.realised.value < found.estimated.high
    True

    Source: Bialek, Kivimaki, Kuberski and Perrakis, arXiv 2401.08348.
    """

    method: ClassVar[str] = "PAPE"

    def __init__(self, *, metric: str, **settings: Any) -> None:
        super().__init__(metric=metric, **settings)
        self._encoder: Encoder | None = None
        self._reference: Arrays = {}

    def _learn(
        self, rows: Unlabelled, truth: Any, frame: pd.DataFrame, features: list[str] | None
    ) -> None:
        classes = self._fitted
        roles = {classes.y_true, classes.prediction or "", *classes.probability}
        names = feature_names(frame, features, roles)
        self._encoder = Encoder.fit(frame, names)
        self._reference = {
            "features": self._encoder(frame),
            "probability": rows.probability,
            "truth": truth,
        }

    def _calibrations(
        self, frame: pd.DataFrame
    ) -> tuple[Calibration, tuple[Calibration, ...], Finding]:
        if self._encoder is None:
            raise StateError("expected a fitted PAPE, got one that is not")
        window = self._encoder(frame)
        held = self._reference["features"]
        reason, notes = Support.of(held).said(window)
        ratio = self.density_ratio(frame)
        if ratio.covered < LEAST_COVERED:
            reason = reason or (
                f"the reference has rows like {ratio.covered:.0%} of the window's only, "
                f"expected at least {LEAST_COVERED:.0%}"
            )
        if ratio.effective < self.least_rows:
            reason = reason or (
                f"the window lies where the reference has hardly a row: {ratio.effective:.0f} "
                f"rows' worth of {len(held)}, expected at least {self.least_rows}"
            )
        rng = np.random.default_rng(self.seed)
        curves, again = self._calibrated(
            self._reference["probability"],
            self._reference["truth"],
            (ratio.weights, *ratio.rivals),
            rng,
        )
        if ratio.shifted and not reason:
            worth = f"{ratio.effective:.0f} of {len(held)} reference rows' worth"
            notes = (*notes, f"rows have shifted ({ratio.model}): calibrated on {worth}")
        return curves, again, Finding(cannot_say=reason, notes=notes)

    def density_ratio(self, frame: pd.DataFrame) -> DensityRatio:
        """Give the weight of each reference row for a window. Raises `StateError` before `fit`."""
        if self._encoder is None:
            raise StateError("expected a fitted PAPE, got one that is not", hint="call fit first.")
        return density_ratio(
            self._reference["features"],
            self._encoder(frame),
            self._encoder.categorical,
            seed=self.seed,
        )

    def _learned(self) -> tuple[dict[str, Any], Arrays]:
        settings, _ = super()._learned()
        if self._encoder is None:
            raise StateError("expected a fitted PAPE, got one that is not")
        return {**settings, "encoder": self._encoder.to_json()}, self._reference

    def _recall(self, settings: dict[str, Any], arrays: Arrays) -> None:
        super()._recall(settings, arrays)
        self._encoder = Encoder.from_json(settings["encoder"])
        self._reference = {name: arrays[name] for name in ("features", "probability", "truth")}
