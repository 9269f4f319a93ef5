"""The controller: ties the parts together, and goes on where it stood after a restart."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import func, select

from modelward.adaptive_pipeline import losses, schema
from modelward.adaptive_pipeline.arbiter import Arbiter, Decision
from modelward.adaptive_pipeline.comparison.paired import Comparison
from modelward.adaptive_pipeline.comparison.verdict import Verdict
from modelward.adaptive_pipeline.feed import Joined, unseen
from modelward.adaptive_pipeline.gateway import Answer, Gateway, Serving
from modelward.adaptive_pipeline.joiner import Joiner, Label
from modelward.adaptive_pipeline.ledger import Ledger
from modelward.adaptive_pipeline.losses import Loss
from modelward.adaptive_pipeline.monitor import Monitor
from modelward.adaptive_pipeline.registry import CHAMPION, Registry
from modelward.adaptive_pipeline.retrainer import Retrainer, Train
from modelward.adaptive_pipeline.store import Store
from modelward.adaptive_pipeline.triggers.performance import Performance
from modelward.adaptive_pipeline.triggers.signal import Signal
from modelward.adaptive_pipeline.windows import WindowPolicy
from modelward.core.errors import StateError

if TYPE_CHECKING:
    from fastapi import FastAPI
    from sqlalchemy import Connection

    from modelward.adaptive_pipeline.result import PipelineResult

Phase = Literal["serving", "retraining", "shadowing", "promoting"]
_KEY = "controller"
_BATCH = 1_000
logger = logging.getLogger(__name__)


class AdaptivePipeline:
    """A served model that watches itself, retrains, compares and promotes, with nobody watching.

    Call `predict` for each request and `label` when its truth is known; all else follows from the
    labels, one at a time and in the order they were joined. The champion must be registered with
    alias `champion`. `train(data, context)` gives a new fitted model; the other settings say when
    (`trigger`, `arbiter`), on what (`window`) and how a challenger is tried (`comparison`).

    Where the pipeline stands is stored together with each label's effect, so that a second pipeline
    on the same store goes on from there: no label counts twice, no comparison starts again, and a
    retraining that was under way is finished. One pipeline at a time may work on a store.

    Raises `StateError` when no champion is registered.
    """

    def __init__(
        self,
        *,
        store: Store,
        registry: Registry,
        train: Train,
        loss: str | Loss = "zero_one",
        trigger: Performance | None = None,
        arbiter: Arbiter | None = None,
        window: WindowPolicy | None = None,
        comparison: Comparison | None = None,
        horizon: float = 86_400.0,
        clock: Callable[[], float] = time.time,
        seed: int = 0,
    ) -> None:
        self.store = store
        self.registry = registry
        self.loss = losses.find(loss)
        self.trigger = trigger or Performance()
        self.arbiter = arbiter or Arbiter()
        self.comparison = (comparison or Comparison()).fresh()
        self.joiner = Joiner(store, horizon=horizon, clock=clock)
        self.monitor = Monitor(store)
        self.ledger = Ledger(store, clock=clock)
        self.retrainer = Retrainer(
            store, registry, train=train, loss=self.loss, window=window, seed=seed
        )
        self.seed = seed
        self.phase: Phase = "serving"
        self._cursor = 0
        self._order: dict[str, Any] = {}
        self._lock = threading.RLock()
        self.gateway = Gateway(store, self._resume(), clock=clock)
        self._finish_step()

    def predict(self, row: Mapping[str, Any], request_id: str | None = None) -> Answer:
        """Answer one request with the champion (see `Gateway.predict`)."""
        return self.gateway.predict(row, request_id)

    def label(self, request_id: str, label: Any, revision: int = 0) -> None:
        """Take the truth for one request, and do all that follows from it."""
        self.labels([Label(request_id, label, revision)])

    def labels(self, batch: Sequence[Label]) -> None:
        """Take many labels, and do all that follows from them."""
        self.joiner.add(batch)
        self._work_off()

    def retrain(self, reason: str) -> None:
        """Ask for a retraining by hand; the arbiter decides when."""
        with self._lock:
            self.arbiter.submit(Signal(trigger="manual", reason=reason))
            self._arbitrate()

    def step(self) -> None:
        """Join what can be joined by now, and work off what was joined since the last time."""
        self.joiner.sweep()
        self._work_off()

    def summary(self) -> PipelineResult:
        """Say what has happened so far."""
        from modelward.adaptive_pipeline.result import of_pipeline

        return of_pipeline(self)

    @property
    def app(self) -> FastAPI:
        """The pipeline over HTTP; what follows from labels is done after the caller was answered."""
        from modelward.adaptive_pipeline.service import create_app

        return create_app(self.gateway, joiner=self.joiner, on_labels=self.step)

    def _work_off(self) -> None:
        with self._lock:
            rows: Sequence[Joined] | None = None
            while rows is None or len(rows) == _BATCH:  # fewer: these were the last
                rows = self._unseen()
                for row in rows:
                    try:
                        self._take(row)
                    except Exception:  # go on from what was stored, not from half a label
                        self.gateway.serving = self._resume()
                        raise

    def _unseen(self) -> Sequence[Joined]:
        serving = self.gateway.serving
        # One shadow a request at most: the challenger's, or once it was promoted, its own earlier.
        shadow = (serving.challenger or serving.champion).version
        return unseen(self.store, after=self._cursor, shadow=shadow, limit=_BATCH)

    def _take(self, row: Joined) -> None:
        with self.store.transaction() as tx:
            self._cursor = row.position
            try:
                by_version = row.losses(self.loss)
            except Exception as error:  # one label that cannot be used must not stop the loop
                logger.warning("label of request number %d cannot be used: %s", row.seq, error)
                self._write("unusable", {"seq": row.seq, "reason": str(error)[:500]}, tx)
            else:
                self._learn(row, by_version, tx)
            self._save(tx)
        self._finish_step()
        self._arbitrate()

    def _learn(self, row: Joined, by_version: Mapping[str, float], tx: Connection) -> None:
        self.monitor.record(row.position, by_version, connection=tx)
        verdict = self._compare(row, by_version)
        if verdict is not None and verdict.final:
            self._conclude(verdict, tx)
        champion = self.gateway.serving.champion.version
        if self.phase != "promoting" and champion in by_version:
            signal = self.trigger.update(by_version[champion], seq=row.seq)
            if signal is not None:
                self._write("signal", signal.to_dict(), tx)
                self.arbiter.submit(signal)

    def _compare(self, row: Joined, by_version: Mapping[str, float]) -> Verdict | None:
        challenger = self.gateway.serving.challenger
        if self.phase != "shadowing" or challenger is None or row.shadow != challenger.version:
            return None
        return self.comparison.update(by_version[row.version], by_version.get(challenger.version))

    def _conclude(self, verdict: Verdict, tx: Connection) -> None:
        serving = self.gateway.serving
        challenger = serving.challenger.version if serving.challenger else None
        self._write("verdict", {"challenger": challenger, **verdict.to_dict()}, tx)
        if verdict.word == "promote":
            self.phase = "promoting"
        else:  # the champion stays, and the trigger needs new evidence
            self.phase = "serving"
            self.trigger.rearm()
            self.gateway.serving = Serving(serving.champion)

    def _arbitrate(self) -> None:
        if self.arbiter.pending is None:
            return
        busy = None if self.phase == "serving" else "a challenger is being compared"
        rows = self.retrainer.available(self.arbiter.pending)
        decision = self.arbiter.decide(
            position=self._cursor, busy=busy, rows=rows, needed=self.retrainer.window.minimum
        )
        if decision is None:
            return
        self._decide(decision)
        self._finish_step()

    def _decide(self, decision: Decision) -> None:
        with self.store.transaction() as tx:
            digest = self._write("decision", decision.to_dict(), tx)
            if decision.start:
                self.phase = "retraining"
                self._order = {"digest": digest, "signal": decision.signal.to_dict()}
            self._save(tx)

    def _finish_step(self) -> None:
        """Carry out what the stored phase says is under way: here after a decision or a restart."""
        if self.phase == "retraining":
            self._retrain()
        if self.phase == "promoting":
            self._promote()

    def _retrain(self) -> None:
        champion = self.gateway.serving.champion
        signal = Signal(**self._order["signal"])
        outcome = self.retrainer.run(signal, champion, order=self._order["digest"])
        challenger = None
        if outcome.version is not None:
            try:
                challenger = self.registry.load(outcome.version)
            except Exception as error:  # what cannot be loaded is no challenger
                outcome = replace(outcome, version=None, because=f"cannot be loaded: {error}")
        with self.store.transaction() as tx:
            self._write("retraining", {"signal": signal.to_dict(), **outcome.to_dict()}, tx)
            self.phase = "shadowing" if challenger else "serving"
            self.comparison = self.comparison.fresh()
            if challenger is None:
                self.trigger.rearm()
            self.gateway.serving = Serving(champion, challenger)
            self._save(tx)

    def _promote(self) -> None:
        serving = self.gateway.serving
        if serving.challenger is None:
            raise StateError("expected a challenger to promote, got none")
        self.registry.promote(serving.challenger.version)
        body = {"from": serving.champion.version, "to": serving.challenger.version}
        with self.store.transaction() as tx:
            self.phase = "serving"
            self.trigger.reset()
            self.arbiter.drop()
            self.gateway.serving = Serving(serving.challenger)
            self._write("promotion", body, tx)
            self._save(tx)

    def _resume(self) -> Serving:
        state = self.store.load_state(_KEY)
        if state is None:
            self._cursor, self.phase = 0, "serving"
            self.trigger.reset()
            first = self.registry.find(CHAMPION)
            if first is None:
                raise StateError(
                    f"expected a champion of the registered model {self.registry.name!r}, got none",
                    hint="register a first model: registry.register(model, alias='champion', ...).",
                )
            return Serving(self.registry.load(first.version))
        self.phase = state["phase"]
        self._cursor = int(state["cursor"])
        self._order = state["order"]
        self.trigger.restore(state["trigger"])
        self.arbiter.restore(state["arbiter"])
        self.comparison.restore(state["comparison"])
        challenger = state["challenger"]
        return Serving(
            self.registry.load(state["champion"]),
            self.registry.load(challenger) if challenger else None,
        )

    def _write(self, kind: str, body: Mapping[str, Any], tx: Connection) -> str:
        """Enter a decision in the ledger, with how many requests were served and labels joined."""
        served = tx.scalar(select(func.max(schema.predictions.c.seq))) or 0
        place = {"served": int(served), "labels": self._cursor}
        return self.ledger.append(kind, {**place, **body}, connection=tx).digest

    def _save(self, tx: Connection) -> None:
        serving = self.gateway.serving
        state = {
            "phase": self.phase,
            "cursor": self._cursor,
            "order": self._order,
            "champion": serving.champion.version,
            "challenger": serving.challenger.version if serving.challenger else None,
            "trigger": self.trigger.state,
            "arbiter": self.arbiter.state,
            "comparison": self.comparison.state,
        }
        self.store.save_state(_KEY, state, connection=tx)
