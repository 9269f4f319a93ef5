"""The memory of a controller: its standing and its parts, changed and kept together or not at all."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import func, select

from modelward.adaptive_pipeline.arbiter import Arbiter
from modelward.adaptive_pipeline.comparison import Comparison, comparison_from
from modelward.adaptive_pipeline.controller.standing import Standing
from modelward.adaptive_pipeline.ledger import Ledger
from modelward.adaptive_pipeline.plan import Plan
from modelward.adaptive_pipeline.store import schema
from modelward.adaptive_pipeline.store.leases import Lease
from modelward.adaptive_pipeline.store.store import Store
from modelward.adaptive_pipeline.triggers.signal import Signal
from modelward.adaptive_pipeline.triggers.trigger import Trigger

if TYPE_CHECKING:
    from sqlalchemy import Connection

logger = logging.getLogger(__name__)


class Memory:
    """Holds what a controller knows, and the one transaction in which any of it changes.

    What a change led to, the entries of the ledger, the standing and the state of triggers, arbiter
    and comparison are stored together, under the lease. When that fails, everything is as it was
    stored before. `first` names the champion of a store in which no controller has worked yet;
    `changed` is called after each change.
    """

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        *,
        triggers: Sequence[Trigger],
        arbiter: Arbiter,
        comparison: Comparison,
        first: Callable[[], str],
        changed: Callable[[], None],
    ) -> None:
        self.store = store
        self.ledger = ledger
        self.lease = Lease(store, "controller")
        self.standing = Standing(champion="")
        self.triggers = tuple(triggers)
        for trigger in self.triggers:
            trigger.connect(store)
        self.arbiter = arbiter
        self.settings = comparison.settings
        self.comparison = comparison.fresh()
        self._first = first
        self._changed = changed
        self._stored: Plan | None = None
        self._failing: dict[str, str] = {}  # what each trigger that fails raised

    @property
    def plan(self) -> Plan:
        """What gateways do, as things stand."""
        trial = self.standing.trial
        return trial.plan if trial else Plan(champion=self.standing.champion)

    @contextmanager
    def change(self) -> Iterator[Connection]:
        """Change something, in one transaction; when that fails, go on from what is stored."""
        try:
            with self.store.transaction() as tx:
                self.lease.check(tx)
                yield tx
                self._save(tx)
        except BaseException:
            self.resume()
            raise
        self._changed()

    def _save(self, tx: Connection) -> None:
        self.standing.parts = {
            "triggers": self.triggers_state,
            "arbiter": self.arbiter.state,
            "settings": self.comparison.settings,
            "comparison": self.comparison.state,
        }
        self.standing.save(self.store, connection=tx)
        if self.plan != self._stored:
            self.plan.save(self.store, connection=tx)
            self._stored = self.plan

    @property
    def triggers_state(self) -> dict[str, Any]:
        """What each trigger remembers, by its name."""
        return {trigger.name: trigger.state for trigger in self.triggers}

    def resume(self) -> None:
        """Go on from what is stored."""
        found, self._stored = Standing.load(self.store), None
        if found is None:
            self.standing = Standing(champion=self._first())
            self.each_trigger("reset")
        else:
            self.standing = found
            for trigger in self.triggers:  # one with other settings than before begins anew
                state = found.parts["triggers"].get(trigger.name)
                trigger.reset() if state is None else trigger.restore(state)
            self.arbiter.restore(found.parts["arbiter"])
            # A trial under way keeps the settings it began with.
            self.comparison = comparison_from(found.parts["settings"])
            self.comparison.restore(found.parts["comparison"])
        self._changed()

    def each_trigger(self, what: Literal["reset", "rearm"]) -> None:
        """Reset or rearm all triggers."""
        for trigger in self.triggers:
            getattr(trigger, what)()

    def signals(self, ask: Callable[[Trigger], Signal | None]) -> list[Signal]:
        """Ask each trigger; one that raises, told once, keeps no other from being heard."""
        found: list[Signal] = []
        for trigger in self.triggers:
            try:
                signal = ask(trigger)
            except Exception as error:  # a store that is away, or a trigger of the user's own
                said = f"{type(error).__name__}: {error}"
                if self._failing.get(trigger.name) != said:
                    logger.warning("%s fails, and is asked again: %s", trigger, said)
                self._failing[trigger.name] = said
                continue
            if self._failing:
                self._failing.pop(trigger.name, None)
            if signal is not None:
                found.append(signal)
        return found

    def write(self, kind: str, body: Mapping[str, Any], tx: Connection) -> str:
        """Enter a decision in the ledger, with how many requests were served and labels joined."""
        place = {"served": last(tx, schema.predictions.c.seq), "labels": self.standing.cursor}
        return self.ledger.append(kind, {**place, **body}, connection=tx).digest


def last(tx: Connection, column: Any) -> int:
    """Give the highest number in a column, 0 before the first."""
    return int(tx.scalar(select(func.max(column))) or 0)
