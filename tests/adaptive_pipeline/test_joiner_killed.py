"""A process that records and joins is killed again and again; nothing is lost or counted twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys

from sqlalchemy import func, select

from modelward.adaptive_pipeline import JoinCounts, Joiner, Store
from modelward.adaptive_pipeline.store.schema import conflicts, joined, labels, predictions

N = 2_000

CHILD = """
import random, sys
from modelward.adaptive_pipeline import Joiner, Label, Store
from modelward.adaptive_pipeline.store.recording import Recorded, record
url, n, done = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
events = [(kind, i) for i in range(n) for kind in ("row", "label", "revision")]
draw = random.Random(0)
events += draw.sample(events, len(events) // 5)
draw.shuffle(events)
store = Store(url)
joiner = Joiner(store, clock=lambda: 0.0)
for start in range(done, len(events), 20):
    batch = events[start : start + 20]
    with store.transaction() as tx:
        record(tx, [Recorded(f"r{i}", 0.0, "{}", "1", "1") for kind, i in batch if kind == "row"])
    joiner.add(
        [Label(f"r{i}", i, int(kind == "revision")) for kind, i in batch if kind != "row"]
    )
    print(start, flush=True)
joiner.sweep()
print("done", flush=True)
"""


def test_kill_after_kill_nothing_is_lost_or_counted_twice(stores: Store, url: str) -> None:
    draw, done, kills = random.Random(0), 0, 0
    while True:
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, url, str(N), str(done)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        line, left = "", draw.randint(1, 60) if kills < 6 else -1
        for line in child.stdout:
            if line == "done\n" or left == 0:
                break
            done, left = int(line), left - 1
        if line == "done\n":
            child.communicate()
            break
        child.send_signal(signal.SIGKILL)  # in the middle of the next batch
        child.communicate()
        kills += 1
    assert (child.returncode, kills) == (0, 6)
    counts = Joiner(stores).counts()
    assert counts == JoinCounts(joined=N, revised=N, duplicates=counts.duplicates)
    with stores.reading() as tx:
        sizes = [
            tx.scalar(select(func.count()).select_from(table))
            for table in (predictions, labels, joined, conflicts)
        ]
        assert sizes == [N, 2 * N, 2 * N, 0]
        assert tx.scalar(select(func.count(joined.c.seq.distinct()))) == N
