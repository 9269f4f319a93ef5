"""kill -9 of a gateway under load: what was accepted is there, as its durability says."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import select

from modelward.adaptive_pipeline import Store
from modelward.adaptive_pipeline.store.schema import labels, predictions

SCRIPT = Path(__file__).with_name("killed_gateway.py")
CLIENTS = 3


@dataclass
class Accepted:
    """What one client was told has been accepted, with when."""

    predictions: dict[str, int] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    times: dict[str, float] = field(default_factory=dict)
    unanswered: tuple[str, int] | None = None  # what it was about to be told


class Servers:
    """A process that forks servers, on one port."""

    def __init__(self, url: str, durability: str) -> None:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.port = int(sock.getsockname()[1])
        self.child: int | None = None
        command = [sys.executable, str(SCRIPT), url, durability, str(self.port)]
        self.parent = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self) -> None:
        """Start a server, and wait until it answers."""
        assert self.parent.stdin is not None
        assert self.parent.stdout is not None
        self.parent.stdin.write("\n")
        self.parent.stdin.flush()
        self.child = int(self.parent.stdout.readline())
        until, never = time.monotonic() + 30, threading.Event()
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 5).close()
            except OSError:
                assert time.monotonic() < until, "the server does not start"
                never.wait(0.01)
            else:
                return

    def kill(self, how: signal.Signals = signal.SIGKILL) -> None:
        """End the server, where one runs."""
        if self.child is not None:
            os.kill(self.child, how)
            self.child = None


@contextmanager
def servers(url: str, durability: str) -> Iterator[Servers]:
    made = Servers(url, durability)
    with made.parent:  # closes its pipes, by which it ends, and waits
        try:
            yield made
        finally:
            made.kill()


def send(port: int, client: int, turn: int, found: Accepted) -> None:
    """Ask and label, until the server is gone."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def post(path: str, body: dict[str, object]) -> int:
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
        with connection.getresponse() as response:
            response.read()
            return response.status

    numbers = itertools.count()
    try:
        while True:
            # Whoever was not answered asks again, with the same id.
            n = next(numbers)
            name, x = found.unanswered or (f"{turn}/{client}/{n}", n)
            found.unanswered = name, x
            if post("/predict", {"row": {"x": x}, "request_id": name}) == 200:
                found.predictions[name] = 2 * x
                found.times[name] = time.monotonic()
            if post("/labels", {"label": x, "request_id": name}) == 202:
                found.labels[name] = x
            found.unanswered = None
    except (OSError, http.client.HTTPException):
        connection.close()


def under_load(
    at: Servers,
    turn: int,
    found: list[Accepted],
    seconds: float,
    how: signal.Signals = signal.SIGKILL,
) -> float:
    """Load a server, kill it after some seconds, and give the moment."""
    at.start()
    before = sum(len(each.predictions) for each in found)
    clients = [
        threading.Thread(target=send, args=(at.port, client, turn, found[client]))
        for client in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    until, never = time.monotonic() + 30, threading.Event()
    while sum(len(each.predictions) for each in found) < before + 5 and time.monotonic() < until:
        never.wait(0.005)
    never.wait(seconds)  # the moment is drawn, not waited for
    moment = time.monotonic()
    at.kill(how)
    for client in clients:
        client.join()
    return moment


def kept(url: str) -> tuple[dict[str, int], dict[str, int]]:
    store = Store(url)
    with store.reading() as tx:
        asked = tx.execute(select(predictions.c.request_id, predictions.c.prediction)).all()
        told = tx.execute(select(labels.c.request_id, labels.c.label)).all()
    store.close()
    assert len(dict(map(tuple, asked))) == len(asked)  # each once
    assert len(dict(map(tuple, told))) == len(told)
    return dict(map(tuple, asked)), dict(map(tuple, told))


KILLS = {"sqlite": 50, "postgresql": 15}


@pytest.mark.slow
def test_with_sync_nothing_accepted_is_lost_however_often_it_is_killed(url: str) -> None:
    rng, kills = random.Random(0), KILLS[url.partition(":")[0].partition("+")[0]]
    found = [Accepted() for _ in range(CLIENTS)]
    with servers(url, "sync") as at:
        for turn in range(kills):
            under_load(at, turn, found, rng.uniform(0.0, 0.1))
    there, told = kept(url)
    asked = {name: answer for each in found for name, answer in each.predictions.items()}
    labelled = {name: label for each in found for name, label in each.labels.items()}
    assert len(asked) >= 5 * kills
    assert asked.items() <= there.items()
    assert labelled.items() <= told.items()
    # All were answered in the end, but for what each client asked last: nothing is there twice.
    last = {each.unanswered[0] for each in found if each.unanswered}
    assert there.keys() - asked.keys() <= last
    assert told.keys() - labelled.keys() <= last


@pytest.mark.slow
def test_with_batch_only_the_newest_are_lost(tmp_path: Path) -> None:
    url, rng = f"sqlite:///{tmp_path / 'killed.db'}", random.Random(1)
    lost = 0
    with servers(url, "batch") as at:
        for turn in range(12):
            found = [Accepted() for _ in range(CLIENTS)]
            moment = under_load(at, turn, found, rng.uniform(0.3, 0.6))
            there, told = kept(url)
            for each in found:
                assert each.labels.items() <= told.items()  # labels always are on disk
                missing = [name not in there for name in each.predictions]
                assert missing == sorted(missing)  # no gap: the newest, and no others
                gone = [name for name in each.predictions if name not in there]
                # 50 ms, the commit under way, and what a busy machine adds to both
                assert all(each.times[name] > moment - 0.05 - 1.0 for name in gone)
                lost += len(gone)
    assert lost > 0  # else this has not looked at what it says


def test_told_to_stop_it_writes_what_it_accepted(tmp_path: Path) -> None:
    url, found = f"sqlite:///{tmp_path / 'stopped.db'}", [Accepted() for _ in range(CLIENTS)]
    with servers(url, "batch") as at:
        under_load(at, 0, found, 0.0, signal.SIGTERM)
    there, told = kept(url)  # the process has ended
    for each in found:
        assert each.predictions.items() <= there.items()
        assert each.labels.items() <= told.items()
