"""DLE: a regressor's error, learned as a function of the row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from modelward.core.errors import DataError, StateError
from modelward.core.metrics import Estimate
from modelward.monitoring.performance.base import LEAST_REFERENCE, Finding, PerformanceEstimator
from modelward.monitoring.performance.columns import feature_names, numbers
from modelward.monitoring.performance.encoding import Encoder
from modelward.monitoring.performance.loss_model import LossModel
from modelward.monitoring.performance.measurement import measure
from modelward.monitoring.performance.support import Support

if TYPE_CHECKING:
    import pandas as pd

    from modelward.monitoring.performance.state import Arrays

Floats = npt.NDArray[np.float64]


class DLE(PerformanceEstimator):
    """Direct loss estimation: mean absolute and mean squared error of a regressor, without labels.

    A second model learns on the reference how large the error is for which row and prediction; its
    mean over a window is the estimate. It is made of boosted trees fitted on `folds` parts.

    The interval is of the value that labels would show: it holds the chance of the errors of these
    rows (drawn from held-out errors, scaled to how uncertain the row is) and that of the loss model
    (the spread between its parts). It holds where other rows come, of regions the reference has. Where
    most rows lie beyond its range, it cannot say; that the target itself changes its law (concept
    drift), nothing can see.

    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> def frame(n, high):
    ...     x = rng.uniform(0, high, size=n)
    ...     return pd.DataFrame({"x": x, "said": x, "y": x + (0.1 + x) * rng.normal(size=n)})
    >>> dle = DLE(metric="mae").fit(frame(3_000, 2.0), y_true="y", prediction="said")
    >>> found = dle.estimate(frame(1_000, 0.5))  # the rows with small errors
    >>> found.estimated.low < found.realised.value < found.estimated.high < dle.baseline.low
    True

    Source: the direct estimation of a model's loss: Talagala, Li and Kang, FFORMPP, arXiv
    1908.11500 (errors of forecasts as a function of features); intervals by group jackknife: Efron,
    The Jackknife, the Bootstrap and Other Resampling Plans (1982), chapter 3.
    """

    method: ClassVar[str] = "DLE"
    supported: ClassVar[tuple[str, ...]] = ("mae", "mse", "rmse")

    def __init__(self, *, metric: str, folds: int = 5, **settings: Any) -> None:
        super().__init__(metric=metric, **settings)
        if folds < 2:
            raise DataError(f"expected folds >= 2, got {folds}")
        self.folds = folds
        self._roles: tuple[str, str] = ("", "")
        self._encoder: Encoder | None = None
        self._model: LossModel | None = None
        self._held: Arrays = {}

    def fit(
        self,
        reference: pd.DataFrame,
        *,
        y_true: str,
        prediction: str | None = None,
        probability: str | Mapping[Any, str] | None = None,
        features: list[str] | None = None,
    ) -> Self:
        """Learn the loss on a labelled reference the model was not trained on.

        `features` are the columns the loss may depend on (default: all without another role that
        hold no times); the
        prediction is always one of them. Raises `DataError` for missing columns and fewer than 50
        labelled rows.
        """
        if prediction is None or probability is not None:
            raise DataError(
                "expected prediction=<column> and no probability for a regressor, "
                f"got prediction={prediction!r}, probability={probability!r}",
                hint="for a classifier use CBPE or PAPE.",
            )
        truth = numbers(reference, y_true, "y_true")
        said = numbers(reference, prediction, "prediction")
        there = np.isfinite(truth) & np.isfinite(said)
        if there.sum() < max(LEAST_REFERENCE, 2 * self.folds):
            raise DataError(
                f"expected a reference of at least {LEAST_REFERENCE} labelled rows, "
                f"got {int(there.sum())}"
            )
        roles = {y_true, prediction}
        chosen = features
        if features is None and set(reference.columns) == roles:
            chosen = [prediction]
        names = feature_names(reference, chosen, roles)
        names = (*(name for name in names if name != prediction), prediction)
        self._roles = y_true, prediction
        self._encoder = Encoder.fit(reference, names)
        gap = np.abs(truth - said)[there]
        self._held = {
            "inputs": self._encoder(reference)[there],
            "losses": gap if self.metric == "mae" else np.square(gap),
        }
        self._teach()
        self._baseline = measure(self.metric, truth[there], said[there], level=self.level)
        return self

    def _teach(self) -> None:
        if self._encoder is None:
            raise StateError("expected features, got none")
        self._model = LossModel.fit(
            self._held["inputs"],
            self._held["losses"],
            self._encoder.categorical,
            folds=self.folds,
            seed=self.seed,
        )

    def _judge(self, frame: pd.DataFrame) -> Finding:
        if self._encoder is None or self._model is None:
            raise StateError("expected a fitted DLE, got one that is not")
        y_true, prediction = self._roles
        said = numbers(frame, prediction, "prediction")
        usable = np.isfinite(said)
        labelled, realised = 0, None
        if y_true in frame.columns:
            truth = numbers(frame, y_true, "y_true")
            there = usable & np.isfinite(truth)
            labelled = int(there.sum())
            if labelled >= self.least_rows:
                realised = measure(self.metric, truth[there], said[there], level=self.level)
        skipped = int((~usable).sum())
        inputs = self._encoder(frame)[usable]
        notes: tuple[str, ...] = ()
        reason = self._unusable(len(frame), int(usable.sum()))
        if not reason:
            reason, notes = Support.of(self._held["inputs"]).said(inputs)
        return Finding(
            estimated=None if reason else self._estimated(inputs),
            realised=realised,
            skipped=skipped,
            labelled=labelled,
            cannot_say=reason,
            notes=notes,
        )

    def _estimated(self, inputs: Floats) -> Estimate:
        if self._model is None:
            raise StateError("expected a fitted DLE, got one that is not")
        rng = np.random.default_rng(self.seed)
        mean, draws = self._model.mean_loss(inputs, rng)
        power = 0.5 if self.metric == "rmse" else 1.0
        return self._interval(mean**power, np.maximum(draws, 0.0) ** power, len(inputs))

    def _options(self) -> dict[str, Any]:
        return {name: value for name, value in super()._options().items() if name != "positive"} | {
            "folds": self.folds
        }

    def _learned(self) -> tuple[dict[str, Any], Arrays]:
        if self._encoder is None:
            raise StateError("expected a fitted DLE, got one that is not")
        return {"roles": list(self._roles), "encoder": self._encoder.to_json()}, self._held

    def _recall(self, settings: dict[str, Any], arrays: Arrays) -> None:
        """Fit the trees again from the rows they were fitted on: the same ones come out."""
        self._roles = tuple(settings["roles"])
        self._encoder = Encoder.from_json(settings["encoder"])
        self._held = {name: arrays[name] for name in ("inputs", "losses")}
        self._teach()
