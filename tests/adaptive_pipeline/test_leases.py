"""Leases: one at a time, with real processes, kills and clocks that go back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest
from sqlalchemy import select

from modelward.adaptive_pipeline import Store
from modelward.adaptive_pipeline.store.leases import Lease
from modelward.adaptive_pipeline.store.schema import leases
from modelward.core.errors import ServiceError, StateError

HOLDER = """
import sys
from modelward.adaptive_pipeline import Store
from modelward.adaptive_pipeline.store.leases import Lease
lease = Lease(Store(sys.argv[1]), "controller", seconds=float(sys.argv[2]))
lease.acquire(timeout=30)
print("held", lease.token, flush=True)
sys.stdin.readline()
lease.release()
lease.store.close()
"""

MANY = """
import sys
from sqlalchemy import update, select
from modelward.adaptive_pipeline import Store
from modelward.adaptive_pipeline.store.leases import Lease
store = Store(sys.argv[1])
lease = Lease(store, "controller", seconds=60)
print("ready", flush=True); sys.stdin.readline()
for _ in range(5):
    lease.acquire(timeout=60)
    # Read, and write back one more: an update is lost where two are inside at once.
    n = (store.load_state("n") or {"n": 0})["n"]
    with store.transaction() as tx:
        lease.check(tx)
        store.save_state("n", {"n": n + 1}, connection=tx)
    lease.release()
store.close()
"""


def start(code: str, *arguments: str) -> subprocess.Popen[str]:
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", code, *arguments], text=True, **pipes)


def elsewhere(store: Store, **more: Any) -> Lease:
    """A holder on a host of which nothing is known."""
    return Lease(store, "controller", holder="another-host/1", **more)


def test_who_is_killed_is_followed_at_once(
    stores: Store, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    child = start(HOLDER, url, "3600")
    assert child.stdout is not None
    assert child.stdout.readline() == "held 1\n"
    lease = Lease(stores, "controller")
    assert not lease.acquire(wait=False)
    caplog.set_level("INFO")
    with pytest.raises(StateError, match=f"one at work: .*/{child.pid}"):
        lease.acquire(timeout=0.3)
    assert caplog.text.count("another controller is at work") == 1  # told, and told once
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert lease.acquire(timeout=0.0)
    assert lease.token == 2


def test_who_ends_in_order_lets_the_next_one_in(stores: Store, url: str) -> None:
    child = start(HOLDER, url, "3600")
    assert child.stdout is not None
    child.stdout.readline()
    waiting = Lease(stores, "controller")
    thread = threading.Thread(target=waiting.acquire, kwargs={"timeout": 60})
    thread.start()
    child.communicate("\n", timeout=60)
    thread.join(timeout=60)
    assert waiting.token == 2


def test_two_that_start_at_once_do_not_both_get_it(stores: Store, url: str) -> None:
    children = [start(MANY, url) for _ in range(4)]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.communicate("\n", timeout=120)
    assert [child.returncode for child in children] == [0] * 4
    assert stores.load_state("n") == {"n": 20}
    with stores.reading() as tx:
        assert tx.scalar(select(leases.c.token)) == 20


def test_the_older_object_of_one_process_is_fenced(stores: Store) -> None:
    old, new = Lease(stores, "controller"), Lease(stores, "controller")
    old.acquire()
    with stores.transaction() as tx:
        old.check(tx)
    assert new.acquire(wait=False)

    def work() -> None:
        with stores.transaction() as tx:
            stores.save_state("done", {"by": "old"}, connection=tx)
            old.check(tx)

    with pytest.raises(StateError, match="got another in its place"):
        work()
    assert stores.load_state("done") is None
    with pytest.raises(StateError, match="got another in its place"):
        old.renew()
    old.release()  # of what it no longer has
    assert not elsewhere(stores).acquire(wait=False)


def test_another_host_is_followed_when_it_has_not_renewed(store: Store) -> None:
    now = [1_000.0]
    other = elsewhere(store, seconds=30, clock=lambda: now[0])
    mine = Lease(store, "controller", clock=lambda: now[0])
    other.acquire()
    now[0] += 29.0
    assert not mine.acquire(wait=False)
    other.renew()
    now[0] += 29.0
    assert not mine.acquire(wait=False)
    now[0] += 1.0
    assert mine.acquire(wait=False)


def test_who_works_keeps_the_place_without_renewing_it(stores: Store) -> None:
    now = [1_000.0]
    other = elsewhere(stores, seconds=30, clock=lambda: now[0])
    mine = Lease(stores, "controller", clock=lambda: now[0])
    other.acquire()
    for step in (5.0, 25.0, 25.0, -500.0, 25.0):  # the clock may go back
        now[0] += step
        with stores.transaction() as tx:
            other.check(tx)
        now[0] += 1.0
        assert not mine.acquire(wait=False)
    now[0] += 30.0
    assert mine.acquire(wait=False)


def test_a_clock_that_goes_back_takes_nothing_from_who_renews(store: Store) -> None:
    now = [10_000.0]
    other = elsewhere(store, seconds=30, clock=lambda: now[0])
    other.acquire()
    now[0] -= 5_000.0
    mine = Lease(store, "controller", clock=lambda: now[0])
    assert not mine.acquire(wait=False)
    other.renew()
    assert not mine.acquire(wait=False)
    now[0] += 30.0  # and its end is by the new time
    assert mine.acquire(wait=False)


def test_a_clock_that_goes_back_keeps_nobody_waiting_for_long(store: Store) -> None:
    now = [10_000.0]
    elsewhere(store, clock=lambda: now[0]).acquire()  # and it never renews
    now[0] -= 5_000.0
    assert Lease(store, "controller", seconds=0.3, clock=lambda: now[0]).acquire(timeout=30)


def test_a_transaction_under_the_lease_ends_before_another_takes_it(postgres: str) -> None:
    store = Store(postgres, busy_timeout=0.2)
    old, new = Lease(store, "controller"), Lease(store, "controller")
    old.acquire()
    with store.transaction() as tx:
        old.check(tx)
        with pytest.raises(ServiceError, match="lock timeout"):
            new.acquire(wait=False)
        store.save_state("done", {"by": "old"}, connection=tx)
    assert store.load_state("done") == {"by": "old"}
    assert new.acquire(wait=False)
    store.close()


def test_a_lease_is_kept_while_something_long_is_done(store: Store) -> None:
    lease = Lease(store, "controller", seconds=0.06)
    lease.acquire()
    renewed = threading.Event()
    renew = lease.renew

    def noted() -> None:
        renew()
        renewed.set()

    lease.renew = noted  # type: ignore[method-assign]
    with lease.kept():
        assert renewed.wait(timeout=30)
    assert not any(thread.name == "lease-controller" for thread in threading.enumerate())


def test_the_keeping_survives_a_store_that_is_away_and_ends_with_the_lease(store: Store) -> None:
    lease = Lease(store, "controller", seconds=0.03)
    lease.acquire()
    answers: list[Exception | None] = [ServiceError("away"), None, StateError("lost")]
    done = threading.Event()

    def renew() -> None:
        answer = answers.pop(0)
        if not answers:
            done.set()
        if answer is not None:
            raise answer

    lease.renew = renew  # type: ignore[method-assign]
    with lease.kept():
        assert done.wait(timeout=30)
    assert answers == []


def test_a_holder_that_is_no_process_of_this_host_is_waited_for(store: Store) -> None:
    for name in ("", "someone", f"{os.uname().nodename}/x", "another/1"):
        other = Lease(store, name or "empty", holder=name or None)
        other.acquire()
        mine = Lease(store, name or "empty", holder="me")
        assert not mine.acquire(wait=False)
