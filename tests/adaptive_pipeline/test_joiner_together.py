"""Several processes on one store: gateways that record and keep, joiners that join, one reader."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

from sqlalchemy import func, select

from modelward.adaptive_pipeline import JoinCounts, Joiner, Label, Store
from modelward.adaptive_pipeline.store.recording import Recorded, record
from modelward.adaptive_pipeline.store.schema import joined, predictions

N = 3_000

GATEWAY = """
import random, sys
from modelward.adaptive_pipeline import Joiner, Label, Store
from modelward.adaptive_pipeline.store.recording import Recorded, record
url, part, n, keeps = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "keep"
store = Store(url)
joiner = Joiner(store, clock=lambda: 1e9)
draw = random.Random(part)
names = [f"{part}-{i}" for i in range(n)]
events = [("row", name) for name in names] + [("label", name) for name in names]
events += draw.sample(events, n // 5)
draw.shuffle(events)
print("ready", flush=True); sys.stdin.readline()
while events:
    batch, events = events[:50], events[50:]
    with store.transaction() as tx:
        record(tx, [Recorded(name, 1e9, "{}", "1", "1") for kind, name in batch if kind == "row"])
    labels = [Label(name, 1) for kind, name in batch if kind == "label"]
    (joiner.keep if keeps else joiner.add)(labels)
store.close()
"""


def test_a_number_given_out_before_another_is_waited_for(postgres: str) -> None:
    store = Store(postgres)
    joiner = Joiner(store)
    with store.transaction() as slow:  # has number 1, and commits after number 2
        record(slow, [Recorded("slow", 0.0, "{}", "1", "1")])
        with store.transaction() as quick:
            quick.execute(
                predictions.insert().values(
                    request_id="q", at=0.0, row={}, version="1", prediction=1
                )
            )
        joining = threading.Thread(target=joiner.add, args=([Label("slow", 1), Label("q", 1)],))
        joining.start()
        waits = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        deadline = time.monotonic() + 30
        while not slow.exec_driver_sql(waits).scalar() and time.monotonic() < deadline:
            assert joining.is_alive()
    joining.join(timeout=60)
    assert joiner.counts() == JoinCounts(joined=2)
    store.close()


def test_nothing_is_lost_doubled_or_passed_over(stores: Store, url: str) -> None:
    kinds = ["keep", "keep", "add", "add"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    n = N // len(kinds)
    children = [
        subprocess.Popen(
            [sys.executable, "-c", GATEWAY, url, f"g{i}", str(n), kind], text=True, **pipes
        )
        for i, kind in enumerate(kinds)
    ]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("\n")
        child.stdin.flush()
    joiner, cursor, followed = Joiner(stores), 0, []
    deadline = time.monotonic() + 120
    while any(child.poll() is None for child in children) and time.monotonic() < deadline:
        joiner.sweep()
        cursor = follow(stores, cursor, followed)
    assert [child.wait(timeout=60) for child in children] == [0] * len(children)
    for child in children:
        child.communicate()
    joiner.sweep()
    follow(stores, cursor, followed)
    counts = joiner.counts()
    assert counts == JoinCounts(joined=N, duplicates=counts.duplicates)
    with stores.reading() as tx:
        assert tx.scalar(select(func.count()).select_from(predictions)) == N
        seqs = tx.execute(select(joined.c.seq).order_by(joined.c.seq)).scalars().all()
    assert len(set(seqs)) == N
    # The reader that went by position saw each join once: none became visible behind it.
    assert sorted(followed) == seqs


def follow(store: Store, cursor: int, seqs: list[int]) -> int:
    query = select(joined.c.position, joined.c.seq).where(joined.c.position > cursor)
    with store.reading() as tx:
        rows = tx.execute(query.order_by(joined.c.position)).all()
    seqs += [row.seq for row in rows]
    return rows[-1].position if rows else cursor
