"""The retrainer: has a challenger trained and registered, and gates it on rows held out."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from modelward.adaptive_pipeline.kinds import described
from modelward.adaptive_pipeline.losses import Loss
from modelward.adaptive_pipeline.registry import CHALLENGER, Registry
from modelward.adaptive_pipeline.retrainer import windows
from modelward.adaptive_pipeline.retrainer.code import code_version
from modelward.adaptive_pipeline.retrainer.executors import Executor, Inline, LocalProcess
from modelward.adaptive_pipeline.retrainer.gate import judge, opened
from modelward.adaptive_pipeline.retrainer.job import (
    Context,
    Job,
    Registration,
    Result,
    Train,
    TrainingData,
    tell,
)
from modelward.adaptive_pipeline.retrainer.outcome import Outcome, Trained
from modelward.adaptive_pipeline.retrainer.windows import SinceDrift, WindowPolicy
from modelward.adaptive_pipeline.scorer import Scorer
from modelward.adaptive_pipeline.store.store import Store
from modelward.adaptive_pipeline.triggers.signal import Signal
from modelward.core.errors import ConfigError, DataError, ServiceError

__all__ = ["Context", "Outcome", "Retrainer", "Train", "Trained"]

logger = logging.getLogger(__name__)
_ORDER, _TRAINED = "modelward.order", "modelward.trained"
_TAIL = 2_000  # characters of the log in an outcome; the whole is kept with the run


class Retrainer:
    """Trains a challenger on the window its policy chooses, and gates it on rows held out.

    Every `1 / holdout`-th row of the window is kept from training. The function runs in the
    `executor` (default: a process of its own; in this one where no other process can reach the
    registry), which registers the model with alias `challenger`. A training that fails is tried
    `attempts` times, with a pause of `backoff` seconds that doubles. Then the model as registered
    must, with `isolate` in a process of its own, give one finite answer to each held-out row, within
    `patience` seconds a thousand, and its mean loss may exceed the champion's by at most `margin`;
    else the alias is taken away again. Whatever the training function raises, returns or does to
    its process ends in an `Outcome`, never in an exception.

    Raises `ConfigError` when `holdout` is outside (0, 0.5], `margin` or `backoff` is negative,
    `attempts` is below 1, or `patience` not above 0.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        *,
        train: Train,
        loss: Loss,
        window: WindowPolicy | None = None,
        executor: Executor | None = None,
        holdout: float = 0.2,
        margin: float = 0.0,
        attempts: int = 1,
        backoff: float = 0.5,
        patience: float = 30.0,
        isolate: bool = True,
        seed: int = 0,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        if not 0 < holdout <= 0.5 or margin < 0:
            raise ConfigError(
                f"expected 0 < holdout <= 0.5 and margin >= 0, got holdout={holdout}, margin={margin}"
            )
        if attempts < 1 or backoff < 0 or patience <= 0:
            raise ConfigError(
                f"expected attempts >= 1, backoff >= 0 and patience > 0, got attempts={attempts}, "
                f"backoff={backoff}, patience={patience}"
            )
        self.store = store
        self.registry = registry
        self.function = train
        self.loss = loss
        self.window: WindowPolicy = window or SinceDrift()
        self.executor = executor or (LocalProcess() if registry.portable else Inline())
        self.margin = margin
        self.attempts = attempts
        self.backoff = backoff
        self.patience = patience
        self.isolate = isolate
        self.seed = seed
        self._stride = round(1 / holdout)
        self._wait = wait or threading.Event().wait

    def available(self, signal: Signal) -> int:
        """Count the labelled rows a retraining on this signal would have."""
        return windows.count(self.store, self.window, signal)

    def run(self, signal: Signal, champion: Scorer, *, order: str) -> Outcome:
        """Train and gate. `order` names the decision behind it (its ledger digest)."""
        trained = self.train(signal, champion.version, order=order)
        return self.gate(trained, champion)

    def train(self, signal: Signal, champion: str, *, order: str) -> Trained:
        """Have a model trained and registered as challenger of the version `champion`.

        An order that was carried out before (the process died before it could say so) is not
        trained again: the version it made is taken.

        Raises `ServiceError` when the registry is away: the order can be carried out later.
        """
        known = self._known(order)
        if known is not None:
            return known
        try:
            data, position = windows.load(self.store, self.window, signal, loss=self.loss)
            kept, held = self._divide(data)
        except DataError as error:
            return Trained(None, tell(error), order, signal.since)
        plan = Trained(
            None,
            "",
            order,
            signal.since,
            rows=len(kept.seq),
            held=len(held.seq),
            data=data.sha256,
            first_seq=data.seq[0],
            last_seq=data.seq[-1],
            position=position,
        )
        context = Context(signal.reason, signal.trigger, champion, self.seed)
        return self._attempt(kept, context, plan)

    def gate(self, trained: Trained, champion: Scorer) -> Outcome:
        """Judge a trained version, loaded from the registry, on the rows held out from it.

        Raises `ServiceError` when registry or store are away: it can be judged later.
        """
        if trained.version is None:
            return Outcome.of(trained, None, trained.because)
        self.registry.version(trained.version)  # is it there at all, and the registry?
        try:
            held = self._held(trained)
        except DataError as error:
            return self._stop(trained, f"stopped at the gate: {tell(error)}")
        try:
            with opened(
                self.registry, trained.version, timeout=self.patience, isolate=self.isolate
            ) as scorer:
                ours = judge(scorer, held, self.loss).mean
        except Exception as error:  # the model is the user's; it may raise anything
            self.registry.version(trained.version)  # or was it the registry that went away?
            return self._stop(trained, f"stopped at the gate: {tell(error)}")
        try:
            theirs = judge(champion, held, self.loss).mean
        except Exception as error:  # then there is nothing to be worse than
            logger.warning("the champion failed on the held-out rows: %s", error)
            because = f"passed the gate; the champion fails on the held-out rows: {tell(error)}"
            return self._pass(trained, because, ours, None)
        if ours > theirs + self.margin:
            worse = f"held-out loss {ours:.3g}, the champion's {theirs:.3g}"
            return self._stop(trained, f"stopped at the gate: {worse}", ours, theirs)
        return self._pass(trained, "passed the gate", ours, theirs)

    # Training ---------------------------------------------------------------------------------

    def _attempt(self, kept: TrainingData, context: Context, plan: Trained) -> Trained:
        """Train until it succeeds or the attempts are used up."""
        failures: list[str] = []
        for attempt in range(1, self.attempts + 1):
            plan = replace(plan, attempt=attempt, failures=tuple(failures))
            result = self.executor.run(self._job(kept, context, plan))
            if result.get("away"):
                raise ServiceError(
                    f"expected a registry that takes the trained model, got: {result['error']}"
                )
            if "error" not in result:
                result = self._registered(result, kept, context, plan)
            if "error" not in result:
                return self._done(result, plan)
            # It may have been registered before whatever happened then.
            known = self._known(plan.order)
            if known is not None:
                return known
            logger.warning("attempt %d of training failed: %s", attempt, result["error"])
            failures.append(result["error"])
            if attempt < self.attempts:
                self._wait(self.backoff * 2 ** (attempt - 1))
        return replace(plan, because=failures[-1], log=result.get("log", "")[-_TAIL:])

    def _job(self, kept: TrainingData, context: Context, plan: Trained) -> Job:
        portable = self.registry.portable
        registration = self._registration(kept, context, plan) if portable else None
        return Job(self.function, kept, context, registration)

    def _registration(self, kept: TrainingData, context: Context, plan: Trained) -> Registration:
        return Registration(
            self.registry,
            CHALLENGER,
            described(kept.X),
            params={
                "reason": context.reason,
                "trigger": context.trigger,
                "champion": context.champion,
                "rows": plan.rows,
                "held_out": plan.held,
                "first_seq": plan.first_seq,
                "last_seq": plan.last_seq,
                "data_sha256": plan.data,
                "seed": context.seed,
                "attempt": plan.attempt,
                **code_version(self.function),
            },
            tags={_ORDER: plan.order, _TRAINED: json.dumps(plan.to_dict())},
        )

    def _registered(
        self, result: Result, kept: TrainingData, context: Context, plan: Trained
    ) -> Result:
        """See that a model that came back as such is registered from here."""
        if "version" in result:
            return result
        registration = self._registration(kept, context, plan)
        try:
            version = registration.keep(result["model"], seconds=result["seconds"])
        except ServiceError:
            raise
        except Exception as error:  # a model that cannot be kept
            return {**result, "error": f"not registered: {tell(error)}"}
        return {**result, "version": version}

    def _done(self, result: Result, plan: Trained) -> Trained:
        version, log = result["version"], result.get("log", "")
        if log:
            self._note(version, files={"training.log": log})
        return replace(plan, version=version, because="registered")

    def _known(self, order: str) -> Trained | None:
        """Give what an order came to that was carried out before, its alias set."""
        made = self.registry.tagged(_ORDER, order)
        if made is None:
            return None
        self.registry.challenge(made.version)
        told = json.loads(self.registry.tag(made.version, _TRAINED) or "{}")
        return Trained(**{**told, "version": made.version, "because": "registered before"})

    # Gating -----------------------------------------------------------------------------------

    def _divide(self, data: TrainingData) -> tuple[TrainingData, TrainingData]:
        """Give the rows to learn from, and those held out."""
        n = len(data.seq)
        if n < self._stride:
            raise DataError(f"expected at least {self._stride} labelled requests, got {n}")
        held = range(self._stride - 1, n, self._stride)
        kept = sorted(set(range(n)) - set(held))
        return data.part(kept), data.part(list(held))

    def _held(self, trained: Trained) -> TrainingData:
        signal = Signal(trigger="", reason="", since=trained.since)
        data, _ = windows.load(
            self.store, self.window, signal, loss=self.loss, until=trained.position
        )
        if data.sha256 != trained.data:
            raise DataError(
                f"expected the window it was trained on ({trained.data}), got {data.sha256}: rows "
                "were deleted, or the window is chosen in another way than then"
            )
        return self._divide(data)[1]

    def _stop(
        self, trained: Trained, because: str, ours: float | None = None, theirs: float | None = None
    ) -> Outcome:
        logger.warning("version %s: %s", trained.version, because)
        self.registry.retire()
        outcome = self._pass(trained, because, ours, theirs)
        return replace(outcome, version=None)

    def _pass(
        self, trained: Trained, because: str, ours: float | None, theirs: float | None
    ) -> Outcome:
        found = {"holdout_loss": ours, "champion_holdout_loss": theirs}
        version = str(trained.version)
        self._note(version, metrics={k: v for k, v in found.items() if v is not None})
        return Outcome.of(trained, version, because, challenger_loss=ours, champion_loss=theirs)

    def _note(self, version: str, **more: Any) -> None:
        """Add to the run of a version; nothing hangs on it."""
        try:
            self.registry.note(version, **more)
        except Exception as error:  # a registry that is away for this is no reason to stop
            logger.warning("the run of version %s was not added to: %s", version, error)
