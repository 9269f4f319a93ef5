"""Fires when somebody asks for it."""

from __future__ import annotations

import time
import uuid
from collections import deque
from typing import TYPE_CHECKING, Any, Self

from modelward.adaptive_pipeline.triggers import inbox
from modelward.adaptive_pipeline.triggers.signal import Signal
from modelward.adaptive_pipeline.triggers.trigger import Trigger

if TYPE_CHECKING:
    from modelward.adaptive_pipeline.store.store import Store


class Manual(Trigger):
    """A button: each `press` gives one signal at the next look. Any thread may press it.

    In a pipeline the wish is in the store when `press` returns (see `inbox`), so that it is heard
    whatever happens then.

    >>> button = Manual()
    >>> button.press("new sensor mounted")
    >>> button.poll(0.0)
    Signal(trigger='manual', reason='new sensor mounted', since=None)
    >>> button.poll(1.0) is None
    True
    """

    def __init__(self) -> None:
        self._reasons: deque[str] = deque()
        self._store: Store | None = None

    def connect(self, store: Store) -> None:
        """Leave wishes in the inbox of this store, also those that wait already."""
        self._store = store
        while self._reasons:
            self.press(self._reasons[0])
            self._reasons.popleft()

    @property
    def name(self) -> str:
        """`manual`, as for a wish by command."""
        return "manual"

    def press(self, reason: str) -> None:
        """Ask for a retraining. Raises `ServiceError` when the store is away."""
        if self._store is None:
            self._reasons.append(reason)
            return
        wish = Signal(trigger=self.name, reason=reason)
        inbox.submit(self._store, wish, key=f"manual:{uuid.uuid4()}", at=time.time())

    def poll(self, now: float) -> Signal | None:  # noqa: ARG002 - at any time
        """Give the oldest wish that was not given yet."""
        return Signal(trigger=self.name, reason=self._reasons.popleft()) if self._reasons else None

    @property
    def state(self) -> dict[str, Any]:
        """The wishes that were not given yet, as plain values for `restore`."""
        return {"reasons": list(self._reasons)}

    def restore(self, state: dict[str, Any]) -> Self:
        """Go on from a `state` taken before."""
        self._reasons = deque(state["reasons"])
        return self
