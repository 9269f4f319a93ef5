"""The parts of a pipeline as processes of their own, over one shared store."""

from __future__ import annotations

import logging
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from modelward.adaptive_pipeline import assembly
from modelward.adaptive_pipeline.controller.worker import Worker
from modelward.adaptive_pipeline.housekeeper import Housekeeper
from modelward.adaptive_pipeline.joiner import Joiner, Label, idle_for
from modelward.adaptive_pipeline.ledger import Ledger
from modelward.adaptive_pipeline.pipeline import GRACE, AdaptivePipeline, service
from modelward.adaptive_pipeline.settings import PipelineConfig
from modelward.adaptive_pipeline.store.leases import Lease
from modelward.adaptive_pipeline.store.store import Store
from modelward.adaptive_pipeline.triggers import inbox
from modelward.adaptive_pipeline.triggers.signal import Signal
from modelward.core.errors import StateError

logger = logging.getLogger(__name__)
_EVERY = 0.2  # seconds between two looks at the store


class Inbox(Joiner):
    """A joiner that only keeps labels, for a gateway beside which another process joins them."""

    def add(self, batch: Sequence[Label]) -> int:
        """Keep the labels for the process that joins; none is joined here."""
        self.keep(batch)
        return 0


def run_gateway(config: PipelineConfig) -> None:
    """Answer requests and take labels until told to stop; follow the plan in the store."""
    from modelward.adaptive_pipeline.gateway.app import serve
    from modelward.adaptive_pipeline.gateway.gateway import Gateway

    store = assembly.store(config)
    gateway = Gateway(
        store,
        registry=assembly.registry(config),
        durability=config.gateway.durability,
        patience=config.gateway.patience,
        deadline=config.gateway.deadline,
        timeout=config.gateway.timeout,
    )
    inbox = Inbox(store, horizon=config.horizon)
    app = service(config, gateway, joiner=inbox, on_labels=None)
    key = config.gateway.key
    serve(
        app,
        host=config.gateway.host,
        port=config.gateway.port,
        key=key.get_secret_value() if key else None,
        names=config.gateway.names,
    )


def run_joiner(config: PipelineConfig) -> None:
    """Join what gateways keep, until told to stop. A second one waits for the first to go."""
    store = assembly.store(config)
    lease = Lease(store, "joiner")
    joiner = Joiner(store, horizon=config.horizon, idle=idle_for(config.horizon))
    housekeeper = Housekeeper(joiner, days=config.retention_days)

    def step() -> None:
        try:
            lease.renew()
        except StateError:  # held up for so long that another took over
            if not lease.acquire(wait=False):
                return
        joiner.sweep()
        housekeeper.look()

    with _until_told() as stop:
        if _our_turn(lease, stop):
            _loop(step, "joiner", stop)
            lease.release()


def run_controller(config: PipelineConfig) -> None:
    """Decide and retrain, until told to stop. A second one waits for the first to go."""
    with _until_told() as stop:
        if _our_turn(Lease(assembly.store(config), "controller"), stop):
            pipeline = AdaptivePipeline(config, wait=None, begin=False)
            _loop(pipeline.controller.keep_on, "controller", stop)
            pipeline.close()


def steer(config: PipelineConfig, what: str, reason: str, *, timeout: float = 30.0) -> str:
    """Promote, roll back or ask for a retraining; say what the ledger says about it.

    Where a controller is at work, the wish is left to it, and its answer awaited. Otherwise it is
    done here. Raises `StateError` when it is refused, or not answered within `timeout` seconds.
    """
    store = assembly.store(config)
    lease = Lease(store, "controller")
    if lease.acquire(wait=False):
        lease.release()
        with closing(AdaptivePipeline(config, wait=0.0)) as pipeline:
            acts = {
                "retrain": pipeline.retrain,
                "promote": pipeline.promote,
                "rollback": pipeline.rollback,
            }
            last = pipeline.ledger.verify().entries
            acts[what](reason)
    else:
        last = Ledger(store).verify().entries
        trigger = "manual" if what == "retrain" else what
        wish = Signal(trigger=trigger, reason=reason)
        inbox.submit(store, wish, key=f"{what}-{uuid.uuid4()}", at=time.time())
    return _answer(store, what, reason, after=last, timeout=timeout)


def _answer(store: Store, what: str, reason: str, *, after: int, timeout: float) -> str:
    """Wait for the entry of the ledger that answers this wish; others may come before it."""
    until, never = time.monotonic() + timeout, threading.Event()
    done = {"trigger": "manual"} if what == "retrain" else {"what": what}
    answers = {
        "signal" if what == "retrain" else "command": done | {"reason": reason},
        "refused": {"what": what, "asked": reason},
    }
    while time.monotonic() < until:
        for entry in Ledger(store).entries()[after:]:
            if not answers.get(entry.kind, {"": None}).items() <= entry.body.items():
                continue
            if entry.kind == "refused":
                raise StateError(f"refused: {entry.body['reason']}")
            return f"entry {entry.number} of the ledger: {entry.kind}, {entry.body['reason']}"
        never.wait(_EVERY)
    raise StateError(
        f"expected an answer of the controller within {timeout:g} seconds, got none",
        hint="the wish stays in the store; look whether the controller runs.",
    )


def _our_turn(lease: Lease, stop: threading.Event) -> bool:
    """Wait for the lease, or until told to stop; say whether it was got."""
    if lease.acquire(wait=False):
        return True
    logger.info("another %s is at work; waiting until it is gone", lease.name)
    while not stop.wait(_EVERY):
        if lease.acquire(wait=False):
            return True
    return False


def _loop(step: Callable[[], Any], name: str, stop: threading.Event) -> None:
    with Worker(step, name=name, interval=_EVERY, grace=GRACE):
        logger.info("the %s is at work", name)
        stop.wait()


@contextmanager
def _until_told() -> Iterator[threading.Event]:
    """Give an event that SIGTERM and SIGINT set."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
