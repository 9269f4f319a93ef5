"""Joining labels to predictions, on a SQLite file.

Predictions of 8 floats and then their labels, shuffled, in batches of 1,000, one core; beside them
the floor: the same rows by a bare `sqlite3` with the same settings, and for labels the least a join
can do there (keep the label, look up the request, write the join). Then the same stream with 20 %
duplicates in any order, into a process that is killed again and again: what was lost or counted
twice is counted. Where a PostgreSQL answers (`MODELWARD_TEST_POSTGRES_URL`, else 127.0.0.1), predictions and
labels go through the same library code into it too, beside bare psycopg with the same statements.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from modelward.adaptive_pipeline import JoinCounts, Joiner, Label, Store
from modelward.adaptive_pipeline.store.recording import Recorded, record
from modelward.adaptive_pipeline.store.store import PIPELINE
from modelward.core.errors import ServiceError

SHORT = os.environ.get("MODELWARD_BENCH") == "short"
ROWS = 20_000 if SHORT else 200_000
STREAM = 10_000 if SHORT else 50_000
KILLS = 5 if SHORT else 20
SERVED = 2_000 if SHORT else 20_000  # by PostgreSQL
POSTGRES = os.environ.get(
    "MODELWARD_TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
)
BATCH = 1_000


def predictions(n: int) -> list[Recorded]:
    draw = random.Random(0)
    return [
        Recorded(
            f"request-{i:012d}",
            1e9 + i / 100,
            json.dumps({f"x{k}": draw.random() for k in range(8)}),
            "1",
            json.dumps(draw.random()),
            latency=0.001,
        )
        for i in range(n)
    ]


def labels(n: int) -> list[Label]:
    draw = random.Random(1)
    made = [Label(f"request-{i:012d}", draw.random()) for i in range(n)]
    draw.shuffle(made)
    return made


def batches(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (rows[i : i + BATCH] for i in range(0, len(rows), BATCH))


class Rate(NamedTuple):
    """Rows a second: as passed on the wall, and of one core's own time (where others run too)."""

    wall: float
    core: float


def rate(write: Callable[[Sequence[Any]], object], rows: Sequence[Any]) -> Rate:
    wall, core = time.perf_counter(), time.process_time()
    for batch in batches(rows):
        write(batch)
    return Rate(len(rows) / (time.perf_counter() - wall), len(rows) / (time.process_time() - core))


def ours(url: str, rows: list[Recorded], truth: list[Label]) -> tuple[Rate, Rate, JoinCounts]:
    store = Store(url)

    def write(batch: Sequence[Recorded]) -> None:
        with store.transaction() as tx:
            record(tx, batch)

    joiner = Joiner(store)
    inserts = rate(write, rows)
    joins = rate(joiner.add, truth)
    counts = joiner.counts()
    store.close()
    return inserts, joins, counts


def floor(folder: Path, rows: list[Recorded], truth: list[Label]) -> tuple[Rate, Rate]:
    Store(f"sqlite:///{folder / 'floor.db'}").close()  # the same tables and indices
    db = sqlite3.connect(folder / "floor.db", isolation_level=None)
    for pragma in PIPELINE.sqlite_settings:
        db.execute(f"PRAGMA {pragma}")
    columns = ", ".join(f'"{name}"' for name in Recorded._fields)
    marks = ", ".join("?" * len(Recorded._fields))

    def write(batch: Sequence[Recorded]) -> None:
        db.execute("BEGIN IMMEDIATE")
        db.executemany(f"INSERT INTO predictions ({columns}) VALUES ({marks})", batch)
        db.execute("COMMIT")

    def join(batch: Sequence[Label]) -> None:
        texts = [(label.request_id, json.dumps(label.label)) for label in batch]
        db.execute("BEGIN IMMEDIATE")
        db.executemany("INSERT INTO labels VALUES (?, 0, ?, 0.0, 2)", texts)
        db.executemany(
            "INSERT INTO joined (seq, revision, label, at, late) "
            "SELECT seq, 0, ?2, 0.0, 0 FROM predictions WHERE request_id = ?1",
            texts,
        )
        db.execute("COMMIT")

    result = rate(write, rows), rate(join, truth)
    db.close()
    return result


def served() -> dict[str, float]:
    """Do the same on PostgreSQL, in a schema that is dropped again; nothing where none answers."""
    import psycopg

    name, plain = f"bench_{os.getpid()}", POSTGRES.replace("+psycopg", "")
    try:
        admin = psycopg.connect(plain, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        print(f"no figures of PostgreSQL: {error}", file=sys.stderr)
        return {}
    rows, truth = predictions(SERVED), labels(SERVED)
    with admin:
        rates = []
        for part in (f"{name}_bare", name):
            admin.execute(f"CREATE SCHEMA {part}")  # type: ignore[call-overload]
            try:
                url = f"{POSTGRES}?options=-csearch_path%3D{part}"
                rates.append(bare(url, rows, truth) if part != name else ours(url, rows, truth))
            finally:
                admin.execute(f"DROP SCHEMA {part} CASCADE")  # type: ignore[call-overload]
    (bare_inserts, bare_joins), (inserts, joins, counts) = rates
    if counts.joined != SERVED:
        raise ServiceError(f"expected {SERVED} joins on PostgreSQL, got {counts}")
    return {
        "PostgreSQL, prediction inserts, 1/s": round(inserts.wall),
        "PostgreSQL, prediction inserts, of bare psycopg": round(
            inserts.wall / bare_inserts.wall, 3
        ),
        "PostgreSQL, label joins, 1/s": round(joins.wall),
        "PostgreSQL, label joins, of a bare join": round(joins.wall / bare_joins.wall, 3),
    }


def bare(url: str, rows: list[Recorded], truth: list[Label]) -> tuple[Rate, Rate]:
    """The floor on PostgreSQL: the same rows, and the least a join can do."""
    import psycopg

    Store(url).close()  # the same tables and indices
    db = psycopg.connect(url.replace("+psycopg", ""))
    columns = ", ".join(f'"{name}"' for name in Recorded._fields)
    marks = ", ".join(["%s"] * len(Recorded._fields))
    insert = f"INSERT INTO predictions ({columns}) VALUES ({marks})"

    def write(batch: Sequence[Recorded]) -> None:
        with db.transaction(), db.cursor() as cursor:
            cursor.executemany(insert, list(batch))  # type: ignore[arg-type]

    def join(batch: Sequence[Label]) -> None:
        texts = [(label.request_id, json.dumps(label.label)) for label in batch]
        with db.transaction(), db.cursor() as cursor:
            cursor.executemany("INSERT INTO labels VALUES (%s, 0, %s, 0.0, 2)", texts)
            cursor.executemany(
                "INSERT INTO joined (seq, revision, label, at, late) "
                "SELECT seq, 0, %s, 0.0, false FROM predictions WHERE request_id = %s",
                [(text, name) for name, text in texts],
            )

    with db:
        return rate(write, rows), rate(join, truth)


def stream(n: int) -> list[Recorded | Label]:
    """Predictions and labels with 20 % duplicates, shuffled together."""
    events: list[Recorded | Label] = [*predictions(n), *labels(n)]
    draw = random.Random(2)
    events += draw.sample(events, len(events) // 5)
    draw.shuffle(events)
    return events


def feed(path: str, n: int) -> None:
    """Write the stream batch by batch from where the file says; a batch may come a second time."""
    store, progress = Store(f"sqlite:///{path}"), Path(path + ".progress")
    joiner, events = Joiner(store, clock=lambda: 1e9), stream(n)
    at = int(progress.read_text("utf-8")) if progress.exists() else 0
    print("ready", flush=True)
    for start in range(at, len(events), BATCH // 10):
        batch = events[start : start + BATCH // 10]
        with store.transaction() as tx:
            record(tx, [event for event in batch if isinstance(event, Recorded)])
        joiner.add([event for event in batch if isinstance(event, Label)])
        fresh = progress.with_suffix(".new")
        fresh.write_text(str(start), "utf-8")  # known only after the fact: at least once
        fresh.replace(progress)
    joiner.sweep()


def killed(folder: Path) -> dict[str, int]:
    path, draw, kills = str(folder / "killed.db"), random.Random(3), 0
    while True:
        command = [sys.executable, __file__, path, str(STREAM)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            child.stdout.readline()
            try:
                code = child.wait(timeout=draw.uniform(0.05, 0.4) if kills < KILLS else None)
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
                kills += 1
                continue
        if code == 0:
            break
    db = sqlite3.connect(path)
    seen = {
        name: (n, n - distinct)
        for name, (n, distinct) in {
            "predictions": _two(db, "SELECT count(*), count(DISTINCT request_id) FROM predictions"),
            "joined": _two(db, "SELECT count(*), count(DISTINCT seq) FROM joined"),
        }.items()
    }
    counts = Joiner(Store(f"sqlite:///{path}")).counts()
    db.close()
    return {
        "killed, times": kills,
        "killed, predictions lost": STREAM - seen["predictions"][0],
        "killed, joins lost": STREAM - seen["joined"][0],
        "killed, joined twice": seen["joined"][1] + seen["predictions"][1],
        "killed, totals wrong": int(counts.joined != STREAM or counts.waiting or counts.parked),
    }


def _two(db: sqlite3.Connection, query: str) -> tuple[int, int]:
    n, distinct = db.execute(query).fetchone()
    return n, distinct


def main() -> None:
    rows, truth = predictions(ROWS), labels(ROWS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bare_inserts, bare_joins = floor(folder, rows, truth)
        inserts, joins, counts = ours(f"sqlite:///{folder / 'ours.db'}", rows, truth)
        figures = {
            "rows": ROWS,
            "prediction inserts, 1/s": round(inserts.wall),
            "prediction inserts, 1/s of a core": round(inserts.core),
            "prediction inserts, of bare sqlite3": round(inserts.core / bare_inserts.core, 3),
            "label joins, 1/s": round(joins.wall),
            "label joins, 1/s of a core": round(joins.core),
            "label joins, of a bare join": round(joins.core / bare_joins.core, 3),
            "joined": counts.joined,
        } | killed(folder)
    figures |= served()
    print(json.dumps(figures))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        feed(sys.argv[1], int(sys.argv[2]))
    else:
        main()
