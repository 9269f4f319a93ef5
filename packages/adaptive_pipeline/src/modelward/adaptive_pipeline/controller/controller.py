"""The controller: reads the joined labels, decides, and carries out what was decided."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelward.adaptive_pipeline import feed
from modelward.adaptive_pipeline.arbiter import Arbiter
from modelward.adaptive_pipeline.comparison import Comparison, comparison_from
from modelward.adaptive_pipeline.controller.memory import Memory, last
from modelward.adaptive_pipeline.controller.patience import Patience
from modelward.adaptive_pipeline.controller.scorers import Scorers
from modelward.adaptive_pipeline.controller.standing import Standing
from modelward.adaptive_pipeline.feed import Joined
from modelward.adaptive_pipeline.ledger import Ledger
from modelward.adaptive_pipeline.losses import Loss
from modelward.adaptive_pipeline.monitor import Monitor, Scored
from modelward.adaptive_pipeline.plan import Plan
from modelward.adaptive_pipeline.registry import CHAMPION, Registry
from modelward.adaptive_pipeline.retrainer.retrainer import Retrainer, Trained
from modelward.adaptive_pipeline.shadow import Shadow
from modelward.adaptive_pipeline.store import schema
from modelward.adaptive_pipeline.store.store import Store
from modelward.adaptive_pipeline.trial import Trial
from modelward.adaptive_pipeline.triggers import inbox
from modelward.adaptive_pipeline.triggers.signal import Signal
from modelward.adaptive_pipeline.triggers.trigger import Trigger
from modelward.core.errors import ServiceError, StateError

if TYPE_CHECKING:
    from sqlalchemy import Connection

_BATCH = 1_000
logger = logging.getLogger(__name__)
_BUSY = {
    "shadowing": "a challenger is being compared",
    "comparing": "a challenger is being compared",
    "watching": "the new champion is being watched",
    "promoting": "a challenger is being promoted",
    "rolling_back": "the champion is being rolled back",
}


class Controller:
    """Reads what was joined, label by label in that order, and lets everything follow from it.

    The decisions are those of the parts; the controller keeps their order and their memory. What a
    batch of labels leads to is stored in one transaction with how far the log was read, and each
    act outside the store (training, moving an alias) is named in it before it is done and can be
    done again: a controller that starts on the same store goes on from there. No label counts
    twice, no comparison starts again, and a retraining under way is finished. A lease keeps a second
    controller waiting.

    `on_plan` is told each new plan after it was stored. `step` does all that is due and returns;
    `run` calls it until stopped.
    """

    def __init__(
        self,
        *,
        store: Store,
        registry: Registry,
        loss: Loss,
        retrainer: Retrainer,
        triggers: Sequence[Trigger],
        arbiter: Arbiter,
        comparison: Comparison,
        monitor: Monitor,
        ledger: Ledger,
        watch: int = 500,
        share: float = 0.5,
        isolate: bool = False,
        deadline: float = 1.0,
        clock: Callable[[], float] = time.time,
        on_plan: Callable[[Plan], None] = lambda _: None,
    ) -> None:
        self.store = store
        self.registry = registry
        self.loss = loss
        self.retrainer = retrainer
        self.monitor = monitor
        self.watch = watch
        self.share = share
        self.clock = clock
        self.on_plan = on_plan
        self.memory = Memory(
            store,
            ledger,
            triggers=triggers,
            arbiter=arbiter,
            comparison=comparison,
            first=self._first,
            changed=self._follow,
        )
        self.scorers = Scorers(registry, isolate=isolate, deadline=deadline)
        self._shadow: Shadow | None = None
        self._plan: Plan | None = None
        self._polled = self._stepped = -math.inf
        self._patience = Patience()
        self._lock = threading.RLock()

    @property
    def standing(self) -> Standing:
        """Where it stands."""
        return self.memory.standing

    @property
    def triggers(self) -> tuple[Trigger, ...]:
        """What it listens to."""
        return self.memory.triggers

    @property
    def arbiter(self) -> Arbiter:
        """What decides when a wish is granted."""
        return self.memory.arbiter

    @property
    def comparison(self) -> Comparison:
        """The comparison under way, or the next one."""
        return self.memory.comparison

    def start(self, *, wait: float | None = 30.0, begin: bool = True) -> None:
        """Take the lease, go on from what is stored, and finish what was under way.

        With `begin=False` that is left to the first step: a training may take hours.

        Raises `StateError` when another controller still works on the store after `wait` seconds
        (None: waits for as long as it takes), or when no champion is registered.
        """
        self.memory.lease.acquire(timeout=wait)
        with self._lock:
            self.memory.resume()
            if begin:
                self._carry_on()

    def step(self) -> None:
        """Take what was joined and signalled since the last time, and do all that follows."""
        with self._lock:
            self._poll()
            if self._shadow is not None:
                self._shadow.catch_up()
            self._learn_all()
            self._stepped = time.monotonic()

    def learn(self) -> None:
        """Take what was joined since the last time, and do all that follows.

        Signals, time and shadows are looked after as by `step` when it was last called a second of
        the clock ago, or a fifth of a second by the watch on the wall.
        """
        now, wall = self.clock(), time.monotonic()
        if wall > self._stepped + 0.2 or not self._polled <= now < self._polled + 1.0:
            return self.step()
        return self._learn_all()

    def _learn_all(self) -> None:
        with self._lock:
            while rows := self._read():
                self._take(rows)
                self._carry_on()
                if self.standing.cursor == rows[-1].position and len(rows) < _BATCH:
                    return  # these were the last
            self._carry_on()

    def keep_on(self) -> None:
        """Take a `step` and renew the lease; do nothing while another controller has it."""
        try:
            self.memory.lease.renew()
        except StateError:
            if not self.memory.lease.acquire(wait=False):
                return
            logger.warning("another controller was at work, and is gone; going on from there")
            with self._lock:
                self.memory.resume()
        self.step()

    def submit(self, signal: Signal) -> None:
        """Hand a wish for a retraining to the arbiter."""
        with self._lock, self.memory.change() as tx:
            self._hear(signal, tx)
        self.step()

    def promote(self, reason: str) -> None:
        """Promote the challenger under trial now, whatever the comparison says so far.

        Raises `StateError` when none is under trial.
        """
        with self._lock, self.memory.change() as tx:
            self._end_by_hand("promote", reason, tx)
        self.step()

    def roll_back(self, reason: str) -> None:
        """Bring back the champion before this one. Raises `StateError` when there is none."""
        with self._lock, self.memory.change() as tx:
            self._end_by_hand("rollback", reason, tx)
        self.step()

    def close(self) -> None:
        """Stop the processes that score, and let another controller take over."""
        self.scorers.keep(())
        self.memory.lease.release()

    # What is read -----------------------------------------------------------------------------

    def _read(self) -> list[Joined]:
        rows = feed.read(self.store, after=self.standing.cursor, limit=_BATCH)
        trial = self.standing.trial
        if trial is None or self._shadow is None:
            return rows
        bare = [r.seq for r in rows if trial.takes(r) and trial.challenger not in r.shadows]
        if not self._shadow.ensure(bare):
            return rows
        return feed.read(self.store, after=self.standing.cursor, until=rows[-1].position)

    def _poll(self) -> None:
        now = self.clock()
        signals: list[tuple[int, Signal]] = list(inbox.taken(self.store, self.standing.inbox))
        before = after = None
        if not self._polled <= now < self._polled + 1.0:
            self._polled = now
            before = self.memory.triggers_state
            fired = self.memory.signals(lambda trigger: trigger.poll(now))
            signals += [(self.standing.inbox, signal) for signal in fired]
            after = self.memory.triggers_state
        if not signals and before == after:
            return
        with self.memory.change() as tx:
            for number, signal in signals:
                self.standing.inbox = max(self.standing.inbox, number)
                if signal.trigger in {"promote", "rollback"}:
                    try:
                        self._end_by_hand(signal.trigger, signal.reason, tx)
                    except StateError as error:  # asked from outside: the answer is in the ledger
                        asked = {"what": signal.trigger, "asked": signal.reason}
                        self.memory.write("refused", {**asked, "reason": error.fact}, tx)
                else:
                    self._hear(signal, tx)

    # What follows from it ---------------------------------------------------------------------

    def _take(self, rows: Sequence[Joined]) -> None:
        """Learn from a batch of joins, up to the one after which something has to be done."""
        with self.memory.change() as tx:
            scored: list[Scored] = []
            for row in rows:
                self.standing.cursor = row.position
                # Of those that came after the horizon, only a correction of one in time counts.
                losses = None if row.late and not row.revision else self._losses(row, tx)
                if losses is None:
                    continue
                scored.append(
                    Scored(
                        row.position, row.seq, row.at, row.row, row.revision, losses, late=row.late
                    )
                )
                # A correction mends the windows; what was decided on the label before it stands.
                if not row.revision and self._learn(row, losses, tx):
                    break
            self.monitor.record(scored, connection=tx)

    def _losses(self, row: Joined, tx: Connection) -> Mapping[str, float] | None:
        try:
            return row.losses(self.loss)
        except Exception as error:  # one label that cannot be used must not stop the loop
            logger.warning("the label of request %d cannot be used: %s", row.seq, error)
            self.memory.write("unusable", {"seq": row.seq, "reason": str(error)[:500]}, tx)
            return None

    def _learn(self, row: Joined, losses: Mapping[str, float], tx: Connection) -> bool:
        """Take one label; say whether something has to be done before the next."""
        standing = self.standing
        seen = standing.trial.observe(row, losses) if standing.trial else None
        if seen is not None and standing.phase in {"shadowing", "comparing", "watching"}:
            verdict = self.memory.comparison.update(seen)
            if verdict.final:
                self._conclude(row, tx)
                return True
        if standing.phase not in {"promoting", "rolling_back"} and standing.champion in losses:
            loss = losses[standing.champion]
            for signal in self.memory.signals(lambda trigger: trigger.update(loss, seq=row.seq)):
                self._hear(signal, tx)
        # While a wish waits, the arbiter is asked after each label.
        return self.memory.arbiter.pending is not None and standing.phase == "serving"

    def _hear(self, signal: Signal, tx: Connection) -> None:
        self.memory.write("signal", signal.to_dict(), tx)
        self.memory.arbiter.submit(signal)

    def _conclude(self, row: Joined, tx: Connection) -> None:
        """End the trial under way by its verdict."""
        trial, standing = self.standing.trial, self.standing
        if trial is None:
            raise StateError("expected a trial under way, got none")
        exposures = None
        if trial.design == "ab":
            exposures = trial.exposures(tx, until=row.seq)
            self.memory.comparison.exposures(**exposures)
        verdict = self.memory.comparison.verdict
        body = {"trial": trial.name, "challenger": trial.challenger, "exposures": exposures}
        self.memory.write("watch" if trial.watch else "verdict", {**body, **verdict.to_dict()}, tx)
        won = verdict.word == "promote"
        if trial.watch:
            standing.phase = "rolling_back" if won else "serving"
        else:
            standing.phase = "promoting" if won else "serving"
        if standing.phase == "serving":
            standing.trial = None
            if not trial.watch:  # the champion stays, and the triggers need new evidence
                self.memory.each_trigger("rearm")
                self.memory.arbiter.ended(position=standing.cursor, better=False)

    def _end_by_hand(self, what: str, reason: str, tx: Connection) -> None:
        standing = self.standing
        trial = standing.trial
        if what == "promote" and (trial is None or trial.watch):
            raise StateError("expected a challenger under trial, got none", hint="retrain first.")
        if what == "rollback" and standing.previous is None:
            raise StateError(
                "expected a champion before this one, got none",
                hint="promote the version you want with registry.promote(number) while it is stopped.",
            )
        self.memory.write("command", {"what": what, "reason": reason}, tx)
        standing.phase = "promoting" if what == "promote" else "rolling_back"

    # What is done -----------------------------------------------------------------------------

    def _carry_on(self) -> None:
        """Do what the stored phase says is under way, and start what may start."""
        acts = {
            "retraining": self._train,
            "gating": self._gate,
            "promoting": self._promote,
            "rolling_back": self._back,
        }
        while self._patience.over():
            phase = self.standing.phase
            try:
                again = acts.get(phase, self._arbitrate)()
            except ServiceError as error:  # the registry is away: what is under way is kept
                if self._patience.lose():
                    with self.memory.change() as tx:
                        self.memory.write("postponed", {"phase": phase, "reason": error.fact}, tx)
                logger.warning("%s is postponed: %s", phase, error.fact)
                return
            self._patience.reset()
            if not again:
                return

    def _arbitrate(self) -> bool:
        wish = self.memory.arbiter.pending
        if wish is None:
            return False
        decision = self.memory.arbiter.decide(
            position=self.standing.cursor,
            now=self.clock(),
            busy=_BUSY.get(self.standing.phase),
            rows=lambda: self.retrainer.available(wish),
            needed=self.retrainer.window.minimum,
        )
        if decision is None:
            return False
        with self.memory.change() as tx:
            digest = self.memory.write("decision", decision.to_dict(), tx)
            if decision.start:
                self.standing.phase = "retraining"
                self.standing.order = {"digest": digest, "signal": decision.signal.to_dict()}
        return decision.start

    def _train(self) -> bool:
        order = self.standing.order
        signal = Signal(**order["signal"])
        with self.memory.lease.kept():
            trained = self.retrainer.train(signal, self.standing.champion, order=order["digest"])
        with self.memory.change() as tx:
            if trained.version is None:
                self._turned_down(trained.to_dict(), tx)
            else:
                self.standing.order = {**order, "trained": trained.to_dict()}
                self.standing.phase = "gating"
        return True

    def _gate(self) -> bool:
        order = self.standing.order
        with self.memory.lease.kept():
            champion = self.scorers.inside(self.standing.champion)
            outcome = self.retrainer.gate(Trained(**order["trained"]), champion)
        with self.memory.change() as tx:
            if outcome.version is None:
                self._turned_down(outcome.to_dict(), tx)
            else:
                self.standing.retrainings += 1
                body = {"signal": order["signal"], **outcome.to_dict()}
                self.memory.write("retraining", body, tx)
                self._begin(outcome.version, name=f"trial-{order['digest'][-16:]}", tx=tx)
        return True

    def _turned_down(self, body: Mapping[str, Any], tx: Connection) -> None:
        self.standing.retrainings += 1
        self.memory.write("retraining", {"signal": self.standing.order["signal"], **body}, tx)
        self.standing.phase = "serving"
        self.memory.each_trigger("rearm")
        self.memory.arbiter.ended(position=self.standing.cursor, better=False)

    def _begin(self, other: str, *, name: str, tx: Connection, watch: bool = False) -> None:
        """Begin a trial of a version beside the champion."""
        settings = dict(self.memory.settings)
        if watch:
            settings |= {"maximum": self.watch, "minimum": min(self.watch, settings["minimum"])}
        self.memory.comparison = comparison_from(settings)
        design = self.memory.comparison.design
        trial = Trial(
            name=name,
            design=design,
            champion=self.standing.champion,
            challenger=other,
            first=last(tx, schema.predictions.c.seq),
            position=last(tx, schema.joined.c.position),
            share=self.share if design == "ab" else 0.0,
            segments=self.monitor.segments,
            watch=watch,
        )
        self.standing.trial = trial
        self.standing.phase = (
            "watching" if watch else "shadowing" if design == "paired" else "comparing"
        )
        loss = getattr(self.loss, "__name__", repr(self.loss))
        self.memory.write("trial", {**trial.to_dict(), "settings": settings, "loss": loss}, tx)

    def _promote(self) -> bool:
        standing, trial = self.standing, self.standing.trial
        if trial is None:
            raise StateError("expected a challenger to promote, got none")
        self.registry.promote(trial.challenger)
        with self.memory.change() as tx:
            standing.champion, standing.previous = trial.challenger, trial.champion
            standing.promotions += 1
            standing.trial, standing.phase = None, "serving"
            self.memory.each_trigger("reset")
            dropped = self.memory.arbiter.drop("a new champion serves")
            if dropped is not None:
                self.memory.write("decision", dropped.to_dict(), tx)
            self.memory.arbiter.ended(position=standing.cursor, better=True)
            self.memory.write("promotion", {"from": trial.champion, "to": trial.challenger}, tx)
            if self.watch:
                self._begin(trial.champion, name=f"{trial.name}-watch", tx=tx, watch=True)
        return True

    def _back(self) -> bool:
        standing = self.standing
        if standing.previous is None:
            raise StateError("expected a champion to go back to, got none")
        self.registry.promote(standing.previous)
        with self.memory.change() as tx:
            body = {"from": standing.champion, "to": standing.previous}
            standing.champion, standing.previous = standing.previous, None
            standing.rollbacks += 1
            standing.trial, standing.phase = None, "serving"
            self.memory.each_trigger("reset")
            self.memory.arbiter.ended(position=standing.cursor, better=False)
            self.memory.write("rollback", body, tx)
        return True

    # What follows a change --------------------------------------------------------------------

    def _follow(self) -> None:
        """Let shadow and gateway follow the plan, once it is stored."""
        plan, trial = self.memory.plan, self.standing.trial
        if plan == self._plan:
            return
        before, self._plan = self._plan, plan
        self._shadow = None
        self.scorers.keep({plan.champion, plan.challenger})
        if trial is not None and trial.design == "paired":
            scorer = self.scorers.outside(trial.challenger)
            self._shadow = Shadow(self.store, scorer, first=trial.first)
        self.on_plan(plan)
        if trial is None and before is not None and before.challenger is not None:
            self._retire()

    def _retire(self) -> None:
        """Take the alias from what was tried; nothing hangs on it, the next challenger gets it."""
        try:
            self.registry.retire()
        except ServiceError as error:
            logger.warning("the last challenger keeps its alias: %s", error.fact)

    def _first(self) -> str:
        first = self.registry.find(CHAMPION)
        if first is None:
            raise StateError(
                f"expected a champion of the registered model {self.registry.name!r}, got none",
                hint="register a first model: registry.register(model, alias='champion', ...).",
            )
        return first.version
