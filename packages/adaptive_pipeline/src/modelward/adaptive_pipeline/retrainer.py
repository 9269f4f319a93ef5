"""The retrainer: runs the user's training function, checks what it made, and registers it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from modelward.adaptive_pipeline import windows
from modelward.adaptive_pipeline.losses import Loss, of
from modelward.adaptive_pipeline.registry import CHALLENGER, Registry
from modelward.adaptive_pipeline.scorer import Scorer
from modelward.adaptive_pipeline.store import Store
from modelward.adaptive_pipeline.triggers.signal import Signal
from modelward.adaptive_pipeline.values import plain
from modelward.adaptive_pipeline.windows import SinceDrift, TrainingData, WindowPolicy
from modelward.core.errors import ConfigError, DataError, ModelwardError
from modelward.core.metrics import Moments

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Context:
    """What a training function is told beside its data: why it runs, and the seed to use."""

    reason: str
    trigger: str
    champion: str
    seed: int


Train = Callable[[TrainingData, Context], Any]
"""`train(data, context) -> model`: a new, fitted model with `predict(frame)`."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a retraining came to: the new version, or None and why the champion stays untouched."""

    version: str | None
    because: str
    rows: int = 0
    data: str = ""
    challenger_loss: float | None = None
    champion_loss: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give the outcome as plain values, for the ledger."""
        return asdict(self)


class Retrainer:
    """Trains a challenger on the window its policy chooses, and gates it on rows held out.

    Every `1 / holdout`-th row of the window is kept from training. On these rows the new model must
    give one finite answer each, and its mean loss may exceed the champion's by at most `margin`.
    Only then is it registered, with alias `challenger`. Whatever the training function raises or
    returns ends in an `Outcome`, never in an exception. Training runs in this process and thread.

    Raises `ConfigError` when `holdout` is outside (0, 0.5] or `margin` is negative.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        *,
        train: Train,
        loss: Loss,
        window: WindowPolicy | None = None,
        holdout: float = 0.2,
        margin: float = 0.0,
        seed: int = 0,
    ) -> None:
        if not 0 < holdout <= 0.5 or margin < 0:
            raise ConfigError(
                f"expected 0 < holdout <= 0.5 and margin >= 0, got holdout={holdout}, margin={margin}"
            )
        self.store = store
        self.registry = registry
        self.train = train
        self.loss = loss
        self.window: WindowPolicy = window or SinceDrift()
        self.margin = margin
        self.seed = seed
        self._stride = round(1 / holdout)

    def available(self, signal: Signal) -> int:
        """Count the labelled rows a retraining on this signal would have."""
        first = self.window.first(signal, windows.latest(self.store))
        return windows.count(self.store, first)

    def run(self, signal: Signal, champion: Scorer, *, order: str) -> Outcome:
        """Train, gate and register. `order` names the decision behind it (its ledger digest).

        An order that was carried out before (the process died before it could say so) is not
        trained again: the challenger it made is taken.
        """
        known = self.registry.find(CHALLENGER)
        if known is not None and self.registry.tag(known.version, "modelward.order") == order:
            return Outcome(known.version, "registered before the restart")
        first = self.window.first(signal, windows.latest(self.store))
        data = windows.load(self.store, first)
        held = list(range(self._stride - 1, len(data.seq), self._stride))
        kept = sorted(set(range(len(data.seq))) - set(held))
        context = Context(signal.reason, signal.trigger, champion.version, self.seed)
        try:
            model = self.train(data.part(kept), context)
            ours = self._gate(Scorer("new", model.predict), data.part(held))
            theirs = self._gate(champion, data.part(held))
        except Exception as error:  # the training function is the user's; it may raise anything
            logger.warning("retraining failed: %s", error)
            return Outcome(None, _text(error), len(kept))
        result = (len(kept), data.sha256, ours.mean, theirs.mean)
        if ours.mean > theirs.mean + self.margin:
            worse = f"held-out loss {ours.mean:.3g}, the champion's {theirs.mean:.3g}"
            return Outcome(None, f"stopped at the gate: {worse}", *result)
        try:
            made = self.registry.register(
                model,
                alias=CHALLENGER,
                columns=list(data.X.columns),
                params={
                    "reason": signal.reason,
                    "trigger": signal.trigger,
                    "rows": len(kept),
                    "first_seq": data.seq[0],
                    "last_seq": data.seq[-1],
                    "data_sha256": data.sha256,
                    "seed": self.seed,
                },
                metrics={"holdout_loss": ours.mean, "champion_holdout_loss": theirs.mean},
                tags={"modelward.order": order},
            )
        except Exception as error:  # a model that cannot be kept, or no registry to keep it in
            logger.warning("the challenger was not registered: %s", error)
            return Outcome(None, f"not registered: {_text(error)}", *result)
        return Outcome(made.version, "passed the gate", *result)

    def _gate(self, scorer: Scorer, held: TrainingData) -> Moments:
        answers = list(scorer.predict(held.X))
        if len(answers) != len(held.seq):
            raise DataError(f"expected {len(held.seq)} answers, got {len(answers)}")
        pairs = zip(held.y, answers, strict=True)
        return Moments.of([of(self.loss, y, plain(a, what="a model's answer")) for y, a in pairs])


def _text(error: Exception) -> str:
    fact = error.fact if isinstance(error, ModelwardError) else str(error)
    return f"{type(error).__name__}: {fact}"[:500]
