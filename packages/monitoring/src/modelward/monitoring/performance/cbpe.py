"""CBPE: what a classifier's own confidence says of its performance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

from modelward.core.errors import ConfigError, DataError
from modelward.core.metrics import Estimate
from modelward.monitoring.performance.base import LEAST_REFERENCE, Finding, PerformanceEstimator
from modelward.monitoring.performance.calibration import (
    CHOSEN_FROM,
    FORMS,
    Calibration,
    Curve,
    Form,
    cross_fit,
    fit_calibration,
    mean_curve,
)
from modelward.monitoring.performance.columns import Classes
from modelward.monitoring.performance.confusion import OF_CONFUSION, expected_confusion
from modelward.monitoring.performance.expectation import (
    OF_ONE_CLASS,
    SUPPORTED,
    Unlabelled,
    drawn,
    expected,
)
from modelward.monitoring.performance.measurement import measure

if TYPE_CHECKING:
    import pandas as pd

    from modelward.monitoring.performance.state import Arrays

Floats = npt.NDArray[np.float64]
_RESAMPLES = 40


class CBPE(PerformanceEstimator):
    """Confidence-based estimation of a classifier's performance, for two classes and for many.

    A probability that is right on average (calibrated) says how often a prediction is right; summed
    over a window it gives the expected confusion matrix, and from it accuracy, precision, recall,
    F1, balanced accuracy and their like; ROC AUC, Brier score and log loss follow alike. The
    probabilities are calibrated on the reference: `calibration` is `"isotonic"`, `"platt"`,
    `"none"`, or `"auto"`, which takes whichever of the first two predicts held-out rows best; the
    curves of `folds` cross-fitted parts are averaged.

    The interval is of the value that labels would show on these rows: it holds the chance of the
    labels (Poisson-binomial for counts) and that of the calibration (the reference resampled 40
    times).

    It holds where the model meets rows like those of the reference, or where only the mix of its
    probabilities changes. Where the rows shift so that the same probability means another thing,
    use `PAPE`; that the labels themselves change their meaning (concept drift), nothing can see.

    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(size=4_000)
    >>> frame = pd.DataFrame({"p": p, "y": rng.uniform(size=4_000) < p, "said": p > 0.5})
    >>> cbpe = CBPE(metric="accuracy").fit(frame[:2_000], y_true="y", prediction="said", probability="p")
    >>> found = cbpe.estimate(frame[2_000:])
    >>> found.estimated.low < found.realised.value < found.estimated.high
    True

    Sources: Bialek, Kivimaki, Kuberski and Perrakis, arXiv 2401.08348; Kivimaki et al.,
    arXiv 2505.05295 (the distribution); Zadrozny and Elkan, KDD 2002 (many classes).
    """

    method: ClassVar[str] = "CBPE"
    supported: ClassVar[tuple[str, ...]] = SUPPORTED

    def __init__(
        self,
        *,
        metric: str,
        calibration: Form | Literal["auto"] = "auto",
        folds: int = 5,
        **settings: Any,
    ) -> None:
        super().__init__(metric=metric, **settings)
        if calibration not in {"auto", *FORMS} or folds < 2:
            raise ConfigError(
                f"expected calibration auto, {', '.join(FORMS)} and folds >= 2, "
                f"got {calibration!r} and {folds}"
            )
        self.calibration = calibration
        self.folds = folds
        self._classes: Classes | None = None
        self._curves: Calibration | None = None
        self._resampled: tuple[Calibration, ...] = ()

    def fit(
        self,
        reference: pd.DataFrame,
        *,
        y_true: str,
        prediction: str | None = None,
        probability: str | Mapping[Any, str] | None = None,
        features: list[str] | None = None,
    ) -> Self:
        """Calibrate on a labelled reference the model was not trained on.

        `probability` is the column of the chance of the class `positive`, or of many classes a
        mapping {class: column}. Without a `prediction` column the most probable class is taken.
        `features` are not used. Raises `DataError` for missing columns, probabilities outside
        [0, 1], fewer than 50 labelled rows, and a reference with one class only.
        """
        if probability is None:
            raise DataError("expected probability=<column>, got None", hint=_WHY_PROBABILITY)
        self._classes = Classes.of(
            reference,
            y_true=y_true,
            prediction=prediction,
            probability=probability,
            positive=self.positive,
        )
        if self.metric == "brier" and len(self._classes.labels) > 2:
            raise ConfigError("expected two classes for 'brier', got more", hint="take log_loss.")
        if self.metric in OF_ONE_CLASS and self.positive not in self._classes.labels:
            raise ConfigError(
                f"expected positive=<one of the classes> for {self.metric!r}, got {self.positive!r}",
                hint=f"the classes are {list(self._classes.labels)[:10]}.",
            )
        rows, usable = self._read(reference)
        truth = self._classes.truth(reference)[usable]
        known = truth >= 0
        rows, truth = _only(rows, known), truth[known]
        if len(truth) < max(LEAST_REFERENCE, self.folds):
            raise DataError(
                f"expected a reference of at least {LEAST_REFERENCE} labelled rows, got {len(truth)}"
            )
        if len(np.unique(truth)) < 2:
            raise DataError("expected two classes among the usable rows of the reference, got one")
        self._learn(
            rows, truth, reference[usable][self._classes.truth(reference)[usable] >= 0], features
        )
        self._baseline = self._measured(rows, truth)
        return self

    def confusion_matrix(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Give the expected number of rows by true (rows) and predicted class (columns)."""
        import pandas as pd

        _ = self.baseline
        rows, usable = self._read(frame)
        curves, _, _ = self._calibrations(frame[usable])
        counts = expected_confusion(curves(rows.probability), rows.predicted)
        names = list(self._fitted.labels)
        return pd.DataFrame(
            counts, index=pd.Index(names, name="true"), columns=pd.Index(names, name="predicted")
        )

    def _learn(
        self,
        rows: Unlabelled,
        truth: Any,
        frame: pd.DataFrame,  # noqa: ARG002 - of use where rows shift
        features: list[str] | None,  # noqa: ARG002
    ) -> None:
        rng = np.random.default_rng(self.seed)
        self._curves, self._resampled = self._calibrated(
            rows.probability, truth, (np.ones(len(truth)),), rng
        )

    def _calibrated(
        self,
        probability: Floats,
        truth: Any,
        weights: tuple[Floats, ...],
        rng: np.random.Generator,
    ) -> tuple[Calibration, tuple[Calibration, ...]]:
        """Calibrate by each of the weights, averaged; and again on the reference resampled."""
        forms = CHOSEN_FROM if self.calibration == "auto" else (self.calibration,)
        fits = [
            cross_fit(forms, probability, truth, weight=weight, folds=self.folds, rng=rng)[0]
            for weight in weights
        ]
        curves = zip(*(each.curves for each in fits), strict=True)
        averaged = Calibration(tuple(mean_curve(each) for each in curves), fits[0].form)
        again = []
        for at in range(_RESAMPLES):
            weight, form = weights[at % len(weights)], fits[at % len(weights)].form
            resampled = weight * rng.exponential(size=len(truth))
            again.append(fit_calibration(form, probability, truth, resampled))
        return averaged, tuple(again)

    def _calibrations(
        self,
        frame: pd.DataFrame,  # noqa: ARG002 - the same for all rows, here
    ) -> tuple[Calibration, tuple[Calibration, ...], Finding]:
        """Give the calibration for these rows, its resamples, and what is to be said of it."""
        if self._curves is None:
            raise AssertionError("fitted, but without curves")
        return self._curves, self._resampled, Finding()

    def _judge(self, frame: pd.DataFrame) -> Finding:
        rows, usable = self._read(frame)
        skipped, truth = int((~usable).sum()), None
        labelled, realised = 0, None
        if self._fitted.y_true in frame.columns:
            truth = self._fitted.truth(frame)[usable]
            labelled = int((truth >= 0).sum())
            if labelled >= self.least_rows:
                realised = self._measured(_only(rows, truth >= 0), truth[truth >= 0])
        reason = self._unusable(len(frame), len(rows))
        if reason:
            return Finding(realised=realised, skipped=skipped, labelled=labelled, cannot_say=reason)
        curves, again, said = self._calibrations(frame[usable])
        estimated, reason = (
            (None, said.cannot_say) if said.cannot_say else self._estimated(rows, curves, again)
        )
        return Finding(
            estimated=estimated,
            realised=realised,
            skipped=skipped,
            labelled=labelled,
            cannot_say=reason,
            notes=said.notes,
        )

    def _estimated(
        self, rows: Unlabelled, curves: Calibration, again: tuple[Calibration, ...]
    ) -> tuple[Estimate | None, str]:
        value = expected(self.metric, rows, curves(rows.probability))
        chances = [each(rows.probability) for each in again]
        middle = np.array([expected(self.metric, rows, chance) for chance in chances])
        if not math.isfinite(value) or not np.isfinite(middle).any():
            return None, _undefined(self.metric)
        draws = drawn(self.metric, rows, chances, np.random.default_rng(self.seed))
        finite = draws[np.isfinite(draws)]
        if finite.size < draws.size / 2:
            return None, _undefined(self.metric)
        # Resampled curves are rougher than the averaged one: only their spread is taken.
        return self._interval(value, finite - np.nanmean(middle) + value, len(rows)), ""

    def _measured(self, rows: Unlabelled, truth: Any) -> Estimate:
        said: Any = rows.predicted
        if self.metric in OF_CONFUSION:
            return measure(self.metric, truth, said, positive=rows.positive, level=self.level)
        if self.metric == "roc_auc":
            truth, said = (truth == rows.positive).astype(int), rows.probability[:, rows.positive]
        elif self.metric == "brier":
            said = rows.probability[:, 1]
        else:
            said = rows.probability
        return measure(self.metric, truth, said, level=self.level)

    @property
    def _fitted(self) -> Classes:
        _ = self.baseline if self._classes is None else None
        if self._classes is None:
            raise AssertionError("fitted, but without classes")
        return self._classes

    def _read(self, frame: pd.DataFrame) -> tuple[Unlabelled, npt.NDArray[np.bool_]]:
        """Give the usable rows, and which they are."""
        classes = self._fitted
        probability = classes.probabilities(frame)
        predicted = classes.predictions(frame, probability)
        usable = np.isfinite(probability).all(axis=1) & (predicted >= 0)
        place = {label: code for code, label in enumerate(classes.labels)}
        rows = Unlabelled(probability, predicted, place.get(self.positive, 0))
        return _only(rows, usable), usable

    def _options(self) -> dict[str, Any]:
        return {**super()._options(), "calibration": self.calibration, "folds": self.folds}

    def _learned(self) -> tuple[dict[str, Any], Arrays]:
        classes = self._fitted
        settings: dict[str, Any] = {"classes": _classes_state(classes)}
        if self._curves is None:
            return settings, {}
        every = [curve for each in (self._curves, *self._resampled) for curve in each.curves]
        settings["forms"] = [each.form for each in (self._curves, *self._resampled)]
        return settings, {
            "lengths": np.array([curve.scores.size for curve in every]),
            "scores": np.concatenate([curve.scores for curve in every]),
            "chances": np.concatenate([curve.chances for curve in every]),
        }

    def _recall(self, settings: dict[str, Any], arrays: Arrays) -> None:
        self._classes = Classes(**{k: _tuple(v) for k, v in settings["classes"].items()})
        if "forms" not in settings:
            return
        cuts = np.cumsum(arrays["lengths"])[:-1]
        curves = [
            Curve(scores, chances)
            for scores, chances in zip(
                np.split(arrays["scores"], cuts), np.split(arrays["chances"], cuts), strict=True
            )
        ]
        width = len(curves) // len(settings["forms"])
        every = [
            Calibration(tuple(curves[at * width : (at + 1) * width]), form)
            for at, form in enumerate(settings["forms"])
        ]
        self._curves, self._resampled = every[0], tuple(every[1:])


_WHY_PROBABILITY = "the estimate rests on how sure the model is; for a regressor use DLE."


def _undefined(metric: str) -> str:
    return f"{metric} is not defined on these rows: one class only is predicted, or to be expected"


def _only(rows: Unlabelled, chosen: Any) -> Unlabelled:
    return Unlabelled(rows.probability[chosen], rows.predicted[chosen], rows.positive)


def _classes_state(classes: Classes) -> dict[str, Any]:
    return {
        "labels": list(classes.labels),
        "probability": list(classes.probability),
        "y_true": classes.y_true,
        "prediction": classes.prediction,
    }


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
