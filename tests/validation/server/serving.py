"""Servers and workers as processes that can be killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(what: Callable[[], object], *, seconds: float = 60.0, saying: str = "") -> None:
    """Wait until something holds; fail when it does not in time."""
    until, never = time.monotonic() + seconds, threading.Event()
    while not what():
        assert time.monotonic() < until, saying or "it did not come in time"
        never.wait(0.05)


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=2):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


class Processes:
    """Starts `modelward validation …` as processes, and ends what is left of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: list[subprocess.Popen[bytes]] = []
        self._n = 0

    def start(self, *arguments: str, database: str) -> subprocess.Popen[bytes]:
        self._n += 1
        log = (self.folder / f"process-{self._n}.log").open("wb")
        environment = {
            **os.environ,
            "MODELWARD_VALIDATION_DATABASE": database,
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        command = [sys.executable, "-m", "modelward.core.command", "validation", *arguments]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        log.close()
        self.running.append(process)
        return process

    def serve(self, database: str, *, port: int | None = None, wait: bool = True) -> str:
        port = port or free_port()
        process = self.start("serve", "--port", str(port), database=database)
        address = f"http://127.0.0.1:{port}"
        if wait:
            wait_for(
                lambda: process.poll() is not None or answers(address),
                saying=f"no server: {self.logs()}",
            )
            assert process.poll() is None, self.logs()
        self.server = process
        return address

    def work(self, database: str) -> subprocess.Popen[bytes]:
        self.worker = self.start("worker", "--poll", "0.05", database=database)
        return self.worker

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill it as a crash would: no goodbye."""
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
        self.running.remove(process)

    def logs(self) -> str:
        return "\n".join(
            path.read_text("utf-8", "replace")[-3_000:]
            for path in sorted(self.folder.glob("process-*.log"))
        )

    def end(self) -> None:
        for process in self.running:
            process.terminate()
        for process in self.running:
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=30)
        self.running = []
