"""The follower: keeps a gateway serving by the plan in the store, or the registry's aliases."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from modelward.adaptive_pipeline.gateway.serving import Serving
from modelward.adaptive_pipeline.host import Host
from modelward.adaptive_pipeline.plan import Plan
from modelward.adaptive_pipeline.registry import CHAMPION, Registry
from modelward.adaptive_pipeline.scorer import Scorer
from modelward.adaptive_pipeline.store.store import Store

logger = logging.getLogger(__name__)


class Follower:
    """Looks for a new plan every `every` seconds, loads what it names, and then swaps at once.

    While something cannot be loaded (the registry is away), what serves goes on serving, and it is
    tried again. Each version is loaded once; a challenger that answers requests runs in a process
    of its own where the registry allows it.
    """

    def __init__(
        self,
        store: Store,
        registry: Registry,
        swap: Callable[[Serving], None],
        *,
        every: float = 1.0,
        deadline: float = 1.0,
    ) -> None:
        self.deadline = deadline
        self.store = store
        self.registry = registry
        self.swap = swap
        self.every = every
        self.problem = ""
        self._plan: Plan | None = None
        self._loaded: dict[str, Scorer] = {}
        self._hosts: dict[str, Host] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._looked = -float("inf")
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to follow, in a thread."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
            self._thread.start()

    @property
    def running(self) -> bool:
        """Whether it looks by itself."""
        return self._thread is not None

    def look(self) -> None:
        """Look for a new plan now; where the last look failed a moment ago, not again."""
        with self._lock:
            if time.monotonic() < self._looked + min(0.2, self.every):
                return
            try:
                self._follow()
                self.problem = ""
            except Exception as error:  # registry or store are away: what serves goes on
                if not self.problem:
                    logger.warning("the plan cannot be followed: %s", error)
                self.problem = str(error)
            self._looked = time.monotonic()

    def close(self) -> None:
        """Stop following, and end the processes of challengers."""
        self._stop.set()
        for host in list(self._hosts.values()):  # one that is being loaded keeps the thread waiting
            host.close()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        for host in self._hosts.values():
            host.close()
        self._hosts = {}

    def _run(self) -> None:
        while not self._stop.is_set():
            self.look()
            self._stop.wait(self.every)

    def _follow(self) -> None:
        plan = Plan.load(self.store) or self._aliased()
        if plan is None or plan == self._plan:
            return
        champion = self._load(plan.champion)
        split = plan.mode == "split" and plan.challenger is not None
        challenger = self._outside(plan.challenger) if split and plan.challenger else None
        self.swap(Serving(champion, challenger, plan))
        self._plan = plan
        logger.info("following the plan: %s", plan)
        wanted = {plan.champion, plan.challenger}
        self._loaded = {v: scorer for v, scorer in self._loaded.items() if v in wanted}
        for version in [v for v in self._hosts if not split or v not in wanted]:
            self._hosts.pop(version).close()

    def _aliased(self) -> Plan | None:
        found = self.registry.find(CHAMPION)
        return None if found is None else Plan(champion=found.version)

    def _load(self, version: str) -> Scorer:
        if version not in self._loaded:
            self._loaded[version] = self.registry.load(version)
        return self._loaded[version]

    def _outside(self, version: str) -> Scorer:
        """Give a challenger; one that cannot be loaded fails when asked, and keeps nobody waiting."""
        try:
            if not self.registry.portable:
                return self._load(version)
            if version not in self._hosts:
                self._hosts[version] = Host(self.registry, version, timeout=self.deadline)
            return self._hosts[version].scorer
        except Exception as error:  # loading may raise anything
            logger.warning("the challenger cannot be loaded: %s", error)
            host = self._hosts.get(version)
            return Scorer(version, host.predict if host else _raising(error))


def _raising(error: Exception) -> Callable[[object], list[object]]:
    def predict(_: object) -> list[object]:
        raise error

    return predict
